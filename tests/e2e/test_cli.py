# SPDX-License-Identifier: MIT
"""The command line: what is wrong is said in one line that names it, with status 2."""

import re
from pathlib import Path

import pytest

from taps import assert_one_line

MANUAL = Path(__file__).resolve().parents[2] / "docs" / "rawtap.8"

# What is typed, and what the message must name.
WRONG = {
    "-x": "-x",
    "-t -x": "-x",
    "-bx": "-x",
    "-bxt": "-x",
    "-t -bxt": "-x",
    "--nope": "--nope",
    "--nope=1": "--nope",
    "check --nope": "--nope",
    "replay file --nope": "--nope",
    "--debug=yes": "--debug",
    "-c": "-c",
    "-bc": "-c",
    "--config": "--config",
    "--user": "--user",
    "-u": "-u",
    "-f": "-f",
    "-f both": "both",
    "-fx": "x",
    "-i -o": "*.in",
    "-f in -f out": "*.in",
    "--base-dir": "--base-dir",
    "--ring-size": "--ring-size",
    "--ring-size 1": "1",
    "--ring-size 127K": "127K",
    "--ring-size 2G": "2G",
    "--ring-size 18446744073709551616": "18446744073709551616",
    "--ring-size -1M": "-1M",
    "--ring-size 16MB": "16MB",
    "--ring-size K": "K",
    "--ring-size=": "--ring-size",
    "extra": "extra",
    "record extra": "extra",
    "-t record": "record",
    "-- -t": "-t",
    "check extra": "extra",
    "replay": "file",
    "replay a b": "b",
    "replay --root dir": "file",
    "replay a --root": "--root",
    "record --root dir": "--root",
    "check -u user": "-u",
    "check -t": "-t",
    "check --save file": "--save",
    "check --config=file": "--config",
    "replay a --save file": "--save",
    "replay a --base-dir dir": "--base-dir",
    "replay a -c file": "-c",
    "replay a --rawlog": "--rawlog",
}


@pytest.mark.parametrize("arguments", WRONG)
def test_wrong_usage(run, arguments):
    result = run(*arguments.split())
    assert_one_line(result, 2, "rawtap --help")
    named = result.stderr.removeprefix("rawtap: error: ").removesuffix("; see rawtap --help\n")
    assert re.search(rf"(?<![\w-]){re.escape(WRONG[arguments])}(?![\w-])", named), result.stderr
    assert result.stdout == ""


def test_an_empty_file_name(run):
    assert_one_line(run("replay", ""), 1)


@pytest.mark.parametrize("command", [[], ["record"], ["check"], ["replay"]], ids=" ".join)
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help(run, command, option):
    result = run(*command, option)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("usage: rawtap ")
    assert max(map(len, result.stdout.splitlines())) <= 100


@pytest.mark.parametrize("option", ["-V", "--version", "--vers"])
def test_version(run, option):
    result = run(option)
    assert (result.returncode, result.stderr) == (0, "")
    assert re.fullmatch(r"rawtap \d+\.\d+\.\d+\n", result.stdout)


def test_help_as_nobody(run):
    assert run("--help", user="nobody").returncode == 0


# --help and the manual page say the same

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
