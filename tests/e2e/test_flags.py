# SPDX-License-Identifier: MIT
"""The rawlog binary's flags, alone and together. Native crashes with -f; here it works."""

import itertools
import re
import time

import pytest

import rawlogs
from mailclient import TRANSPORTS
from taps import (assert_one_line, dovecot, log_in, mail_pid, only_pair, record,  # noqa: F401
                  recorded_user, run)

FILES = {"": ["in", "out"], "-f in": ["in"], "-i": ["in"], "-f out": ["out"], "-o": ["out"]}
FLAGS = [" ".join(filter(None, flags)) for flags in itertools.product(
    FILES, ("", "-b"), ("", "-t"), ("", "-I"))]
GROUPED = {"-bt": "-b -t", "-tbIfin": "-f in -b -t -I", "-Io": "-o -I", "-foutb": "-f out -b"}
WAYS = [("imap", "plain"), ("pop3", "tls")]
CUT = {
    "imap": (b"p1 NOOP\r\np2 NO", b"OP\r\np3 NOOP\r\n"),
    "pop3": (b"NOOP\r\nNO", b"OP\r\nNOOP\r\n"),
}


def cut_session(dovecot, user, protocol, transport):
    """Two reads for certain, the second in the middle of a line. All reads of the session."""
    client = log_in(dovecot, user, protocol, transport)
    first, second = CUT[protocol]
    client.send(first)
    client.read_line()
    client.send(second)
    client.read_line()
    client.read_line()
    client.logout()
    return client, [first, second, client.session_in[len(first) + len(second):]]


@pytest.fixture(scope="module")
def serial():
    return itertools.count()


def play(dovecot, record, serial, flags, protocol, transport):
    user = recorded_user(dovecot, f"flags{next(serial)}@example.org")
    with record(dovecot, *flags.split()) as rawtap:
        started = time.time()
        client, reads = cut_session(dovecot, user, protocol, transport)
        ended = time.time()
    assert rawtap.status == 0
    return user, client, reads, (started, ended)


def blocks(reads):
    return b"".join(b"<<<\n" + read + b">>>\n" for read in reads)


def stamped(reads, with_blocks):
    """What -t makes of it; each stamp is a T. Not in front of what continues a line."""
    text, line_ended = b"", True
    for read in reads:
        lines = read.splitlines(keepends=True)
        marked = [b"T " + line for line in lines]
        if not line_ended:
            marked[0] = lines[0]
        line_ended = read.endswith(b"\n")
        text += blocks([b"".join(marked)]) if with_blocks else b"".join(marked)
    return text


def expected_in(reads, flags):
    if "-t" in flags:
        return stamped(reads, "-b" in flags)
    return blocks(reads) if "-b" in flags else b"".join(reads)


def check(dovecot, flags, user, client, reads, times):
    pair = only_pair(user)
    selection = next(files for choice, files in reversed(FILES.items()) if choice in flags)
    assert sorted(pair.files) == selection
    assert pair.ip == ("127.0.0.1" if "-I" in flags else None)
    assert pair.pid == mail_pid(dovecot, user)
    assert int(times[0]) <= pair.time.timestamp() <= times[1]
    if "in" in selection:
        data = pair.read("in")
        if "-t" in flags:
            data = re.sub(rb"(?m)^\d{10}\.\d{6} ", b"T ", data)
        assert data == expected_in(reads, flags)
    if "out" in selection:
        assert rawlogs.plain(pair.read("out"), flags.split()) == client.session_out


@pytest.mark.parametrize("way", WAYS, ids="-".join)
@pytest.mark.parametrize("flags", FLAGS, ids=lambda flags: flags or "none")
def test_flags(dovecot, record, serial, flags, way):
    check(dovecot, flags, *play(dovecot, record, serial, flags, *way))


@pytest.mark.parametrize("flags", GROUPED)
def test_grouped(dovecot, record, serial, flags):
    check(dovecot, GROUPED[flags], *play(dovecot, record, serial, flags, "imap", "starttls"))


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_stamps_are_of_their_time(dovecot, record, serial, transport):
    user, _, _, (started, ended) = play(dovecot, record, serial, "-t", "imap", transport)
    for direction in ("in", "out"):
        stamps, _ = rawlogs.split_timestamps(only_pair(user).read(direction))
        assert stamps == sorted(stamps)
        assert started <= stamps[0] and stamps[-1] <= ended
        # Microseconds: of a few, not all end in 000.
        assert any(round(stamp * 1e6) % 1000 for stamp in stamps)


def test_blocks_are_the_writes(dovecot, record, serial):
    """Replies that the client waits for come in blocks of their own."""
    user, client, _, _ = play(dovecot, record, serial, "-b", "imap", "plain")
    out = rawlogs.split_blocks(only_pair(user).read("out"))
    assert b"".join(out) == client.session_out
    assert len(out) >= 4        # the login, p1, p2 and p3, the logout
    assert out[0].endswith(b" Logged in\r\n")


@pytest.mark.parametrize("flags", ["-f", "-f both", "-f in -f out", "-i -o", "-i -f out", "-x"])
def test_wrong_flags(run, flags):
    assert_one_line(run(*flags.split()), 2, "rawtap --help")
