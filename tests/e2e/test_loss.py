# SPDX-License-Identifier: MIT
"""What could not be recorded is told: in the file where it belongs, in the summary, in the
exit status. Loss is forced: a small ring, and a rawtap that is stopped meanwhile."""

import itertools
import signal
from functools import partial

import pytest

import rawlogs
from losses import FULL, LARGE, SMALL_RING, asleep, assert_told, stop
from mailclient import TRANSPORTS
from private_dovecot import PrivateDovecot, make_message
from taps import (Tap, assert_same_but_for_gaps, log_in, only_pair, recorded, recorded_user, say,
                  transcripts, wait_recorded)


@pytest.fixture
def user(dovecot):
    user = recorded_user(dovecot, f"user{len(dovecot.users)}")
    dovecot.seed(user, LARGE)
    return user


@pytest.fixture
def tap(start_tap, dovecot):
    return partial(start_tap, "--base-dir", dovecot.base_dir, *SMALL_RING)


def gaps_of(user, client, flags=()):
    pair = only_pair(user)
    return [assert_same_but_for_gaps(rawlogs.plain(pair.read(name), flags), transcript, "." + name)
            for name, transcript in (("in", client.session_in), ("out", client.session_out))]


def say_until_heard(client):
    """rawtap is awake again, and has room in its ring."""
    tags = (f"heard{i}" for i in itertools.count())

    def heard():
        say(client, next(tags))
        return b"heard" in only_pair(client.user).read("in")

    rawlogs.wait_until(heard, "rawtap to catch up")


def fetch_session(dovecot, rawtap, user, transport="plain", flags=()):
    client = log_in(dovecot, user, "imap", transport)
    client.command("SELECT INBOX")
    wait_recorded(client, flags=flags)
    with asleep(rawtap):
        client.command("FETCH 1 BODY[]")
    say_until_heard(client)
    client.logout()
    return client


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_large_fetch(dovecot, tap, user, transport):
    rawtap = tap()
    client = fetch_session(dovecot, rawtap, user, transport)
    stop(dovecot, rawtap)
    gaps_in, gaps_out = gaps_of(user, client)
    assert {reason for *_, reason in gaps_in + gaps_out} == {FULL}
    assert sum(size for _, size, _ in gaps_out) > LARGE / 2
    assert_told(rawtap, gaps_in, gaps_out)
    # What was said when it was awake again is there.
    assert only_pair(user).read("in").endswith(client.session_in[-9:])


def test_with_timestamps(dovecot, tap, user):
    """The mark has one too, and so has what follows it."""
    rawtap = tap("-t")
    client = fetch_session(dovecot, rawtap, user, flags=["-t"])
    stop(dovecot, rawtap)
    assert_told(rawtap, *gaps_of(user, client, ["-t"]))


@pytest.mark.parametrize("pipelined", [b"", b"p1 NOOP\r\n"], ids=["", "pipelined"])
def test_large_append(dovecot, tap, user, pipelined):
    """The other direction. Offsets count from the beginning of the file, what came with
    the login included."""
    rawtap = tap()
    client = log_in(dovecot, user, pipelined=pipelined)
    if pipelined:
        client.read_reply(b"p1")
    say(client, "before")
    wait_recorded(client)
    with asleep(rawtap):
        client.append(make_message(LARGE), synchronising=False)
    say(client, "after")
    client.logout()
    stop(dovecot, rawtap)
    gaps_in, gaps_out = gaps_of(user, client)
    assert gaps_in
    assert_told(rawtap, gaps_in, gaps_out)


def test_loss_at_the_end(dovecot, tap, user):
    """Nothing comes after it."""
    rawtap = tap()
    client = log_in(dovecot, user)
    client.command("SELECT INBOX")
    wait_recorded(client)
    with asleep(rawtap):
        client.command("FETCH 1 BODY[]")
        client.logout()
        dovecot.wait_sessions_over()
    stop(dovecot, rawtap)
    gaps = gaps_of(user, client)
    offset, size, _ = gaps[1][-1]
    assert offset + size == len(client.session_out)
    assert_told(rawtap, *gaps)


def test_loss_at_the_end_of_a_session_that_goes_on(dovecot, tap, user):
    rawtap = tap()
    client = log_in(dovecot, user)
    client.command("SELECT INBOX")
    wait_recorded(client)
    with asleep(rawtap):
        client.command("FETCH 1 BODY[]")
        rawtap.process.send_signal(signal.SIGTERM)
    rawtap.wait()
    assert_told(rawtap, *gaps_of(user, client))
    client.logout()


def test_loss_twice(dovecot, tap, user):
    rawtap = tap()
    client = log_in(dovecot, user)
    client.command("SELECT INBOX")
    wait_recorded(client)
    for i in range(2):
        with asleep(rawtap):
            client.command("FETCH 1 BODY[]")
        say_until_heard(client)
    client.logout()
    stop(dovecot, rawtap)
    gaps = gaps_of(user, client)
    assert len(gaps[1]) >= 2
    assert_told(rawtap, *gaps)


def test_other_sessions_lose_nothing_of_theirs(dovecot, tap, user):
    """One that is quiet while the ring is full stays whole."""
    rawtap = tap()
    quiet_user = recorded_user(dovecot, f"quiet{len(dovecot.users)}")
    quiet = log_in(dovecot, quiet_user)
    say(quiet, "before")
    wait_recorded(quiet)
    client = fetch_session(dovecot, rawtap, user)
    say(quiet, "after")
    quiet.logout()
    stop(dovecot, rawtap)
    assert recorded(quiet_user) == transcripts(quiet)
    assert_told(rawtap, *gaps_of(user, client))


def test_login_while_the_ring_is_full(dovecot, tap, user):
    """Who it is comes through: its records have room kept for them."""
    rawtap = tap()
    late_user = recorded_user(dovecot, f"late{len(dovecot.users)}")
    client = log_in(dovecot, user)
    client.command("SELECT INBOX")
    wait_recorded(client)
    with asleep(rawtap):
        client.command("FETCH 1 BODY[]")
        late = log_in(dovecot, late_user)
        say(late, "late")
    late.logout()
    client.logout()
    stop(dovecot, rawtap)
    assert_told(rawtap, *gaps_of(user, client), *gaps_of(late_user, late))
    assert rawtap.count("sessions recorded") == 2


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_no_loss(dovecot, record, user, transport):
    """The same with a ring of the usual size and a rawtap that is awake."""
    with record(dovecot) as rawtap:
        client = log_in(dovecot, user, "imap", transport)
        client.command("SELECT INBOX")
        client.command("FETCH 1 BODY[]")
        client.logout()
    assert gaps_of(user, client) == [[], []]
    assert (rawtap.status, rawtap.count("bytes lost")) == (0, 0)


# Bytes that never are in Dovecot's memory

@pytest.fixture(scope="module")
def crlf_dovecot(root):
    with PrivateDovecot(config="mail_save_crlf = yes") as dovecot:
        yield dovecot


def store(dovecot, user, message):
    """By Dovecot itself: the file's name has its sizes then, and only as it knows them
    does it know that it can send the file as it is."""
    client = log_in(dovecot, user)
    client.append(message)
    client.logout()
    dovecot.wait_sessions_over()


@pytest.mark.parametrize("size", [1_000, 1_000_000])
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_sendfile(crlf_dovecot, record, transport, size):
    """Told as a gap, of the right size at the right place, until rawtap reads them from
    the file itself."""
    user = recorded_user(crlf_dovecot, f"crlf-{size}-{transport}")
    store(crlf_dovecot, user, make_message(size))
    with record(crlf_dovecot) as rawtap:
        client = log_in(crlf_dovecot, user, "imap", transport)
        client.command("SELECT INBOX")
        client.command("FETCH 1 BODY[]")
        say(client, "after")
        client.logout()
    gaps_in, gaps_out = gaps_of(user, client)
    assert gaps_in == []
    assert {reason for *_, reason in gaps_out} == {"sent by sendfile or splice"}
    assert sum(size for _, size, _ in gaps_out) == size
    assert gaps_out[0][0] == client.session_out.index(make_message(size))
    assert_told(rawtap, gaps_out)


# What imap-hibernate says and hears

HIBERNATE = """
imap_hibernate_timeout = 1s
imap_idle_notify_interval = 2s
service imap {
  unix_listener imap-master {
    user = dovecot
  }
}
service imap-hibernate {
  unix_listener imap-hibernate {
    mode = 0666
  }
}
"""


def test_hibernation(rawtap_binary):
    """It is no process that is recorded; the imap process that goes on tells what it missed."""
    with PrivateDovecot(config=HIBERNATE) as dovecot:
        user = recorded_user(dovecot, "user")
        with Tap("--base-dir", dovecot.base_dir, binary=rawtap_binary) as rawtap:
            client = log_in(dovecot, user)
            client.command("SELECT INBOX")
            client.send(b"i1 IDLE\r\n")
            client.read_until(b"+ idling\r\n")
            rawlogs.wait_until(lambda: not dovecot.processes("imap"), "the client to hibernate")
            client.read_until(b"* OK Still here\r\n")
            client.send(b"DONE\r\n")
            client.read_until(b"i1 OK Idle completed.\r\n")
            client.command("NOOP")
            client.logout()
            stop(dovecot, rawtap)
        gaps_in, gaps_out = gaps_of(user, client)
    assert [(size, reason) for _, size, reason in gaps_in] == [(6, "passed where no hook is")]
    assert {reason for *_, reason in gaps_out} <= {"passed where no hook is"}
    assert_told(rawtap, gaps_in, gaps_out)
