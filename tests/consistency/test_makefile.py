# SPDX-License-Identifier: MIT
"""The Makefile does what it and the documents say of it."""

import os
import re
import shlex
import subprocess

import pytest

import check_style
from recorder import REPOSITORY

USER = REPOSITORY / "user"


@pytest.fixture(scope="module")
def database():
    """What make knows of variables and targets, when it is called without any."""
    env = {name: value for name, value in os.environ.items()
           if name in ("HOME", "PATH", "USER")}
    return subprocess.run(["make", "-C", REPOSITORY, "-pn", "--no-print-directory", "OUTPUT=out"],
                          env=env, stdout=subprocess.PIPE, text=True, check=True).stdout


def test_no_default_is_one_that_make_has_already(database):
    """`CC ?= gcc` would do nothing."""
    names = re.findall(r"^(\w+)\s*\?=", (REPOSITORY / "Makefile").read_text(), re.M)
    assert names
    for name in names:
        assert not re.search(rf"^# default\n{name} ", database, re.M), name


def test_the_tests_are_linked_with_all_but_main(database):
    """docs/HOWTO_ADD.md promises it."""
    linked = re.search(r"^out/librawtap\.a: (.*)$", database, re.M)[1].split()
    assert sorted(linked) == sorted(f"out/{path.relative_to(USER).with_suffix('.o')}"
                                    for path in USER.rglob("*.c") if path != USER / "main.c")


def test_unit_tests_are_where_the_documents_say(database):
    folder = re.search(r"^SAN_OUTPUT := (.*)$", database, re.M)[1]
    assert f"`{folder}/test_rules`" in (REPOSITORY / "tests/README.md").read_text()


def targets(text):
    """Those of `make ...` in backticks, or in a line of code."""
    found = set()
    for spaced, quoted in re.findall(r"^ {4,}make\b(.*)|`make\b([^`]*)`", text, re.M):
        words = shlex.split(spaced or quoted, comments=True)
        found |= {word for word in words if not word.startswith("-") and "=" not in word}
    return found


def test_targets_are_found():
    text = "`make -s lint check T='-k x'` or make sure\n    make unit corpus  # it\n`make`\n"
    assert targets(text) == {"lint", "check", "unit", "corpus"}


def test_targets_that_are_named_are_there(database):
    """In documents and in C files."""
    known = set(re.findall(r"^([\w-]+):", database, re.M))
    named = {path: targets(path.read_text())
             for path in check_style.files() if path.suffix in (".md", ".c", ".h")}
    assert named[REPOSITORY / "CONTRIBUTING.md"]
    assert {path: lost for path, found in named.items() if (lost := found - known)} == {}
