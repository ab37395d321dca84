# SPDX-License-Identifier: MIT
"""rawtap starts, stops and dies; Dovecot and its clients do not notice."""

import json
import re
import signal
import subprocess
import threading
from functools import partial

import pytest

import rawlogs
from footprint import kernel_objects
from mailclient import TRANSPORTS
from rawlogs import BEGAN, wait_until
from taps import (assert_same_but_for_gaps, files, log_in, only_pair, recorded, recorded_user, say,
                  split_gaps, talk, transcripts, wait_recorded)

STOP_SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGQUIT]
# Those that end a process by default, and that nobody means to end rawtap with.
OTHER_SIGNALS = [signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGVTALRM, signal.SIGPROF,
                 signal.SIGIO, signal.SIGPWR, signal.SIGSTKFLT, signal.SIGXCPU, signal.SIGXFSZ,
                 signal.SIGPIPE, *range(signal.SIGRTMIN, signal.SIGRTMAX + 1)]


@pytest.fixture
def user(dovecot):
    return recorded_user(dovecot, f"user{len(dovecot.users)}")


@pytest.fixture
def tap(start_tap, dovecot):
    return partial(start_tap, "--base-dir", dovecot.base_dir)


# The end

@pytest.mark.parametrize("stop", STOP_SIGNALS)
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_stop_in_a_session(dovecot, tap, user, transport, stop):
    rawtap = tap()
    client = log_in(dovecot, user, "imap", transport)
    say(client, "before")
    wait_recorded(client)
    until_then = transcripts(client)
    status, stderr = rawtap.stop(stop)
    assert status == 0, stderr
    assert rawtap.count("sessions recorded") == rawtap.count("not ended") == 1
    assert rawtap.count("files") == 2
    assert rawtap.count("bytes in") == len(client.session_in)
    assert rawtap.count("bytes out") == len(client.session_out)
    assert rawtap.count("bytes lost") == 0
    say(client, "after")
    client.logout()
    assert recorded(user) == until_then


@pytest.fixture
def nohup():
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def test_a_hangup_ends_it(tap):
    assert tap().stop(signal.SIGHUP)[0] == 0


def test_a_hangup_that_was_ignored_stays_so(nohup, dovecot, tap, user):
    rawtap = tap()
    rawtap.process.send_signal(signal.SIGHUP)
    client = talk(dovecot, user)
    wait_recorded(client)
    assert rawtap.stop()[0] == 0


def test_other_signals_change_nothing(dovecot, tap, user):
    rawtap = tap()
    client = log_in(dovecot, user)
    for number in OTHER_SIGNALS:
        rawtap.process.send_signal(number)
        say(client, f"after{int(number)}")
    client.logout()
    dovecot.wait_sessions_over()
    status, stderr = rawtap.stop()
    assert status == 0, stderr
    assert rawtap.count("sessions recorded") == 1
    assert recorded(user) == transcripts(client)


def test_what_was_said_last_is_there(dovecot, tap, user):
    """Nothing is left in the ring or in a buffer: no waiting before the signal."""
    for _ in range(5):
        rawtap = tap()
        client = talk(dovecot, user)
        dovecot.wait_sessions_over()
        assert rawtap.stop()[0] == 0
        assert recorded(user) == transcripts(client)
        for path in user.rawlog_dir.iterdir():
            path.unlink()


def test_summary_without_a_session(dovecot, tap):
    rawtap = tap()
    status, stderr = rawtap.stop()
    assert status == 0
    for words in ("sessions recorded", "not ended", "files", "bytes in", "bytes out", "bytes lost"):
        assert rawtap.count(words) == 0
    assert stderr.splitlines()[-1] == "rawtap: 0 bytes lost"


@pytest.mark.alone      # others start programs called dovecot, which is told
@pytest.mark.parametrize("stop", STOP_SIGNALS)
def test_one_line_when_attached(tap, stop):
    rawtap = tap()
    assert re.fullmatch(r"rawtap: recording .*\n", rawtap.stderr)
    assert rawtap.stop(stop)[0] == 0


def test_stop_under_load(dovecot, tap, user):
    """Exit status, summary and files tell the same, and the file is what came until then."""
    dovecot.seed(user, 1_000_000)
    rawtap = tap()
    client = log_in(dovecot, user)
    client.command("SELECT INBOX")
    enough, stop = threading.Event(), threading.Event()

    def fetch():
        count = 0
        while not stop.is_set():
            client.command("FETCH 1 BODY[]")
            count += 1
            if count == 20:
                enough.set()
        client.logout()

    thread = threading.Thread(target=fetch)
    thread.start()
    assert enough.wait(60)
    status, stderr = rawtap.stop()
    stop.set()
    thread.join()
    out = only_pair(user).read("out")
    lost = rawtap.count("bytes lost")
    until_then = rawtap.count("bytes out") + lost
    assert until_then >= 20_000_000
    transcript = client.session_out[:until_then]
    if not transcript.endswith(b"\n"):      # the note that it ends there has a line of its own
        out = out.removesuffix(b"\n")
    gaps = assert_same_but_for_gaps(out, transcript, ".out")
    assert sum(size for _, size, _ in gaps) == lost
    assert status == (3 if lost else 0), stderr


# Sudden death

@pytest.mark.parametrize("transport", TRANSPORTS)
def test_kill_in_a_session(dovecot, tap, user, transport):
    rawtap = tap()
    client = log_in(dovecot, user, "imap", transport)
    for i in range(100):
        say(client, f"x{i}")
    wait_recorded(client)
    until_then = transcripts(client)
    rawtap.kill()
    for i in range(100):
        say(client, f"y{i}")
    client.logout()
    dovecot.wait_sessions_over()
    assert recorded(user) == until_then


def test_kill_under_load(dovecot, tap, user):
    dovecot.seed(user, 1_000_000)
    rawtap = tap()
    client = log_in(dovecot, user)
    client.command("SELECT INBOX")
    for _ in range(20):
        client.command("FETCH 1 BODY[]")
    rawtap.kill()
    for _ in range(20):
        client.command("FETCH 1 BODY[]")
    client.logout()
    # The file ends anywhere; up to there it is right.
    for offset, piece in split_gaps(only_pair(user).read("out"))[0]:
        rawlogs.assert_same(piece, client.session_out[offset:offset + len(piece)], "its .out")


def test_start_after_a_kill(dovecot, tap, user):
    first = tap()
    old = log_in(dovecot, user)
    say(old, "old")
    wait_recorded(old)
    recorded_then = recorded(user)
    first.kill()
    second = tap()
    rest = len(old.sent), len(old.received)
    new = talk(dovecot, user, transport="tls", word="new")
    old.logout()
    dovecot.wait_sessions_over()
    assert second.stop()[0] == 0
    went_on = tuple(BEGAN + data[begin:] for data, begin in zip((old.sent, old.received), rest))
    assert recorded(user) == sorted([*recorded_then, went_on, *transcripts(new)])
    assert second.count("of them were open before") == 1


# Two at once

def test_two_at_once(dovecot, tap, user):
    """Both record. Which is first is open; the second's files are called -2."""
    taps = [tap(), tap("-t")]
    clients = [talk(dovecot, user, protocol, transport)
               for protocol in ("imap", "pop3") for transport in TRANSPORTS]
    dovecot.wait_sessions_over()
    assert [rawtap.stop()[0] for rawtap in taps] == [0, 0]
    pairs = rawlogs.find_pairs(user.rawlog_dir)
    assert sorted(pair.serial or 1 for pair in pairs) == [1] * 6 + [2] * 6
    both = []
    for pair in pairs:
        flags = ["-t"] if rawlogs.TIMESTAMP.match(pair.read("out")) else []
        both.append((flags, *(rawlogs.plain(pair.read(name), flags) for name in ("in", "out"))))
    assert sorted(pair[1:] for pair in both if pair[0]) == transcripts(*clients)
    assert sorted(pair[1:] for pair in both if not pair[0]) == transcripts(*clients)


def test_one_of_two_ends(dovecot, tap, user):
    first, second = tap(), tap("-f", "in")
    client = log_in(dovecot, user)
    say(client, "both")
    wait_until(lambda: len(files(user)) == 3, "both to record")
    assert first.stop()[0] == 0
    say(client, "one")
    client.logout()
    dovecot.wait_sessions_over()
    assert second.stop()[0] == 0
    ins = [pair.read("in") for pair in rawlogs.find_pairs(user.rawlog_dir)]
    assert sorted(ins, key=len) == [b"both NOOP\r\n", client.session_in]


# What it leaves in the kernel

def still_there():
    return {(kind, entry["id"]) for kind in ("prog", "map", "link") for entry in json.loads(
        subprocess.run(["bpftool", "-j", kind, "show"], check=True, capture_output=True).stdout)}


@pytest.mark.alone      # bpftool fails where a link ends while it lists them
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_in_the_kernel(dovecot, tap, user, end):
    rawtap = tap()
    talk(dovecot, user)
    mine = kernel_objects(rawtap.pid)
    assert {kind for kind, _ in mine} == {"prog", "map", "link"}
    assert mine <= still_there()
    rawtap.process.send_signal(end)
    rawtap.wait()
    wait_until(lambda: not mine & still_there(), "the kernel to forget the programs")


# systemd

def test_log_level_for_the_journal(run):
    result = run("-c", "/missing", env={"JOURNAL_STREAM": "8:1"})
    assert result.stderr.startswith("<3>rawtap: error: ")
