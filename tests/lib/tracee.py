# SPDX-License-Identifier: MIT
"""Run the tracee (tests/programs/tracee) under rawtap, and hold what rawtap wrote against what the
tracee says that it moved."""

import os
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import rawlogs
from rawlogs import PATIENCE, wait_until
from recorder import REPOSITORY, Rawtap

SOURCES = sorted((REPOSITORY / "tests/programs/tracee").glob("*.c"))
CFLAGS = ["-std=gnu11", "-D_GNU_SOURCE", "-O1", "-g", "-Wall", "-Wextra", "-Werror",
          "-Wno-unused-parameter", "-pthread"]
UID = GID = 5600
VICTIM = 5601                   # another user
GROUP = 5700
TIMEOUT = 60
MARK = re.compile(rb"\[rawtap: (\d+) bytes lost at offset (\d+): ([^\]\n]+)\]\n")
SUMMARY = {
    "sessions": re.compile(r"^rawtap: (\d+) sessions recorded", re.M),
    "refused": re.compile(r"^rawtap: (\d+) not recorded", re.M),
    "files": re.compile(r"sessions recorded .*, (\d+) files", re.M),
    "bytes_in": re.compile(r"sessions recorded .*, (\d+) bytes in", re.M),
    "bytes_out": re.compile(r"sessions recorded .*, (\d+) bytes out", re.M),
    "lost": re.compile(r"^rawtap: (\d+) bytes lost", re.M),
}


def temporary_directory():
    """Where mail users come through, and only root can write."""
    path = Path(tempfile.mkdtemp(prefix="rawtap-", dir="/tmp"))
    path.chmod(0o755)
    return path


@contextmanager
def build_programs(version="2.3.19.1"):
    """It plays this version of Dovecot; what it says to the others is always 2.3's."""
    directory = temporary_directory()
    try:
        subprocess.run([os.environ.get("CC", "gcc"), *CFLAGS, f'-DTRACEE_VERSION="{version}"',
                        "-o", directory / "dovecot", *SOURCES], check=True)
        shutil.copy(directory / "dovecot", directory / "imap")
        yield directory
    finally:
        shutil.rmtree(directory)


class Place:
    """A base_dir, a user with a home, and a directory for the tracee's notes."""

    def __init__(self, programs, rawtap_binary):
        self.programs = programs
        self.rawtap_binary = rawtap_binary
        self.root = temporary_directory()
        self.base_dir = self.root / "run"
        self.expect = self.root / "expect"
        self.home = self.root / "home"
        self.log_dir = self.home / "dovecot.rawlog"
        for directory in (self.base_dir, self.expect, self.home, self.log_dir):
            directory.mkdir()
        self.expect.chmod(0o777)
        for directory in (self.home, self.log_dir):
            own(directory)
        self.recorder = None
        self._running = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self._running:
            process.kill()
        shutil.rmtree(self.root)

    def rawtap(self, *flags):
        self.recorder = Rawtap("-D", "--base-dir", self.base_dir, *flags,
                               binary=self.rawtap_binary)
        self._running.append(self.recorder)
        return self.recorder

    def tracee(self, scenario, **options):
        process = Tracee(self, scenario, **options)
        self._running.append(process)
        return process

    def run(self, scenario, *, flags=("-b",), **options):
        """All of it: the recorder, the scenario, the end, the result. The ring holds all that a
        scenario moves, so that nothing is lost on a busy machine either."""
        self.rawtap(*flags, "--ring-size", "64M")
        self.tracee(scenario, **options).finish()
        return self.stop(flags)

    def stop(self, flags=()):
        status, stderr = self.recorder.stop()
        return Result(self, flags, status, stderr)

    def files(self):
        return sorted(self.log_dir.iterdir())

    def pairs(self):
        return rawlogs.find_pairs(self.log_dir) if self.log_dir.is_dir() else []

    def sessions_ended(self):
        return len(list(self.expect.glob("*.ended")))


def tree(directory):
    """All that is below: names, kinds, owners, contents."""
    def state(path):
        stat = path.lstat()
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else None
        return stat.st_mode, stat.st_uid, stat.st_gid, stat.st_mtime_ns, content
    return {path: state(path) for path in [directory, *directory.rglob("*")]}


def own(path, uid=UID, gid=GID):
    os.chown(path, uid, gid, follow_symlinks=False)


class Tracee:
    """master: the command to run as `dovecot`; it is given the arguments of one. as_uid: the
    user that runs it."""

    def __init__(self, place, scenario, *, kind="tcp", reply=None, fields="", uid=UID, gid=GID,
                 groups=(), arguments=(), master=None, as_uid=None, name="mailuser"):
        self.place = place
        if reply is None:
            reply = f"{name}\tuid={uid}\tgid={gid}\thome={place.home}{fields}"
        command = [*(master or [place.programs / "dovecot"]), "--base", place.base_dir,
                   "--expect", place.expect, "--reply", reply, "--uid", uid, "--gid", gid,
                   *(word for group in groups for word in ("--group", group)),
                   *(["--unix"] if kind == "unix" else []), *arguments, scenario]
        self.process = subprocess.Popen(
            list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            user=as_uid, group=as_uid, extra_groups=[] if as_uid else None, text=True)

    def wait_for(self, word):
        """Until the mail process asks: its pid."""
        line = self.process.stdout.readline().split()
        assert line[:1] == [word], f"the tracee said {line}, not {word}"
        return int(line[1])

    def say(self, answer="go"):
        self.process.stdin.write(answer + "\n")
        self.process.stdin.flush()

    def finish(self, said=None):
        """The master stays until rawtap has looked at it, as it can't at one that is gone."""
        said = said or f"master process {self.process.pid}"
        wait_until(lambda: said in self.place.recorder.stderr, f"rawtap to say: {said}", TIMEOUT)
        self.process.communicate(timeout=TIMEOUT * PATIENCE)
        assert self.process.returncode == 0, "the tracee failed, see above"

    def kill(self):
        self.process.kill()
        self.process.communicate()


@dataclass(frozen=True)
class Notes:
    """What a session moved: the bytes of each direction, and how many in each call."""
    bytes_in: bytes
    bytes_out: bytes
    sizes_in: tuple
    sizes_out: tuple

    @classmethod
    def read(cls, stem):
        sizes = [tuple(map(int, Path(f"{stem}.{direction}.sizes").read_text().split()))
                 for direction in ("in", "out")]
        return cls(Path(f"{stem}.in").read_bytes(), Path(f"{stem}.out").read_bytes(), *sizes)

    def expected(self, flags):
        if "-b" in flags:
            return blocks(self.bytes_in, self.sizes_in), blocks(self.bytes_out, self.sizes_out)
        return self.bytes_in, self.bytes_out


def blocks(data, sizes):
    parts, offset = [], 0
    for size in sizes:
        parts += [rawlogs.BLOCK_START, data[offset:offset + size], rawlogs.BLOCK_END]
        offset += size
    assert offset == len(data)
    return b"".join(parts)


class Result:
    """What is there once rawtap has ended."""

    def __init__(self, place, flags, status, stderr):
        self.flags = flags
        self.status = status
        self.stderr = stderr
        self.summary = {name: int(match[1]) for name, pattern in SUMMARY.items()
                        if (match := pattern.search(stderr))}
        self.place = place
        self.notes = []
        self.read_notes()
        self.files = [(pair.read("in"), pair.read("out")) for pair in place.pairs()]

    def read_notes(self):
        self.notes = [Notes.read(path.with_suffix(""))
                      for path in sorted(self.place.expect.glob("*.in"))]

    def assert_complete(self):
        """Every byte, nothing else, and it says so."""
        expected = [notes.expected(self.flags) for notes in self.notes]
        assert len(self.files) == len(expected), self.stderr
        assert self.summary["lost"] == 0, self.stderr
        if len(expected) == 1:
            for actual, wanted, name in zip(self.files[0], expected[0], (".in", ".out")):
                rawlogs.assert_same(actual, wanted, name)
        different = Counter(self.files) - Counter(expected)
        if different:
            raise AssertionError(f"{different.total()} of {len(expected)} sessions differ\n"
                                 + self.stderr)
        assert self.summary["sessions"] == len(expected), self.stderr
        assert self.summary["bytes_in"] == sum(len(notes.bytes_in) for notes in self.notes)
        assert self.summary["bytes_out"] == sum(len(notes.bytes_out) for notes in self.notes)
        assert self.status == 0, self.stderr

    def assert_gaps(self, reason=None):
        """Every byte is in the files or told as missing, at its place. The marks' sizes."""
        assert len(self.files) == len(self.notes), self.stderr
        sizes = []
        for files, notes in self._sessions():
            directions = ((notes.bytes_in, notes.sizes_in), (notes.bytes_out, notes.sizes_out))
            for data, (moved, calls) in zip(files, directions):
                data = rawlogs.plain(data, set(self.flags) & {"-t"})
                marks = [(int(size), int(offset), text.decode())
                         for size, offset, text in MARK.findall(data)]
                wanted = with_marks(moved, calls, marks, "-b" in self.flags)
                rawlogs.assert_same(data, wanted, "a file with gaps")
                assert all(text == reason for *_, text in marks if reason), marks
                sizes += [size for size, *_ in marks]
        assert self.summary["lost"] == sum(sizes), self.stderr
        assert self.status == (3 if sizes else 0), self.stderr
        return sizes

    def _sessions(self):
        """Which files are whose. Where there are several, they differ in how much was sent."""
        if len(self.files) == 1:
            return [(self.files[0], self.notes[0])]
        by_size = {len(notes.bytes_out): notes for notes in self.notes}
        assert len(by_size) == len(self.notes)
        return [(files, by_size[moved_size(files[1])]) for files in self.files]

    def assert_refused(self, reason, status=0):
        """Nobody was recorded, and it says why. status: 3 where the rules wanted it."""
        assert self.summary["sessions"] == self.summary["files"] == 0, self.stderr
        assert reason in self.stderr
        assert self.status == status, self.stderr


def moved_size(data):
    """How many bytes went by, of which some are missing: the last mark tells, and what
    comes after it."""
    marks = list(MARK.finditer(data))
    if not marks:
        return len(data)
    return int(marks[-1][1]) + int(marks[-1][2]) + len(data) - marks[-1].end()


def segments(size, calls, marks):
    """What a file is made of, in order: (mark, None), or (begin and end of bytes, begin and
    end of the call that moved them)."""
    gaps = iter([*marks, (0, size, None)])
    gap = next(gaps)
    at = begin = 0
    for call in calls:
        end = begin + call
        while at < end:
            assert at <= gap[1], f"a gap at {gap[1]}, expected at {at} or later"
            if at < gap[1]:
                yield (at, min(end, gap[1])), (begin, end)
                at = min(end, gap[1])
            else:
                assert gap[0], "a gap of no bytes"
                yield gap, None
                at += gap[0]
                gap = next(gaps)
        begin = end
    assert at == size, f"gaps end at {at}, not at {size}"


def with_marks(data, calls, marks, boundaries):
    """What the file must hold: a mark is a line of its own, in a block that is open or not."""
    parts = []
    is_open = False
    at_line_start = True
    for what, call in segments(len(data), calls, marks):
        if call is None:
            size, offset, text = what
            parts.append(b"" if at_line_start else b"\n")
            parts.append(f"[rawtap: {size} bytes lost at offset {offset}: {text}]\n".encode())
            at_line_start = True
            continue
        if is_open and what[0] == call[0]:
            parts.append(rawlogs.BLOCK_END)
            is_open = False
        if boundaries and not is_open:
            parts.append(rawlogs.BLOCK_START)
            is_open = True
        parts.append(data[slice(*what)])
        at_line_start = parts[-1].endswith(b"\n")
        if is_open and what[1] == call[1]:
            parts.append(rawlogs.BLOCK_END)
            is_open = False
            at_line_start = True
    return b"".join([*parts, rawlogs.BLOCK_END if is_open else b""])


def is_stopped(pid):
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def wait_stopped(pid):
    wait_until(lambda: is_stopped(pid), "the process to stop")


# Who is not recorded

def reply(home, uid=UID, gid=GID, name="mailuser", fields=""):
    return f"{name}\tuid={uid}\tgid={gid}\thome={home}{fields}"


def run_refused(place, reason, scenario="brief", status=0, **options):
    """Nothing is written anywhere, and it says why."""
    homes = [path for path in place.root.iterdir() if path not in (place.base_dir, place.expect)]
    before = [tree(home) for home in homes]
    place.run(scenario, flags=(), **options).assert_refused(reason, status)
    assert [tree(home) for home in homes] == before
