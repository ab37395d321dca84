# SPDX-License-Identifier: MIT
"""Can the harness tell? Native rawlog alone, against the clients' transcripts, and
broken files against the helpers that are to find them broken. rawtap is not needed."""

import random
import select
import threading
from types import SimpleNamespace

import pytest

import rawlogs
from mailclient import connect
from soak import dialogues
from stage import CASES, play

VARIANTS = [(), ("-b", "-t")]


@pytest.fixture(scope="module", params=VARIANTS, ids=" ".join)
def stage(request, root, wanted_cases):
    with play(wanted_cases(request), native=request.param, at_once=4) as stage:
        yield stage


@pytest.mark.parametrize("case", CASES, ids=str)
def test_native_in_is_what_the_client_sent(stage, case):
    client, recorded = stage.client(case), stage.native(case, "in")
    missing = len(client.session_in) - len(recorded)
    # What the login process read after the login goes past native's rawlog. It reads
    # about 1 kB, the login included.
    if len(client.pipelined) < 900:
        assert missing == len(client.pipelined)
    else:
        assert 900 < missing < 1100
    rawlogs.assert_same(recorded, client.session_in[missing:], "native's .in")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_native_out_is_what_the_client_received(stage, case):
    recorded, received = stage.native(case, "out"), stage.client(case).session_out
    if stage.is_complete(case):
        rawlogs.assert_same(recorded, received, "native's .out")
    else:
        rawlogs.assert_starts_with(recorded, received, "native's .out")


def test_strip_timestamps():
    assert rawlogs.split_timestamps(b"1.000001 a\n2.000002 \n3.000003 b") \
        == ([1.000001, 2.000002, 3.000003], b"a\n\nb")
    assert rawlogs.split_timestamps(b"") == ([], b"")


@pytest.mark.parametrize("data", [
    b"a\n", b"1.000001 a\nb\n", b"1.00001 a\n", b"1.000001a\n", b" 1.000001 a\n",
    b"1.000001 a\n\n", b"1 a\n"])
def test_missing_timestamps_are_found(data):
    with pytest.raises(ValueError):
        rawlogs.split_timestamps(data)


def test_join_blocks():
    assert rawlogs.split_blocks(b"<<<\na\n>>>\n<<<\nb>>>\n") == [b"a\n", b"b"]
    assert rawlogs.split_blocks(b"") == []
    both = b"<<<\n1.000001 a\n2.000002 b>>>\n<<<\nc\n>>>\n<<<\n3.000003 d>>>\n"
    assert rawlogs.plain(both, ("-b", "-t")) == b"a\nbc\nd"


@pytest.mark.parametrize("data", [
    b"a", b"<<<\na", b"a>>>\n", b"<<<\na>>>", b"<<<a>>>\n", b"<<<\n", b">>>\n"])
def test_broken_blocks_are_found(data):
    with pytest.raises(ValueError):
        rawlogs.split_blocks(data)


@pytest.mark.parametrize("name, expected", [
    ("20261122-071845-15081.in", (None, 15081, None)),
    ("127.0.0.1-20261122-071845-15081.in", ("127.0.0.1", 15081, None)),
    ("::1-20261122-071845-15081-2.in", ("::1", 15081, 2))])
def test_names(tmp_path, name, expected):
    (tmp_path / name).write_bytes(b"x")
    (pair,) = rawlogs.find_pairs(tmp_path)
    assert (pair.ip, pair.pid, pair.serial) == expected
    assert pair.read("in") == b"x"


@pytest.mark.parametrize("name", [
    "20261122-071845.15081.1.in", "20261122-071845-15081.in.tmp", "20261122-15081.in", "x"])
def test_other_names_are_found(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(ValueError):
        rawlogs.find_pairs(tmp_path)


@pytest.mark.parametrize("actual, expected, offset", [
    (b"abc", b"abd", 2), (b"abc", b"ab", 2), (b"ab", b"abc", 2), (b"", b"a", 0),
    (b"x" * 10_000_000 + b"y", b"x" * 10_000_001, 10_000_000)])
def test_differences_are_found(actual, expected, offset):
    with pytest.raises(AssertionError, match=f"at offset {offset} "):
        rawlogs.assert_same(actual, expected, "it")


def test_too_short_is_found():
    rawlogs.assert_starts_with(b"abc", b"ab", "it")
    for actual in (b"a", b"xbc"):
        with pytest.raises(AssertionError):
            rawlogs.assert_starts_with(actual, b"ab", "it")


class LateBytes:
    """A socket that keeps the last bytes of what is to be sent until the server says nothing more.
    Three: for IMAP, a line ends with its CR."""

    def __init__(self, socket):
        self.socket, self.kept = socket, b""

    def __getattr__(self, name):
        return getattr(self.socket, name)

    def sendall(self, data):
        self.socket.sendall(self.kept + data[:-3])
        self.kept = data[-3:]

    def recv(self, size):
        if self.kept and not select.select([self.socket], [], [], 0.2)[0]:
            self.socket.sendall(self.kept)
            self.kept = b""
        return self.socket.recv(size)


@pytest.mark.parametrize("step", dialogues.STEPS["imap"], ids=lambda step: step.__name__)
def test_a_step_of_the_soak_ends_when_all_is_read(dovecot, step):
    """The referee takes it so that Dovecot has read what was sent in it."""
    user = dovecot.add_user(f"user{len(dovecot.users)}")
    for _ in range(2):
        dovecot.seed(user, 3000)
    client = connect(dovecot, "imap", "plain", user)
    client.login()
    over = threading.Event()
    over.set()
    client.command("CREATE Saved")
    client.socket = LateBytes(client.socket)
    step(dialogues.Play(SimpleNamespace(over=over), 1, random.Random(1), "imap", "plain", user,
                        client=client))
    assert not client.socket.kept
    client.logout()
