# SPDX-License-Identifier: MIT
"""A replay case: a script of events, and what each run of `rawtap replay` must make of it.

    run -b -t
      exit 0
      says rawtap: 1 sessions recorded ...
      file home/u1/dovecot.rawlog/20190619-124200-502.in
        "a2 NOOP\\r\\n"

All that a run leaves behind is written down: every line that it says (with -D), every byte.
"""

import atexit
import functools
import os
import re
import shlex
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import scriptwords
import streamscript

NOBODY = 65534
SHARED = "/tmp"                 # every user can enter it; $TMPDIR may be private


@dataclass
class Outcome:
    exit: int = 0
    says: list = field(default_factory=list)
    files: dict = field(default_factory=dict)

    def text(self):
        yield f"  exit {self.exit}"
        yield from (f"  says {line}" for line in self.says)
        for path in sorted(self.files):
            yield f"  file {path if path.isprintable() else scriptwords.quote(path.encode())}"
            # long runs of one byte, as in cases about a lot of data, stay short
            for line in self.files[path].splitlines(keepends=True) if self.files[path] else ():
                yield from (f"    {piece}" for piece in quoted(line))


def quoted(line):
    for match in re.finditer(rb"(.)\1{199,}|(?:(?!(.)\2{199}).)+", line, re.DOTALL):
        piece = match[0]
        yield scriptwords.quote(piece[:1]) + f"*{len(piece)}" if match[1] else \
            scriptwords.quote(piece)


@dataclass
class Run:
    options: list
    expect: Outcome


class Case:
    def __init__(self, path):
        self.path = Path(path)
        script, self.runs = [], []
        run = None
        for line in self.path.read_text().split("\n"):
            if line.startswith("run"):
                run = Run(shlex.split(line)[1:], Outcome())
                self.runs.append(run)
            elif run is None:
                script.append(line)
            elif line.strip():
                self.expectation(run.expect, line)
        self.script_text = "\n".join(script).rstrip() + "\n"
        self.script = streamscript.Script(self.script_text)

    def __str__(self):
        return self.path.stem

    def expectation(self, outcome, line):
        word, _, rest = line.strip().partition(" ")
        if word == "exit":
            outcome.exit = int(rest)
        elif word == "says":
            outcome.says.append(rest)
        elif word == "file":
            self.open_file = scriptwords.parse_line(rest).text()
            outcome.files[self.open_file] = b""
        else:
            outcome.files[self.open_file] += scriptwords.parse_line(line).word()

    def text(self, outcomes):
        """The file with other expectations."""
        text = self.script_text
        for run, outcome in zip(self.runs, outcomes):
            text += "\n" + " ".join(["run", *map(shlex.quote, run.options)]) + "\n"
            text += "\n".join(outcome.text()) + "\n"
        return text


def unprivileged():
    """For subprocess: who runs it."""
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


@functools.cache
def copy_for_nobody(program):
    """A copy of the program that the user nobody can run: the program itself may be below a home
    that only its owner can enter. It is there until we end."""
    directory = tempfile.mkdtemp(prefix="rawtap-", dir=SHARED)
    atexit.register(shutil.rmtree, directory)
    Path(directory).chmod(0o755)
    copy = Path(shutil.copy(program, directory))
    copy.chmod(0o755)
    return copy


def tree(root):
    files = {}
    for path in sorted(root.rglob("*")):
        mode = path.lstat().st_mode
        if stat.S_ISDIR(mode):
            assert stat.S_IMODE(mode) == 0o700, f"{path}: {mode:o}"
            continue
        assert stat.S_ISREG(mode) and stat.S_IMODE(mode) == 0o600, f"{path}: {mode:o}"
        files[str(path.relative_to(root))] = path.read_bytes()
    return files


def replay(rawtap, stream, options, debug=True):
    """What comes of a stream, in a tree of its own."""
    with tempfile.TemporaryDirectory(prefix="rawtap-replay-", dir=SHARED) as name:
        top = Path(name)
        top.chmod(0o755)
        root, saved = top / "root", top / "stream"
        root.mkdir(mode=0o700)
        saved.write_bytes(stream)
        saved.chmod(0o644)
        if os.geteuid() == 0:
            os.chown(root, NOBODY, NOBODY)
        command = [str(copy_for_nobody(rawtap)), "replay", str(saved), "--root", str(root), *options]
        done = subprocess.run(command + ["-D"] * debug, stdin=subprocess.DEVNULL,
                              capture_output=True, cwd="/", timeout=60, check=False,
                              env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"}, **unprivileged())
        said = (done.stdout + done.stderr).decode(errors="replace").replace(str(saved), "STREAM")
        return Outcome(done.returncode, said.splitlines(), tree(root))
