# SPDX-License-Identifier: MIT
"""--rawlog-dir tcp:HOST:PORT, beside Dovecot's own of the same sessions."""

import re
import socket
from contextlib import contextmanager

import pytest

import rawlogs
from differences import said
from dirstage import contents, dovecot_of, make_dir
from loglistener import LogListener
from mailclient import TRANSPORTS
from private_dovecot import PrivateDovecot
from rawlogs import wait_until
from sessions import LARGE
from taps import log_in, mail_pid, say, talk, transcripts

PART_ENDS_WITH = said("what ends a part of a line that is sent to a socket")
MARK = re.compile(rb"(\d{10,}\.\d{6}) ([IO])([:>]) ")


@pytest.fixture(scope="module")
def native_log():
    with LogListener() as log:
        yield log


@pytest.fixture(scope="module")
def dovecot(root, native_log):
    with dovecot_of(f"tcp:{native_log.target}") as dovecot:
        yield dovecot


@contextmanager
def logs(dovecot, record, **options):
    """A rawtap that sends to a listener of its own."""
    with LogListener(**options) as log, \
            record(dovecot, "-D", "--rawlog-dir", f"tcp:{log.target}") as rawtap:
        yield log, rawtap


def unstamped(stream):
    """The times are another matter: native stamps what it means to send."""
    return MARK.sub(rb"TIME \2\3 ", stream)


def direction(stream, letter):
    """The bytes of one direction."""
    pieces = MARK.split(stream)
    assert pieces[0] == b""
    return b"".join(data.removesuffix(PART_ENDS_WITH if kind == b">" else b"")
                    for read, kind, data in zip(pieces[2::4], pieces[3::4], pieces[4::4])
                    if read == letter)


def session_of(stream):
    return direction(stream, b"I"), direction(stream, b"O")


# Beside native

def commands(client):
    """Lines only, in turn."""
    for i in range(20):
        say(client, f"w{i}")


def cut(client):
    """A line in several pieces. (The pauses are made by asking for a reply.)"""
    client.send(b"p1 NOOP\r\np2 NO" if client.protocol == "imap" else b"NOOP\r\nNO")
    client.read_line()
    client.send(b"OP\r\n")
    client.read_line()


def mail(client):
    if client.protocol == "imap":
        client.command("SELECT INBOX")
        client.command("FETCH 1 BODY[]")
    else:
        client.multiline("RETR 1")


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("protocol", ["imap", "pop3"])
@pytest.mark.parametrize("script", [commands, cut, mail], ids=lambda script: script.__name__)
def test_the_stream_is_native_s(dovecot, native_log, record, script, protocol, transport):
    user = dovecot.add_user(f"{protocol}-{transport}-{script.__name__}")
    dovecot.seed(user, 3000)
    before = len(native_log.streams)
    with logs(dovecot, record) as (log, rawtap):
        client = log_in(dovecot, user, protocol, transport)
        script(client)
        client.logout()
        native = native_log.wait_streams(before + 1)[before]
        stream, = log.wait_streams(1)
    rawlogs.assert_same(unstamped(stream), unstamped(native), "rawtap's stream")
    assert session_of(stream) == transcripts(client)[0]
    stamps = [float(match[1]) for match in MARK.finditer(stream)]
    assert stamps == sorted(stamps)
    assert rawtap.status == 0


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_pipelined_with_the_login(dovecot, native_log, record, protocol):
    """The mail process replies to the login before it looks at what the login process has read
    after it."""
    user = dovecot.add_user(f"pipelined-{protocol}")
    before = len(native_log.streams)
    with logs(dovecot, record) as (log, _):
        client = talk(dovecot, user, protocol,
                      pipelined=b"p1 NOOP\r\n" if protocol == "imap" else b"NOOP\r\n")
        native = native_log.wait_streams(before + 1)[before]
        stream, = log.wait_streams(1)
    rawlogs.assert_same(unstamped(stream), unstamped(native), "rawtap's stream")
    assert session_of(stream) == transcripts(client)[0]


def test_what_is_never_a_line(dovecot, native_log, record):
    """By design: native of 2.3 loses what has no line end when the connection ends."""
    user = dovecot.add_user("unfinished")
    before = len(native_log.streams)
    with logs(dovecot, record) as (log, rawtap):
        client = log_in(dovecot, user)
        client.send(b"p1 NOOP\r\np2 unfinished")
        client.read_reply(b"p1")
        client.close()
        native = native_log.wait_streams(before + 1)[before]
        stream, = log.wait_streams(1)
    assert unstamped(stream) == unstamped(native) + (
        b"TIME I> p2 unfinished\n" * said("lines without an end that native loses"))
    assert rawtap.status == 0


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_long_lines(dovecot, native_log, record, transport):
    """Where they are cut depends on how they came; every byte is there."""
    user = dovecot.add_user(f"long-{transport}")
    before = len(native_log.streams)
    with logs(dovecot, record) as (log, rawtap):
        client = log_in(dovecot, user, transport=transport)
        client.append(b"Subject: x\r\n\r\n" + b"y" * 1_000_000)
        client.logout()
        native = native_log.wait_streams(before + 1)[before]
        stream, = log.wait_streams(1)
    for data in stream, native:
        assert session_of(data) == transcripts(client)[0]
    assert b" I> " in stream
    assert rawtap.status == 0


def test_many_sessions(dovecot, record):
    users = [dovecot.add_user(f"many{i}") for i in range(5)]
    with logs(dovecot, record) as (log, rawtap):
        clients = [log_in(dovecot, user, transport=TRANSPORTS[i % 3])
                   for i, user in enumerate(users)]
        for turn in range(5):
            for i, client in enumerate(clients):
                say(client, f"c{i}x{turn}")
        for client in clients:
            client.logout()
        streams = log.wait_streams(5)
    assert sorted(session_of(stream) for stream in streams) == transcripts(*clients)
    assert rawtap.status == 0


def test_submission_has_none(dovecot, native_log, record):
    """lib-smtp asks for a directory of that name before it asks rawlog."""
    user = dovecot.add_user("submission")
    before = len(native_log.streams)
    with logs(dovecot, record) as (log, rawtap):
        talk(dovecot, user, "submission")
    assert len(native_log.streams) == before
    assert log.streams == []
    assert len(rawtap.said(user)) == 1


# What is an address?

def test_ipv6(root, record):
    try:
        log = LogListener("::1")
    except OSError as error:
        pytest.skip(f"this host has no ::1: {error}")
    with log, LogListener("::1") as native, dovecot_of(f"tcp:{native.target}") as dovecot:
        user = dovecot.add_user("six")
        with record(dovecot, "--rawlog-dir", f"tcp:{log.target}"):
            client = talk(dovecot, user)
            stream, = log.wait_streams(1)
        assert session_of(stream) == session_of(native.wait_streams(1)[0]) \
            == transcripts(client)[0]


def test_a_host_name(root, record):
    with LogListener() as log, LogListener() as native, \
            dovecot_of(f"tcp:localhost:{native.port}") as dovecot:
        if socket.gethostbyname("localhost") != "127.0.0.1":
            pytest.skip("localhost is not 127.0.0.1 here")
        user = dovecot.add_user("named")
        with record(dovecot, "--rawlog-dir", f"tcp:localhost:{log.port}"):
            client = talk(dovecot, user)
            stream, = log.wait_streams(1)
        assert unstamped(stream) == unstamped(native.wait_streams(1)[0])
        assert session_of(stream) == transcripts(client)[0]


@pytest.mark.parametrize("name", ["tcp:127.0.0.1", "tcp:127.0.0.1:0", "tcp:127.0.0.1:x",
                                  "tcp:127.0.0.1:4000/%u", "tcp:127.0.0.1:70000"])
def test_these_are_names_of_directories(root, record, name):
    """Below the home. Dovecot's own in one Dovecot, rawtap's in another: they would write into
    the same files."""
    with dovecot_of(name) as native:
        user = native.add_user("directory")
        directory = make_dir(user.home / name.replace("%u", user.name), user)
        client = talk(native, user)
        native.wait_sessions_over()
        assert list(contents(directory).values()) == transcripts(client)
    with PrivateDovecot() as alone:
        user = alone.add_user("directory")
        directory = make_dir(user.home / name.replace("%u", user.name), user)
        with record(alone, "--rawlog-dir", name):
            client = talk(alone, user)
        assert list(contents(directory).values()) == transcripts(client)


# Trouble

def refusing_port():
    """Nobody listens there, and nobody else is given it while the socket is open."""
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    return sock


def test_refused(root, record):
    with refusing_port() as sock:
        target = f"127.0.0.1:{sock.getsockname()[1]}"
        with dovecot_of(f"tcp:{target}") as dovecot:
            user = dovecot.add_user("refused")
            with record(dovecot, "--rawlog-dir", f"tcp:{target}") as rawtap:
                talk(dovecot, user)                     # is undisturbed
            reason = f"connect({target}) failed: Connection refused"
            assert rawtap.said(user) == [f"not recorded: {reason}"]
            wait_until(lambda: f"Error: {reason}" in dovecot.log(), "Dovecot to say the same")
            assert (rawtap.status, rawtap.count("the files could not be created")) == (3, 1)


def test_somebody_who_does_not_read(dovecot, native_log, record):
    """Neither Dovecot nor anybody else's log waits; it is told, and in the exit status."""
    users = [dovecot.add_user(f"unread{i}") for i in range(3)]
    for user in users:
        dovecot.seed(user, LARGE)
    with logs(dovecot, record, reads=lambda number: "nothing" if number == 1 else "all") \
            as (log, rawtap):
        clients = []
        for i, user in enumerate(users):
            clients.append(log_in(dovecot, user))
            wait_until(lambda: len(log.streams) > i, "rawtap to connect")
        for client in clients:
            client.command("SELECT INBOX")
        for client in clients:
            for _ in range(2):
                client.command("FETCH 1 BODY.PEEK[]")
            client.logout()
        streams = log.wait_streams(2)
    assert [session_of(streams[i]) for i in (0, 2)] == [transcripts(clients[i])[0] for i in (0, 2)]
    assert rawtap.status == 3
    said, = [text for text in rawtap.said(users[1]) if not text.startswith("recorded")]
    assert re.search("No buffer space|does not take|does not read", said)
    assert not re.search(r" 0 bytes lost$", rawtap.stderr, re.MULTILINE)


def test_somebody_who_goes_away(dovecot, record):
    user, other = (dovecot.add_user(name) for name in ("gone", "stays"))
    with logs(dovecot, record, reads=lambda number: "some" if number == 0 else "all") \
            as (log, rawtap):
        client = log_in(dovecot, user)
        log.wait_streams(1)                     # what the login brought has been read
        second = log_in(dovecot, other)
        for i in range(200):
            say(client, f"w{i}")
        say(second, "word")
        client.logout()
        second.logout()
        streams = log.wait_streams(2)
    assert session_of(streams[1]) == transcripts(second)[0]
    assert rawtap.status == 3
    assert any(re.search("Broken pipe|Connection reset", text) for text in rawtap.said(user)), \
        rawtap.stderr


def test_beside_directories(dovecot, record):
    """A connection for one protocol, a directory for another."""
    user = dovecot.add_user("beside")
    directory = make_dir(dovecot.root / "beside", user)
    with LogListener() as log:
        with record(dovecot, "--rawlog-dir", f"imap=tcp:{log.target}",
                    "--rawlog-dir", f"pop3={directory}"):
            clients = [talk(dovecot, user, protocol) for protocol in ("imap", "pop3")]
            stream, = log.wait_streams(1)
    assert session_of(stream) == transcripts(clients[0])[0]
    # A stream takes no number.
    assert contents(directory) == {(mail_pid(dovecot, user, 2), 1): transcripts(clients[1])[0]}
