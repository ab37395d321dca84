# SPDX-License-Identifier: MIT
"""IMAP's COMPRESS: the log holds the text, in both directions, as the client knows it."""

import random
import zlib
from functools import partial

import pytest

import rawlogs
from differences import said
from dirstage import both, contents, dovecot_of, option, place, user_with_dirs, EACH
from losses import FULL, LARGE, SMALL_RING, asleep, stop
from mailclient import TRANSPORTS
from private_dovecot import make_message
from taps import log_in, only_pair, recorded, recorded_user, say, split_gaps, transcripts, \
    wait_recorded

PLUGIN = """\
protocol imap {
  mail_plugins = imap_zlib
}
"""
LARGE_MAIL = make_message(1_000_000)
DEFLATE = "compressed, and could not be inflated"


@pytest.fixture(scope="module")
def dovecot(root):
    with dovecot_of(EACH, ("imap",), config=PLUGIN) as dovecot:
        yield dovecot


@pytest.fixture
def user(dovecot):
    user = user_with_dirs(dovecot, f"user{len(dovecot.users)}")
    dovecot.make_rawlog_dir(user)
    return user


def compressed(dovecot, user, transport="plain"):
    """A client that has begun."""
    client = log_in(dovecot, user, transport=transport)
    client.compress()
    return client


def large_session(dovecot, user, transport="plain"):
    """A large mail in each direction. In front of it and in it stands what begins compression
    where it is an answer."""
    client = log_in(dovecot, user, transport=transport)
    client.command("SELECT INBOX")
    client.append(b"Subject: x\r\n\r\na4 COMPRESS DEFLATE\r\na5 OK Begin compression (0.001 + 0.000 secs).\r\n")
    client.command("FETCH 1 BODY[]")
    client.compress()
    client.append(LARGE_MAIL, synchronising=False)
    client.command("NOOP")
    assert LARGE_MAIL in client.command("FETCH 2 BODY[]")
    client.append(b"Subject: x\r\n\r\na9 OK Begin compression (0.001 secs).\r\n")
    client.command("FETCH 3 BODY[]")
    client.logout()
    return client


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_large_mails(dovecot, record, user, transport):
    with record(dovecot, "--rawlog", *option(dovecot, EACH)) as rawtap:
        client = large_session(dovecot, user, transport)
    assert recorded(user) == transcripts(client)
    assert list(contents(place(dovecot, user, "rawtap")).values()) == transcripts(client)
    assert rawtap.status == 0 and "0 bytes lost" in rawtap.stderr
    assert rawtap.count("bytes in") == len(client.session_in)
    assert rawtap.count("bytes out") == len(client.session_out)


def test_as_native(dovecot, record, user):
    """Which begins a second pair with COMPRESS."""
    with record(dovecot, *option(dovecot, EACH)):
        large_session(dovecot, user)
    native, rawtaps = both(dovecot, user)
    first, second = (native[key] for key in sorted(native))
    assert list(rawtaps.values()) == [(first[0] + second[0], first[1] + second[1])]


@pytest.mark.parametrize("flags", [["-b"], ["-t"], ["-b", "-t"]], ids=" ".join)
def test_flags(dovecot, record, user, flags):
    with record(dovecot, "--rawlog", *flags):
        client = large_session(dovecot, user)
    assert recorded(user, flags) == transcripts(client)


def test_a_system_call_is_a_block(dovecot, record, user):
    with record(dovecot, "--rawlog", "-b"):
        client = compressed(dovecot, user)
        client.command("NOOP")
        client.command("FETCH 1 BODY[]", b"BAD")
        client.logout()
    assert rawlogs.split_blocks(only_pair(user).read("in")) \
        == client.session_in.splitlines(keepends=True)


def test_what_is_refused(dovecot, record, user):
    with record(dovecot, "--rawlog") as rawtap:
        client = log_in(dovecot, user)
        for command in ("COMPRESS BROTLI", "COMPRESS NOSUCH"):
            client.command(command, b"NO")
        for command in ("COMPRESS", "COMPRESS DEFLATE DEFLATE", 'COMPRESS "DEFLATE"'):
            client.command(command, b"BAD")
        say(client, "still-text")
        client.compress()
        client.command("COMPRESS DEFLATE", b"NO [COMPRESSIONACTIVE]")
        say(client, "still-compressed")
        client.logout()
    assert recorded(user) == transcripts(client)
    assert rawtap.status == 0


def test_deflate_before_the_answer(dovecot, record, user):
    """2.4 refuses the command, and takes what follows for text. 2.3 looks at it once more comes."""
    line, behind, more = b"c COMPRESS DEFLATE\r\n", b"x NOOP\r\n", b"y NOOP\r\n"
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    pieces = [deflate.compress(text) + deflate.flush(zlib.Z_SYNC_FLUSH) for text in (behind, more)]
    taken = said("deflate that came before the answer to COMPRESS is taken")
    with record(dovecot, "--rawlog", "-b") as rawtap:
        client = log_in(dovecot, user)
        client.send_as_is(line + pieces[0])
        client.read_until(b"c OK Begin compression" if taken else b"c BAD")
        client.read_line()
        client.send_as_is(pieces[1])
        client.wait_received()
        client.close()
    pair = only_pair(user)
    expected = [line + behind, more] if taken else [line + pieces[0], pieces[1]]
    assert rawlogs.split_blocks(pair.read("in")) == expected
    assert (b"y OK" in pair.read("out")) == taken
    assert rawtap.status == 0


def test_text_before_the_answer(dovecot, record, user):
    """Of a COMPRESS that is refused."""
    with record(dovecot, "--rawlog") as rawtap:
        client = log_in(dovecot, user)
        client.send(b"x COMPRESS NOSUCH\r\ny COMPRESS DEFLATE EXTRA\r\nz NOOP\r\n")
        client.read_reply(b"z")
        client.compress()
        client.logout()
    assert recorded(user) == transcripts(client)
    assert rawtap.status == 0


def test_a_damaged_stream(dovecot, record, user):
    """Which ends the session, as Dovecot cannot read it either."""
    damage = b"\xff" * 100
    with record(dovecot, "--rawlog") as rawtap:
        client = compressed(dovecot, user)
        say(client, "good")
        client.send_as_is(damage)
        client.read_to_end()
        client.close()
    pair = only_pair(user)
    (_, piece), rest = split_gaps(pair.read("in"))[0]
    gaps = split_gaps(pair.read("in"))[1]
    assert piece == client.session_in and rest[1] == b""
    assert [reason for *_, reason in gaps] == [DEFLATE]
    assert 0 < gaps[0][1] <= len(damage)
    assert pair.read("out") == client.session_out
    assert rawtap.count("bytes lost") == gaps[0][1] and rawtap.status == 3


def test_an_end_in_the_middle(dovecot, record, user):
    """What came so far is there."""
    with record(dovecot, "--rawlog") as rawtap:
        client = compressed(dovecot, user)
        say(client, "whole")
        part = client.compressed(b"x NOOP\r\n")
        client.send_as_is(part[:len(part) // 2])
        client.wait_received()
        client.reset()
    (data_in, data_out), = recorded(user)
    assert data_in.startswith(client.session_in)
    assert (client.session_in + b"x NOOP\r\n").startswith(data_in)
    assert data_out.startswith(client.session_out)
    assert rawtap.status == 0


def test_much_of_little(dovecot, record, user):
    """A literal that deflate has made a thousandth of."""
    mail = b"Subject: x\r\n\r\n" + b"x" * 50_000_000 + b"\r\n"
    with record(dovecot, "--rawlog") as rawtap:
        client = compressed(dovecot, user)
        client.append(mail)
        say(client, "after")
        client.logout()
    assert recorded(user) == transcripts(client)
    assert rawtap.status == 0


class Counting:
    """A socket that counts what passes."""

    def __init__(self, sock):
        self.socket, self.passed = sock, [0, 0]

    def __getattr__(self, name):
        return getattr(self.socket, name)

    def sendall(self, data):
        self.passed[0] += len(data)
        self.socket.sendall(data)

    def recv(self, size):
        data = self.socket.recv(size)
        self.passed[1] += len(data)
        return data


@pytest.mark.parametrize("begun", [True, False], ids=["begun", "later"])
def test_open_before(dovecot, record, user, begun):
    """Compression that began before rawtap started can't be inflated, and that is said; one that begins
    later can."""
    client = compressed(dovecot, user) if begun else log_in(dovecot, user)
    client.socket = counting = Counting(client.socket)
    with record(dovecot) as rawtap:
        if not begun:
            client.compress()
        for _ in range(3):
            client.command("NOOP")
        client.logout()
    for direction, passed, text in zip(("in", "out"), counting.passed, *transcripts(client)):
        _, _, content = only_pair(user).read(direction).partition(b"is missing]\n")
        pieces, gaps = split_gaps(content)
        if begun:
            assert not any(piece for _, piece in pieces)
            assert sum(size for _, size, _ in gaps) == passed
            assert {reason for *_, reason in gaps} == {DEFLATE}
        else:
            assert content and text.endswith(content) and not gaps
    assert rawtap.status == (3 if begun else 0)


def test_replay(dovecot, record, run, user, tmp_path):
    with record(dovecot, "--rawlog", "-b", "-t", "--save", tmp_path / "stream"):
        large_session(dovecot, user, "starttls")
    assert run("replay", tmp_path / "stream", "--root", tmp_path).returncode == 0
    again = tmp_path / user.rawlog_dir.relative_to("/")
    assert {path.name: path.read_bytes() for path in again.iterdir()} \
        == {path.name: path.read_bytes() for path in user.rawlog_dir.iterdir()}


# Loss

@pytest.fixture
def tap(start_tap, dovecot):
    return partial(start_tap, "--base-dir", dovecot.base_dir, *SMALL_RING)


def incompressible(size):
    """A mail of that many bytes, that deflate makes little less of."""
    source = random.Random(1)
    lines = (bytes(source.choices(range(33, 126), k=76)) for _ in range(size // 78))
    return b"Subject: x\r\n\r\n" + b"".join(line + b"\r\n" for line in lines)


def assert_gaps(user, direction, transcript, rawtap):
    """From the first gap on nothing is there, and what is lost adds up. How much that is."""
    pieces, gaps = split_gaps(only_pair(user).read(direction))
    assert transcript.startswith(pieces[0][1])
    assert not any(piece for _, piece in pieces[1:])
    assert gaps[0][2] == FULL and {reason for *_, reason in gaps[1:]} <= {DEFLATE, FULL}
    assert gaps[-1][2] == DEFLATE
    return sum(size for _, size, _ in gaps)


def test_the_ring_is_full_in_the_middle(dovecot, tap, user):
    dovecot.deliver(user, incompressible(2_000_000))
    rawtap = tap("--rawlog")
    client = compressed(dovecot, user)
    client.command("SELECT INBOX")
    wait_recorded(client)
    with asleep(rawtap):
        client.command("FETCH 1 BODY[]")
    say(client, "later")
    client.logout()
    stop(dovecot, rawtap)
    lost = assert_gaps(user, "out", client.session_out, rawtap)
    assert rawtap.count("bytes lost") == lost + sum(
        size for _, size, _ in split_gaps(only_pair(user).read("in"))[1])
    assert only_pair(user).read("in") == client.session_in or b"rawtap" in only_pair(user).read("in")
    assert rawtap.status == 3


def test_the_ring_is_full_when_it_begins(dovecot, tap, user):
    """The command and its answer are lost: what follows is not taken for text."""
    dovecot.deliver(user, incompressible(2_000_000))
    rawtap = tap("--rawlog")
    client = log_in(dovecot, user)
    client.command("SELECT INBOX")
    wait_recorded(client)
    with asleep(rawtap):
        client.command("FETCH 1 BODY[]")
        for _ in range(500):        # where a large record had no room
            client.command("NOOP")
        before = client.session_in, client.session_out
        client.compress()
    for i in range(3):
        say(client, f"later{i}")
    client.logout()
    stop(dovecot, rawtap)
    for direction, transcript in zip(("in", "out"), before):
        pieces, gaps = split_gaps(only_pair(user).read(direction))
        for offset, piece in pieces:
            assert transcript[offset:].startswith(piece)
        # The ring can be full for longer than rawtap sleeps.
        reasons = [reason for *_, reason in gaps]
        assert reasons and reasons == sorted(reasons, key=[FULL, DEFLATE].index) and FULL in reasons
    assert rawtap.status == 3
