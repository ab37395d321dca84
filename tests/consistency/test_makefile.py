# SPDX-License-Identifier: MIT
"""The Makefile does what it and the documents say of it."""

import os
import re
import subprocess

import pytest

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
