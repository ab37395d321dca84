# SPDX-License-Identifier: MIT
"""--rawlog-dir: what is missing is told where it is missing. (test_loss.py has the ways to lose
something.)"""

import re
import subprocess
from functools import partial

import pytest

import rawlogs
from dirstage import EACH, both, dovecot_of, make_dir, option, place, user_with_dirs
from loglistener import LogListener
from losses import FULL, LARGE, SMALL_RING, asleep, assert_told, stop
from taps import assert_same_but_for_gaps, log_in, say, split_gaps, transcripts

STREAM_MARK = re.compile(rb"\d{10,}\.\d{6} [IO][:>] ")


@pytest.fixture(scope="module")
def dovecot(root):
    with dovecot_of(EACH) as dovecot:
        yield dovecot


@pytest.fixture
def tap(start_tap, dovecot):
    return partial(start_tap, "--base-dir", dovecot.base_dir, *SMALL_RING)


def fetch(dovecot, rawtap, user, is_awake):
    """More than the ring holds, and then something that is recorded again."""
    client = log_in(dovecot, user)
    client.command("SELECT INBOX")
    with asleep(rawtap):
        client.command("FETCH 1 BODY[]")
    count = 0
    while not is_awake():
        say(client, f"awake{count}")
        count += 1
    client.logout()
    stop(dovecot, rawtap)
    return client


def stamped(dovecot, user, direction):
    """Of the only pair, which may not be there yet."""
    pairs = rawlogs.find_pairs(place(dovecot, user, "rawtap"), rawlogs.LIB_NAME)
    assert len(pairs) <= 1
    return b"".join(rawlogs.plain(pair.read(direction), ["-t"]) for pair in pairs)


def test_the_ring_was_full(dovecot, tap):
    user = user_with_dirs(dovecot, "ring")
    dovecot.seed(user, LARGE)
    rawtap = tap(*option(dovecot, EACH))
    client = fetch(dovecot, rawtap, user,
                   lambda: b"awake" in stamped(dovecot, user, "in"))
    gaps = [assert_same_but_for_gaps(stamped(dovecot, user, name), transcript, "." + name)
            for name, transcript in (("in", client.session_in), ("out", client.session_out))]
    assert {reason for *_, reason in gaps[0] + gaps[1]} == {FULL}
    assert_told(rawtap, *gaps)
    native, _ = both(dovecot, user)
    assert list(native.values()) == transcripts(client)


def test_the_ring_was_full_for_a_stream(dovecot, tap):
    user = dovecot.add_user("stream")
    dovecot.seed(user, LARGE)
    with LogListener() as log:
        rawtap = tap("--rawlog-dir", f"tcp:{log.target}")
        client = fetch(dovecot, rawtap, user,
                       lambda: log.streams and b"awake" in log.streams[0])
        stream, = log.wait_streams(1)
    _, gaps = split_gaps(STREAM_MARK.sub(b"", stream))
    assert {reason for *_, reason in gaps} == {FULL}
    assert_told(rawtap, gaps)
    assert len(stream) > 0 and len(client.session_out) > LARGE


@pytest.fixture
def small_disk(dovecot, mounts):
    """A file system of 64 kB."""
    path = dovecot.root / "small"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=0777", "none", path], check=True)
    yield path
    subprocess.run(["umount", path], check=True)


def test_the_disk_is_full(dovecot, record, small_disk):
    """That log is given up, and it is said; the session and the others go on."""
    full, other = (user_with_dirs(dovecot, name) for name in ("full", "other"))
    dovecot.seed(full, 1_000_000)
    directory = make_dir(small_disk / full.name, full)
    place(dovecot, full, "rawtap").rmdir()
    place(dovecot, full, "rawtap").symlink_to(directory)
    with record(dovecot, *option(dovecot, EACH)) as rawtap:
        clients = [log_in(dovecot, user) for user in (full, other)]
        clients[0].command("SELECT INBOX")
        clients[0].command("FETCH 1 BODY[]")
        for client in clients:
            say(client, "word")
            client.logout()
    native, rawtaps = both(dovecot, other)
    assert list(rawtaps.values()) == list(native.values()) == transcripts(clients[1])
    native, rawtaps = both(dovecot, full)
    (_, out), = rawtaps.values()
    assert clients[0].session_out.startswith(out) and len(out) > 10_000
    said, = rawtap.said(full)
    assert re.fullmatch(r"write\(.*\) failed: No space left on device; the log ends there", said)
    assert rawtap.status == 3
