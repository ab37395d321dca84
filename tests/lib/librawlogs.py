# SPDX-License-Identifier: MIT
"""Files as lib/iostream-rawlog.c of Dovecot writes them: the modes with a directory of their own.

    dirs = TwoDirs(dovecot.root, "lmtp_rawlog_dir")
    ... Dovecot is configured with dirs.native, rawtap started with dirs.rawtap
    assert_same_pairs(dirs)
"""

import re
import stat
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path

import rawlogs

NAME = re.compile(
    r"(?P<time>\d{8}-\d{6})\.(?P<pid>\d+)\.(?P<number>[1-9]\d*)\.(?P<direction>in|out)")


@dataclass
class Pair:
    """The .in and the .out file of one stream of a connection."""
    time: datetime
    pid: int
    number: int
    files: dict[str, Path] = field(default_factory=dict)

    @cached_property
    def _streams(self):
        return [rawlogs.split_timestamps(rawlogs.read(self.files[direction]))
                for direction in ("in", "out")]

    @property
    def stamps(self):
        """(of .in, of .out)"""
        return tuple(stamps for stamps, _ in self._streams)

    @property
    def content(self):
        """(in, out), without timestamps, as they were when first asked for."""
        return tuple(data for _, data in self._streams)

    @property
    def attributes(self):
        """Owner and mode of both files."""
        status = [self.files[direction].stat() for direction in ("in", "out")]
        return [(s.st_uid, s.st_gid, stat.filemode(s.st_mode)) for s in status]


def find_pairs(directory):
    """{(pid, number): pair}; a file with any other name, or alone, is an error."""
    pairs = {}
    for path in sorted(Path(directory).iterdir()):
        match = NAME.fullmatch(path.name)
        if match is None:
            raise ValueError(f"not the name of a rawlog: {path}")
        time = datetime.strptime(match["time"], "%Y%m%d-%H%M%S")
        key = int(match["pid"]), int(match["number"])
        pair = pairs.setdefault(key, Pair(time, *key))
        if pair.time != time:
            raise ValueError(f"the same pid and number twice: {path}")
        pair.files[match["direction"]] = path
    for pair in pairs.values():
        if len(pair.files) != 2:
            raise ValueError(f"a file without the other of its pair: {pair.files}")
    return pairs


def contents(directory):
    """What all pairs hold, ordered by process and number."""
    return [pair.content for _, pair in sorted(find_pairs(directory).items())]


class TwoDirs:
    """Where Dovecot itself writes, and where rawtap does."""

    def __init__(self, root, name, mode=0o755):
        self.native, self.rawtap = (root / kind / name for kind in ("native", "rawtap"))
        for path in self.native, self.rawtap:
            path.mkdir(parents=True)
            path.chmod(mode)

    def pairs(self, kind):
        return find_pairs(getattr(self, kind))


def assert_has(pairs, content, what, *, complete=True):
    """The keys of the pairs with exactly this content: at least one. Not complete: Dovecot
    sent more than the client received."""
    wanted_in, wanted_out = content

    def fits(pair):
        data_in, data_out = pair.content
        return data_in == wanted_in and (
            data_out == wanted_out if complete else data_out.startswith(wanted_out))

    keys = [key for key, pair in sorted(pairs.items()) if fits(pair)]
    if not keys:
        raise AssertionError(f"{what}: {_explain(pairs, content)}")
    return keys


def _explain(pairs, content):
    """The pair that is most like it, and where they differ."""
    def likeness(pair):
        return [rawlogs.first_difference(*both) for both in zip(pair.content, content)]
    if not pairs:
        return "there are no pairs"
    closest = max(pairs.values(), key=lambda pair: sum(likeness(pair)))
    return "\n".join(
        f"{closest.files[direction].name}: {rawlogs.describe_difference(actual, expected)}"
        for direction, actual, expected in zip(("in", "out"), closest.content, content)
        if actual != expected)


def assert_same_names(rawtap, native, what):
    """The processes and numbers. (Not the seconds: with STARTTLS native begins a pair when it
    answers, rawtap when the client goes on. assert_stamps() has their bounds.)"""
    if sorted(rawtap) != sorted(native):
        raise AssertionError(f"{what}: rawtap's alone: {sorted(rawtap.keys() - native.keys())}, "
                             f"native's alone: {sorted(native.keys() - rawtap.keys())}")


def assert_same_attributes(rawtap, native, what):
    for key, pair in native.items():
        assert rawtap[key].attributes == pair.attributes, f"{what}: owner and mode of {key}"


def assert_same_contents(rawtap, native, what, *, unsent=()):
    """unsent: keys of pairs where native has what never left the process: by design, rawtap
    has what the kernel took, which is how native's .out begins."""
    for key, pair in native.items():
        for direction, actual, expected in zip(("in", "out"), rawtap[key].content, pair.content):
            if direction == "out" and key in unsent:
                rawlogs.assert_starts_with(expected, actual, f"{what}: native's {key}.out")
            else:
                rawlogs.assert_same(actual, expected, f"{what}: {key}.{direction}")


def without_handshake(native):
    """The keys where TLS with a server did not come about: native's .out has a QUIT that never
    left the process."""
    def begins_tls(pair):
        return pair is not None and (
            pair.content == (b"", b"") or pair.content[1].endswith(b"STARTTLS\r\n"))
    return {(pid, number) for (pid, number), pair in native.items()
            if pair.content == (b"", b"QUIT\r\n") and begins_tls(native.get((pid, number - 1)))}


def assert_stamps(pairs, started, over):
    """Timestamps in order, and of the time when the sessions were."""
    for key, pair in pairs.items():
        for direction, stamps in zip(("in", "out"), pair.stamps):
            times = [started, *stamps, over]
            assert times == sorted(times), f"timestamps of {pair.files[direction]}"
        assert int(started) <= pair.time.timestamp() <= over, f"the name of {key}"
