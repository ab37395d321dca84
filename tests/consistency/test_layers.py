# SPDX-License-Identifier: MIT
"""The checks of the layers can fail: scripts/layers.py, check_includes.py, check_objects.py."""

import subprocess
import sys
from pathlib import Path

import pytest

import check_includes
from layers import IMPURE_SEEN, PURE, SEES, circles, sees

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


def check(tmp_path, **sources):
    """What check_objects.py says of these modules ("engine/a": "C source")."""
    objects = []
    for module, source in sources.items():
        path = tmp_path / f"{module.replace('__', '/')}.o"
        path.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cc", "-c", "-O2", "-fPIE", "-x", "c", "-", "-o", path], input=source,
                       text=True, check=True)
        objects.append(path)
    result = subprocess.run([sys.executable, SCRIPTS / "check_objects.py", tmp_path, *objects],
                            capture_output=True, text=True)
    assert result.returncode == bool(result.stderr)
    return result.stderr


@pytest.mark.parametrize("source", [
    "const char *const constant[] = {\"a\", \"b\"};",
    "#include <string.h>\nunsigned long f(const char *s) { return strlen(s); }",
])
def test_pure(tmp_path, source):
    assert check(tmp_path, engine__a=source) == ""


@pytest.mark.parametrize("source, said", [
    ("#include <time.h>\nlong f(void) { return time(0); }", "calls time()"),
    ("#include <unistd.h>\nint f(void) { return getpid(); }", "calls getpid()"),
    ("int f(void) { static int seen; return ++seen; }", "keeps a variable"),
    ("int number = 7;", "keeps a variable"),
    ("const char *text = \"a\";", "keeps a variable"),      # the pointer can change
    ("__thread int number;", "keeps a variable"),
])
def test_impure(tmp_path, source, said):
    assert said in check(tmp_path, engine__a=source)
    assert check(tmp_path / "host", host__a=source) == ""    # elsewhere it may be so


CALL = "long now(void); long f(void) { return now(); }"
IMPURE = {
    "time()": "#include <time.h>\nlong now(void) { return time(0); }",
    "feof()": "#include <stdio.h>\nlong now(void *file) { return feof(file); }",
    "variable": "static long seen; long now(void) { return ++seen; }",
}


@pytest.mark.parametrize("what", IMPURE)
@pytest.mark.parametrize("module", ["base/b", "records/b"])
def test_purity_is_of_all_that_is_called(tmp_path, module, what):
    called = {module.replace("/", "__"): IMPURE[what]}
    said = check(tmp_path, engine__a=CALL, **called)
    assert what in said and f"must be pure: engine/a -> {module}" in said
    assert check(tmp_path / "alone", **called) == ""        # nobody pure calls it


def test_purity_is_of_what_is_called_by_the_called(tmp_path):
    said = check(tmp_path, engine__a="long f(void); long g(void) { return f(); }", base__b=CALL,
                 base__c=IMPURE["time()"])
    assert "base/c.c: calls time(), but must be pure: engine/a -> base/b -> base/c" in said


def test_a_message_is_not_pure_and_may_be_said(tmp_path):
    """What is allowed by name is there, and needs to be."""
    for module in IMPURE_SEEN:
        assert (SCRIPTS.parent / f"user/{module}.c").exists()
    say = "#include <stdio.h>\nvoid say(void) { fputs(\"a\", stderr); }"
    caller = "void say(void); void f(void) { say(); }"
    assert check(tmp_path, engine__a=caller, base__log=say) == ""
    assert "user/base/b.c: calls" in check(tmp_path / "other", engine__a=caller, base__b=say)


def test_a_prototype_does_not_cross_a_layer(tmp_path):
    """Declared by hand, not by a header that check_includes.py sees."""
    said = check(tmp_path, host__a="int g(void); int f(void) { return g(); }",
                 output__b="int g(void) { return 1; }")
    assert "user/host/a.c: uses g of output/b.c: host does not see output/" in said
    said = check(tmp_path / "main", main="extern const int g; int f(void) { return g; }",
                 output__b="extern const int g; const int g = 1;")
    assert "user/main.c: uses g of output/b.c: main.c does not see output/" in said


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A function that makes a file below user/, in a tree that check_includes.py looks at."""
    def add(path, text):
        (tmp_path / "user" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "user" / path).write_text(text)

    monkeypatch.setattr(check_includes, "ROOT", tmp_path)
    monkeypatch.setattr(check_includes, "USER", tmp_path / "user")
    add("output/as_user.h", "")
    add("base/str.h", "")
    return add


@pytest.mark.parametrize("include", [
    '#include "output/as_user.h"', "#include <output/as_user.h>",
    '#include "../output/as_user.h"', "#include <../user/output/as_user.h>",
    "#  include\t<output/as_user.h>", "#include_next <output/as_user.h>",
    "#define HEADER <output/as_user.h>\n#include HEADER",
    "#include <base/str.h>",                    # seen, but not said so
    '#include "host/part.c"',                   # not a header
])
def test_an_include_does_not_cross_a_layer(tree, include):
    tree("host/part.c", "")
    tree("host/a.c", '#include "base/str.h"\n#include <string.h>\n')
    assert not [error for error in check_includes.problems() if "host/a.c" in error]
    tree("host/a.c", f"{include}\n")
    assert [error for error in check_includes.problems() if "host/a.c: includes" in error]


def test_what_is_allowed_is_used(tree):
    unused = "engine may see base/, but does not"
    assert [error for error in check_includes.problems() if unused in error]
    assert [error for error in check_includes.problems() if "includes <string.h>" in error]
    tree("engine/a.c", '#include "base/str.h"\n#include <string.h>\n')
    assert not [error for error in check_includes.problems() if unused in error]
    assert not [error for error in check_includes.problems() if "includes <string.h>" in error]


def test_circle_of_calls(tmp_path):
    said = check(tmp_path, host__a="int g(void); int f(void) { return g(); }",
                 host__b="int f(void); int g(void) { return f(); }")
    assert "a circle of calls: host/a -> host/b -> host/a" in said


@pytest.mark.parametrize("edges, found", [
    ({}, []),
    ({"a": {"a"}}, []),
    ({"a": {"b", "c"}, "b": {"c"}}, []),
    ({"a": {"b"}, "b": {"a"}}, [["a", "b", "a"]]),
    ({"x": {"a"}, "a": {"b"}, "b": {"c"}, "c": {"a"}}, [["a", "b", "c", "a"]]),
])
def test_circles(edges, found):
    assert circles(edges) == found


def test_folders_see_downwards_only():
    """What a folder sees does not see it; and what is pure sees what is pure, or needs no more."""
    assert circles({folder: {other for other in SEES if other != folder and sees(folder, other)}
                    for folder in SEES if folder}) == []
    for folder in PURE:
        assert set(SEES[folder].split()) <= {*PURE, "base", "records"}
