# SPDX-License-Identifier: MIT
"""The rawlog binary's flags, alone and together. Native crashes with -f; here it works."""

import itertools
import re
import time
from dataclasses import dataclass

import pytest

import rawlogs
from mailclient import TRANSPORTS, MailClient
from private_dovecot import User
from taps import assert_one_line, log_in, mail_pid, only_pair, recorded_user

FILES = {"": ["in", "out"], "-f in": ["in"], "-i": ["in"], "-f out": ["out"], "-o": ["out"]}
FLAGS = [" ".join(filter(None, flags)) for flags in itertools.product(
    FILES, ("", "-b"), ("", "-t"), ("", "-I"))]
GROUPED = {"-bt": "-b -t", "-tbIfin": "-f in -b -t -I", "-Io": "-o -I", "-bfout": "-f out -b"}
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


@dataclass
class Played:
    user: User
    client: MailClient
    reads: list
    started: float
    ended: float


def play(dovecot, record, flags, *connections):
    users = [recorded_user(dovecot, f"flags{len(dovecot.users)}-{protocol}@example.org")
             for protocol, _ in connections]
    played = []
    with record(dovecot, *flags.split()) as rawtap:
        for user, connection in zip(users, connections):
            started = time.time()
            client, reads = cut_session(dovecot, user, *connection)
            played.append(Played(user, client, reads, started, time.time()))
    assert rawtap.status == 0
    return played


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


def check(dovecot, flags, session):
    pair = only_pair(session.user)
    wanted = next(files for choice, files in reversed(FILES.items()) if choice in flags)
    assert sorted(pair.files) == wanted
    assert pair.ip == ("127.0.0.1" if "-I" in flags else None)
    assert pair.pid == mail_pid(dovecot, session.user)
    assert int(session.started) <= pair.time.timestamp() <= session.ended
    if "in" in wanted:
        data = pair.read("in")
        if "-t" in flags:
            data = re.sub(rb"(?m)^\d{10}\.\d{6} ", b"T ", data)
        assert data == expected_in(session.reads, flags)
    if "out" in wanted:
        assert rawlogs.plain(pair.read("out"), flags.split()) == session.client.session_out


@pytest.mark.parametrize("flags", FLAGS, ids=lambda flags: flags or "none")
def test_flags(dovecot, record, flags):
    for session in play(dovecot, record, flags, ("imap", "plain"), ("pop3", "tls")):
        check(dovecot, flags, session)


@pytest.mark.parametrize("flags", GROUPED)
def test_grouped(dovecot, record, flags):
    for session in play(dovecot, record, flags, ("imap", "starttls")):
        check(dovecot, GROUPED[flags], session)


@pytest.mark.parametrize("direction", ["in", "out"])
def test_stamps_are_of_their_time(dovecot, record, direction):
    connections = [("imap", transport) for transport in TRANSPORTS]
    for session in play(dovecot, record, "-t", *connections):
        stamps, _ = rawlogs.split_timestamps(only_pair(session.user).read(direction))
        assert stamps == sorted(stamps)
        assert session.started <= stamps[0] and stamps[-1] <= session.ended
        # Microseconds: of a few, not all end in 000.
        assert any(round(stamp * 1e6) % 1000 for stamp in stamps)


def test_blocks_are_the_writes(dovecot, record):
    """Replies that the client waits for come in blocks of their own."""
    session, = play(dovecot, record, "-b", ("imap", "plain"))
    out = rawlogs.split_blocks(only_pair(session.user).read("out"))
    assert b"".join(out) == session.client.session_out
    assert len(out) >= 4        # the login, p1, p2 and p3, the logout
    assert out[0].endswith(b" Logged in\r\n")


@pytest.mark.parametrize("flags", ["-f", "-f both", "-f in -f out", "-i -o", "-i -f out", "-x"])
def test_wrong_flags(run, flags):
    assert_one_line(run(*flags.split()), 2, "rawtap --help")
