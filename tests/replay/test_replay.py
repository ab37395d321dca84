# SPDX-License-Identifier: MIT
"""Streams of events go in, trees of files come out: byte for byte, without privileges.

`make replay` builds rawtap with sanitizers and runs this. After a change that was meant:
scripts/update_golden.py NAME, and read the difference.
"""

import itertools
import os
import re
import subprocess
from pathlib import Path

import pytest

import ctables
import rawlogs
import streamabi
import streamscript
import streamvariants
from replaycase import Case, replay

ROOT = Path(__file__).resolve().parents[2]
CASES = [Case(path) for path in sorted(Path(__file__).parent.glob("*.rls"))]
RUNS = [pytest.param(case, run, id=" ".join([str(case), *run.options]))
        for case in CASES for run in case.runs]

# Of sessions that are seen; what becomes of them must be seen by some case.
REASONS = ctables.x_rows(ctables.source("reason.h"), "REASONS", r'(\w+), "([^"]*)", \w+')


def check(outcome, expect):
    assert outcome.files == expect.files
    assert outcome.says == expect.says
    assert outcome.exit == expect.exit


@pytest.mark.parametrize("case, run", RUNS)
def test_case(sanitized, case, run):
    check(replay(sanitized, case.script.compile(), run.options), run.expect)


def test_every_case_expects_something():
    assert CASES and all(case.runs for case in CASES)


@pytest.mark.parametrize("case, run", [run for run in RUNS if not run.values[0].script.whole])
def test_byte_by_byte(sanitized, case, run):
    """How the bytes of one system call are cut into records makes no difference."""
    records = streamvariants.split_bytes(case.script.records)
    check(replay(sanitized, case.script.compile(records), run.options), run.expect)


def without_end_times(files):
    """The stream's last record says when logs end whose connections go on."""
    return {name: re.sub(rb"(?m)^\d+\.\d{6} (?=\[rawtap: the recording ends here)", b"", data)
            for name, data in files.items()}


@pytest.mark.parametrize("case", [case for case in CASES if not case.script.fixed_order], ids=str)
def test_other_order(sanitized, case):
    """Connections that have nothing to do with each other may come in any order."""
    before = [id(record) for record in case.script.records]
    for seed in range(5):
        records = streamvariants.interleave(case.script, seed)
        if [id(record) for record in records] == before:
            continue
        outcome = replay(sanitized, case.script.compile(records), case.runs[0].options)
        expect = case.runs[0].expect
        assert without_end_times(outcome.files) == without_end_times(expect.files)
        assert sorted(outcome.says) == sorted(expect.says)
        assert outcome.exit == expect.exit


@pytest.mark.parametrize("name, text", [reason for reason in REASONS if reason[0] != "NONE"])
def test_every_reason_is_produced(name, text):
    # the summary counts them: "2 not recorded: 1 TEXT; 1 TEXT (which: see the warnings)"
    counted = re.compile(r"rawtap: \d+ not recorded:.* [1-9]\d* " + re.escape(text) +
                         r"(;|$| \(which)")
    assert any(counted.match(line) for case in CASES for run in case.runs
               for line in run.expect.says), f"no case yields {name}"


FLAGS = [[], ["-b"], ["-t"], ["-b", "-t"]]
NAMES = [[], ["-I"]]
SIDES = [[], ["-f", "in"], ["-i"], ["-f", "out"], ["-o"]]


@pytest.mark.parametrize("flags, names, sides", itertools.product(FLAGS, NAMES, SIDES))
def test_options_are_independent(sanitized, flags, names, sides):
    """-b and -t say what is in the files, -I what they are called, -f -i -o which there are."""
    case = next(case for case in CASES if str(case) == "options")
    stream = case.script.compile()
    content = next(run.expect for run in case.runs if run.options == flags).files
    named = next(run.expect for run in case.runs if run.options == names).files
    assert len(named) == len(content)
    expect = {name: data for name, data in zip(sorted(named), dict(sorted(content.items())).values())
              if not sides or name.endswith("in" if sides[-1] in ("in", "-i") else "out")}
    outcome = replay(sanitized, stream, flags + names + sides)
    assert outcome.files == expect and outcome.exit == 0


def test_structs_are_the_kernels(tmp_path):
    """The compiler of scripts knows include/rl_abi.h by heart. Still?"""
    lines = ["#include <stddef.h>", "#include <stdio.h>", '#include "rl_abi.h"', "int main(void) {"]
    expect = []
    for name, (layout, fields) in streamabi.STRUCTS.items():
        names, offset = fields.split(), 0
        for field, code in zip(names, re.findall(r"\d*[a-zA-Z]", expand(layout, len(names)))):
            lines.append(f'printf("{name}.{field} %zu\\n", offsetof(struct {name}, {field}));')
            expect.append(f"{name}.{field} {offset}")
            offset += streamabi.struct.calcsize("=" + code)
        lines.append(f'printf("{name} %zu\\n", sizeof(struct {name}));')
        expect.append(f"{name} {offset}")
    for name, value in streamabi.NUMBERS.items():
        lines.append(f'printf("{name} %d\\n", {name});')
        expect.append(f"{name} {value}")
    lines.append("#define X(...) + 1")
    lines.append('printf("types %d\\n", 0 RL_RECORD_TYPES(X));')
    expect.append(f"types {len(streamabi.TYPES)}")
    source, program = tmp_path / "abi.c", tmp_path / "abi"
    source.write_text("\n".join(lines + ["return 0; }", ""]))
    subprocess.run([*os.environ.get("CC", "cc").split(), "-I", str(ROOT / "include"), "-o",
                    str(program), str(source)], check=True)
    said = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    assert said.splitlines() == expect


@pytest.mark.parametrize("line, values", [
    (r"MODE: (.*)", ctables.modes()),
    (r"VERSION \[status=(.*)\]", streamabi.names("RL_MASTER_")),
    (r"CLASS ino=N \[path=P\] (.*)", streamabi.names("RL_CLASS_").keys() - {"none"}),
    (r"(.*), or a number", streamabi.names("RL_GAP_")),
    (r"T log SESSION (\S*)", streamabi.LOG_STATUS),
    (r"T write SESSION (\S*)", {name.replace("-", "_") for name in streamabi.WRITE_STATUS}),
], ids=["mode", "master", "class", "gap", "log", "write"])
def test_scripts_can_say_every_value(line, values):
    """The text of streamscript.py names them all."""
    named, = re.findall(line, streamscript.__doc__)
    assert sorted(re.findall(r"\w+", named.replace("-", "_"))) == sorted(values)


def test_scripts_can_say_every_flag_and_status():
    assert [name for name in streamabi.FLAGS if f"[{name}]" not in streamscript.__doc__] == []
    assert sorted(name.lower() for name in streamabi.LOG_STATUS.values()) == \
        sorted(streamabi.names("RL_LOG_"))
    assert sorted(name.lower() for name in streamabi.WRITE_STATUS.values()) == \
        sorted(streamabi.names("RL_WRITE_"))


def test_every_master_is_in_a_case():
    seen = {streamabi.unpack("rl_master", record.payload)["status"] for case in CASES
            for record in case.script.records if record.type == "FACT_MASTER"}
    assert [name for name, value in streamabi.names("RL_MASTER_").items() if value not in seen] == []


@pytest.mark.parametrize("name, number, text", streamabi.GAPS)
def test_every_gap_is_in_a_case(name, number, text):
    line = f": {text}]\n".encode()
    assert any(line in data for case in CASES for run in case.runs
               for data in run.expect.files.values()), f"no case yields {name}"


def expand(layout, count):
    """'=9Q' for nine fields is nine formats; '16s' is one."""
    return re.sub(r"(\d+)Q", lambda match: "Q" * int(match[1]), layout) if count > 1 else layout


def test_no_record_type_is_forgotten():
    """Scripts have a verb for each; groups are of any number."""
    payloads = {payload for *_, payload in streamabi.TYPES}
    assert payloads - {"rl_none", "rl_groups"} <= streamabi.STRUCTS.keys()


# Files that are no stream

GOOD = Case(Path(__file__).parent / "plain.rls").script.compile() \
    if (Path(__file__).parent / "plain.rls").exists() else b""


@pytest.mark.parametrize("stream, says", [
    (b"", "it is not a saved stream"),
    (b"RAWTAP\0", "it is not a saved stream"),
    (b"RAWTAP\0!" + GOOD[8:], "it is not a saved stream"),
    (GOOD[:8] + b"\1" + GOOD[9:], "another version of rawtap"),
    (GOOD[:12] + GOOD[12:16][::-1] + GOOD[16:], "another kind of machine"),
    (GOOD[:16], "it does not begin with the rules"),
    (GOOD[:24], "it does not begin with the rules"),
], ids=range(7))
def test_no_stream(sanitized, stream, says):
    outcome = replay(sanitized, stream, [])
    assert outcome.exit == 1 and not outcome.files
    assert len(outcome.says) == 1 and says in outcome.says[0]


def test_cut_off_anywhere(sanitized):
    """A recorder that was killed leaves a stream that is cut: never a crash, always a message."""
    whole = replay(sanitized, GOOD, [])
    pieces = list(Case(Path(__file__).parent / "plain.rls").script.pieces())
    ends = set(itertools.accumulate(map(len, pieces)))
    begin = len(pieces[0]) + len(pieces[1])
    for size in range(begin, len(GOOD), 37):
        outcome = replay(sanitized, GOOD[:size], [])
        assert outcome.exit == (0 if size in ends else 1), size
        for name, data in outcome.files.items():
            assert whole.files[name].startswith(rawlogs.GOES_ON.sub(b"", data))


def test_nothing_is_overwritten(sanitized, tmp_path):
    """A second replay into the same tree leaves what is there alone, and says so."""
    stream = tmp_path / "stream"
    stream.write_bytes(GOOD)
    root = tmp_path / "root"
    root.mkdir()
    command = [sanitized, "replay", stream, "--root", root]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
    files = {path: path.read_bytes() for path in root.rglob("*.in")}
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 3 and "File exists" in done.stderr
    assert files == {path: path.read_bytes() for path in root.rglob("*.in")}
