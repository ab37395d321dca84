# SPDX-License-Identifier: MIT
"""Find and read the files that rawlog (native or rawtap's) leaves behind."""

import os
import re
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

NAME = re.compile(
    r"(?:(?P<ip>[0-9a-fA-F.:]+)-)?(?P<time>\d{8}-\d{6})-(?P<pid>\d+)"
    r"(?:-(?P<serial>\d+))?\.(?P<direction>in|out)")
# The names in all modes but the rawlog binary's (lib/iostream-rawlog.c of Dovecot 2.3.19.1).
LIB_NAME = re.compile(
    r"(?P<ip>(?!))?(?P<time>\d{8}-\d{6})\.(?P<pid>\d+)\.(?P<serial>\d+)\.(?P<direction>in|out)")
TIMESTAMP = re.compile(rb"^(\d+\.\d{6}) ", re.MULTILINE)
# All waits are so much longer: a guest without KVM computes slowly, and its clock runs on.
PATIENCE = float(os.environ.get("RAWTAP_PATIENCE", "1"))
BLOCK_START = b"<<<\n"
BLOCK_END = b">>>\n"


def wait_until(condition, what, timeout=20.0):
    """Poll until condition() is true, and return its value."""
    timeout *= PATIENCE
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"after {timeout:g} s still waiting: {what}")
        time.sleep(0.005)
    return value


BEGAN = b"[rawtap: the connection was open before rawtap started: its beginning is missing]\n"
GOES_ON = re.compile(
    rb"(?m)^(?:\d+\.\d{6} )?\[rawtap: the recording ends here; the end of the connection was not seen\]\n\Z")


def read(path):
    """Without the note that rawtap was stopped before the connection's end."""
    return GOES_ON.sub(b"", path.read_bytes())


@dataclass
class Pair:
    """The .in and the .out file of one connection (-f leaves only one)."""
    ip: str | None
    time: datetime
    pid: int
    serial: int | None
    files: dict[str, Path] = field(default_factory=dict)

    def read(self, direction):
        return read(self.files[direction])


def find_pairs(directory, names=NAME):
    """All pairs in a directory, by name; a file with any other name is an error."""
    pairs = {}
    for path in sorted(Path(directory).iterdir()):
        match = names.fullmatch(path.name)
        if match is None:
            raise ValueError(f"not the name of a rawlog: {path}")
        serial = match["serial"]
        pair = pairs.setdefault(path.stem, Pair(
            match["ip"],
            datetime.strptime(match["time"], "%Y%m%d-%H%M%S"),
            int(match["pid"]),
            int(serial) if serial else None))
        pair.files[match["direction"]] = path
    return list(pairs.values())


def split_timestamps(data):
    """Undo -t: (the stamps, the bytes). Each line must have its own stamp."""
    lines = data.count(b"\n") + (not data.endswith(b"\n") and data != b"")
    stamps = [float(stamp) for stamp in TIMESTAMP.findall(data)]
    if len(stamps) != lines:
        missing = re.search(rb"(?m)^(?!\d+\.\d{6} )", data)
        around = data[missing.start():missing.start() + 60]
        raise ValueError(f"no timestamp at offset {missing.start()}: {around!r}")
    return stamps, TIMESTAMP.sub(b"", data)


def split_blocks(data):
    """Undo -b: the list of blocks. No LF is added in front of the end marker."""
    if not data:
        return []
    if not (data.startswith(BLOCK_START) and data.endswith(BLOCK_END)):
        raise ValueError(f"not in blocks: {data[:30]!r} ... {data[-30:]!r}")
    inner = data[len(BLOCK_START):-len(BLOCK_END)]
    return inner.split(BLOCK_END + BLOCK_START)


def plain(data, flags=()):
    """The bytes of the connection, out of a file written with these flags."""
    if "-b" in flags:
        data = b"".join(split_blocks(data))
    if "-t" in flags:
        data = split_timestamps(data)[1]
    return data


def first_difference(a, b):
    """The first offset at which a and b differ; the shorter's length, if one starts the other."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def describe_difference(actual, expected):
    offset = first_difference(actual, expected)
    around = slice(max(0, offset - 30), offset + 30)
    return (f"first difference at offset {offset}"
            f" (actual has {len(actual)} bytes, expected {len(expected)})\n"
            f"  actual   {actual[around]!r}\n"
            f"  expected {expected[around]!r}")


# pytest's own comparison of two 10 MB strings takes minutes to print, hence these.

def assert_same(actual, expected, what):
    if actual != expected:
        raise AssertionError(f"{what}: {describe_difference(actual, expected)}")


def assert_starts_with(actual, prefix, what):
    if not actual.startswith(prefix):
        raise AssertionError(
            f"{what} is too short or differs: {describe_difference(actual, prefix)}")
