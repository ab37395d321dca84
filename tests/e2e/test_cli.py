# SPDX-License-Identifier: MIT
"""The command line: what is wrong is said in one line that names it, with status 2."""

import re

import pytest

from taps import assert_one_line

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
    "-i -o": "-i",
    "-f in -f out": "-f out",
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


# What is wrong only of options together, or in a directory. A file is not the command line.
WRONG_TOGETHER = {
    "-b --rawlog-dir /x": "-b",
    "-i --lmtp-rawlog-dir /x": "-i",
    "-u user -R /x": "-u",
    "-u user --lmtp-rawlog-dir /x": "-u",
    "--rawlog-dir /x/%{nonsense}": "nonsense",
    "check --rawlog-dir /x/%{nonsense}": "nonsense",
    "check --submission-relay-rawlog-dir /x/%{nonsense}": "nonsense",
}


@pytest.mark.parametrize("arguments", WRONG_TOGETHER)
def test_wrong_together(run, arguments):
    result = run(*arguments.split())
    assert_one_line(result, 2, WRONG_TOGETHER[arguments])
    assert result.stdout == ""


def test_wrong_together_with_the_file_of_c(run, file):
    path = file("lmtp_rawlog_dir = /x\n")
    assert_one_line(run("-b", "-c", path, "--dovecot-config", "/dev/null"), 2, "-b")


def test_an_unknown_variable_in_the_file_of_c(run, file):
    path = file("protocol imap {\n  rawlog_dir = /x/%{nonsense}\n}\n")
    result = run("-c", path, "--dovecot-config", "/dev/null")
    assert_one_line(result, 1, f"-c {path}: ", "nonsense")


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


def test_help_as_nobody(run, for_nobody):
    assert run("--help", user="nobody", executable=for_nobody).returncode == 0
