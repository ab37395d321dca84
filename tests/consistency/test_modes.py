# SPDX-License-Identifier: MIT
"""Each mode of user/rules/mode.c has an option, documents, and a place in the tests."""

import re

import pytest

import ctables
from recorder import REPOSITORY
from smtp_stage import OPTIONS

MODES = ctables.mode_rows()
SETTINGS = [mode["setting"] for mode in MODES.values() if "setting" in mode]
SPEC = re.compile(r"""\{(?:0|'\w'), "(?P<option>[\w-]+)", (?P<rest>[^{}]*)\}""")
TABLE = (REPOSITORY / "README.md").read_text().partition("\n## Recording modes\n")[2]
MANUAL = (REPOSITORY / "docs/rawtap.8").read_text()
DOVECOTS = (REPOSITORY / "docs/DOVECOT.md").read_text()


def options():
    """{mode's variable: name of its option}. What has no directory to be told of is switched on by
    an option of the mode's name."""
    rows = ctables.rows("opts.c", SPEC, r"""\{(?:0|'\w'), \"""")
    names = {row["option"] for row in rows}
    found = {variable: mode["name"] for variable, mode in MODES.items()
             if "home_dir" in mode and mode["name"] in names}
    for row in rows:
        for variable in re.findall(r"\bMODE\((\w+)\)", row["rest"]):
            found[variable] = row["option"]
    return found


def table_row(option):
    """README's row of the option, or ""."""
    return "".join(row for row in re.findall(r"^\| `-.*", TABLE, re.M)
                   if re.search(rf"`--{option}[ `]", row.split("|")[1]))


def lacks(variable, mode):
    """What there is not of this mode."""
    option, setting = options().get(variable), mode.get("setting")
    if not option:
        yield "an option in user/config/opts.c"
    if not table_row(option):
        yield "a row in README's table"
    if f"Fl -{option}" not in MANUAL:
        yield "its option in docs/rawtap.8"
    if not re.search(rf"^\| `--{option}` \| tls \|(?! not run)", DOVECOTS, re.M):
        yield "its runs in docs/DOVECOT.md: a row of MODES in tests/e2e/test_all_modes.py"
    if not setting:
        return
    if not re.search(rf"[` ]{setting} = DIR\b", table_row(option)):
        yield "its setting in README's table"
    if not re.search(rf"^\.Ic {setting}\b", MANUAL, re.M):
        yield "its setting in docs/rawtap.8"
    if OPTIONS.get(setting) != f"--{option}":
        yield "its setting and its option in OPTIONS of tests/lib/e2e/smtp_stage.py"


@pytest.mark.parametrize("variable", MODES)
def test_a_mode_has_all(variable):
    assert list(lacks(variable, MODES[variable])) == []


def test_the_stages_know_no_other_setting():
    assert sorted(OPTIONS) == sorted(SETTINGS)


@pytest.mark.parametrize("mode, count", [
    ({"name": "new", "setting": "new_rawlog_dir"}, 7),
    ({"name": "new"}, 4),
    ({"name": "new", "home_dir": "new.rawlog"}, 4),
])
def test_a_new_mode_lacks_all(mode, count):
    assert len(list(lacks("mode_new", mode))) == count
