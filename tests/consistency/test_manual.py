# SPDX-License-Identifier: MIT
"""--help and the manual page say the same."""

import re

import pytest

from recorder import REPOSITORY

MANUAL = REPOSITORY / "docs" / "rawtap.8"


def help_options(run):
    """{names: argument}, such as {("-c", "--config"): "file"}."""
    found = {}
    for line in re.findall(r"^  (?:    )?(-.*?)  ", run("--help").stdout, re.M):
        names, _, argument = line.replace(", ", ",").partition(" ")
        found[tuple(names.split(","))] = argument.lower()
    return found


def manual_options():
    found = {}
    for line in re.findall(r"^\.It (Fl .*)$", MANUAL.read_text(), re.M):
        names, argument = [], ""
        for part in line.split(" , "):
            name, _, argument = part.removeprefix("Fl ").partition(" ")
            names.append("-" + name)
            argument = re.sub(r"\b(Ar|Cm) ", "", argument).replace(" | ", "|")
        if len(names) == 2 and all(len(name) == 2 for name in names):     # -i , -o
            found.update({(name,): argument for name in names})
        else:
            found[tuple(names)] = argument
    return found


def test_the_manual_page_has_every_option(run):
    assert len(help_options(run)) > 10
    assert help_options(run) == manual_options()


def synopsis(command):
    """The options in the synopsis of a command."""
    text = MANUAL.read_text().partition(".Sh SYNOPSIS")[2].partition(".Sh DESCRIPTION")[0]
    part = next(part for part in text.split(".Nm\n") if f"Cm {command}\n" in part)
    found = set()
    for name in re.findall(r"Fl (\S+)", part):
        found |= {"-" + name} if name.startswith("-") else {f"-{letter}" for letter in name}
    return found


@pytest.mark.parametrize("command", ["record", "replay", "check"])
def test_the_synopsis_has_what_the_command_takes(run, command):
    taken = set()
    for names, argument in help_options(run).items():
        # Too many arguments: it never runs.
        result = run(command, "x", "x", "x", names[0], *(["in"] if argument else []))
        if "this command does not take the option" not in result.stderr:
            taken.add(names[0])
    assert taken - {"-h", "-V"} == synopsis(command)
