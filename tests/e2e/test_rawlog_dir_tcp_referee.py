# SPDX-License-Identifier: MIT
"""rawlog_dir = tcp:HOST:PORT: one connection a session, and both directions in it. The referee
is Dovecot, which sends its own log of the same session to a collector of its own."""

import re
import socket
import threading

import pytest

import rawlogs
from mailclient import connect
from private_dovecot import PrivateDovecot
from rawlogs import wait_until
from sessions import SCRIPTS
from taps import Tap, log_in, say, talk

# A log over TCP keeps a few MB for a peer that does not read: beside others this one may be slow.
pytestmark = pytest.mark.alone
RECORD = re.compile(rb"(\d{10}\.\d{6}) ([IO][:>] )")
# A reset takes the process's last bytes away, from one log sooner than from the other; so does
# half a close where the login process passes the replies on. How much of a long line without an
# end is left at the end, and lost by Dovecot, depends on how the reads fell.
LEFT_OUT = ("reset", "long_line_cut")
PLAYED = [(script, transport) for script in SCRIPTS for transport in ("plain", "tls")
          if not any(word in script.name for word in LEFT_OUT)
          and not ("half_close" in script.name and transport == "tls")]


class Collector:
    """Listens, and keeps what each connection brings."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.target = "tcp:127.0.0.1:%d" % self.socket.getsockname()[1]
        self.ended = []         # what each connection brought, in the order of their ends
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:     # closed
                return
            threading.Thread(target=self._collect, args=(peer,), daemon=True).start()

    def _collect(self, peer):
        data = bytearray()
        with peer:
            while some := peer.recv(65536):
                data += some
        self.ended.append(bytes(data))

    def next(self, count):
        """What the connection brought that ended as this one."""
        return wait_until(lambda: self.ended[count - 1:], f"connection {count} to end")[0]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


def without_times(stream):
    """The times must be in order; they are the only thing that may differ."""
    times = [float(time) for time, _ in RECORD.findall(stream)]
    assert times == sorted(times)
    return RECORD.sub(rb"\2", stream)


def rest(mark, data):
    """What comes after the last line end: Dovecot 2.3 loses it."""
    line = data[data.rfind(b"\n") + 1:]
    return mark + b"> " + line + b"\n" if line else b""


@pytest.fixture(scope="module")
def native():
    with Collector() as collector:
        yield collector


@pytest.fixture
def collector():
    with Collector() as collector:
        yield collector


@pytest.fixture(scope="module")
def dovecot(root, native):
    with PrivateDovecot(config=f"rawlog_dir = {native.target}\n") as dovecot:
        yield dovecot


def play(dovecot, script, transport):
    user = dovecot.add_user(f"{script.name}-{transport}")
    for size, crlf in script.mails:
        dovecot.seed(user, size, crlf=crlf)
    client = connect(dovecot, script.protocol, transport, user, **script.options)
    try:
        script.run(client)
    finally:
        client.close()
    return client


@pytest.fixture(scope="module")
def streams(rawtap_binary, dovecot):
    """What rawtap sends of all these sessions, as they end; nothing of them may be lost."""
    with Collector() as collector, \
            Tap("--base-dir", dovecot.base_dir, "--ring-size", "128M", "--rawlog-dir",
                collector.target, binary=rawtap_binary) as rawtap:
        yield collector
        rawtap.stop()
        assert rawtap.status == 0, rawtap.stderr


@pytest.mark.parametrize("script, transport", PLAYED,
                         ids=lambda value: getattr(value, "name", value))
def test_as_dovecot(dovecot, native, streams, script, transport):
    before = len(native.ended), len(streams.ended)
    client = play(dovecot, script, transport)
    expected, actual = (without_times(collector.next(count + 1))
                        for collector, count in zip((native, streams), before))
    expected += rest(b"I", client.session_in) + rest(b"O", client.session_out)
    rawlogs.assert_same(actual, expected, "rawtap's stream")


@pytest.fixture(scope="module")
def plain_dovecot(root):
    with PrivateDovecot() as dovecot:
        yield dovecot


def unused_target():
    with Collector() as collector:
        return collector.target


def test_every_session_has_a_connection(plain_dovecot, collector, record):
    alice, bob = (plain_dovecot.add_user(name) for name in ("alice", "bob"))
    with record(plain_dovecot, "--rawlog-dir", f"imap={collector.target}") as rawtap:
        one, two = (log_in(plain_dovecot, user) for user in (alice, bob))
        talk(plain_dovecot, alice, "pop3")      # not asked for
        say(one, "first")
        say(two, "second")
        one.logout()
        first = collector.next(1)
        two.logout()
        second = collector.next(2)
    assert rawtap.status == 0, rawtap.stderr
    assert len(collector.ended) == 2
    assert b"I: first NOOP" in first and b"I: second NOOP" in second
    assert b"second" not in first and b"first" not in second


def test_refused(plain_dovecot, record):
    user, target = plain_dovecot.add_user("refused"), unused_target()
    with record(plain_dovecot, "-D", "--rawlog-dir", target) as rawtap:
        talk(plain_dovecot, user)
    assert rawtap.said(user) == [
        f"not recorded: connect({target[4:]}) failed: Connection refused"]


def test_unknown_host(root, run):
    result = run("--rawlog-dir", "tcp:..:4000")
    assert result.returncode == 1
    assert result.stderr.startswith("rawtap: error: tcp:..:4000: looking up ..: ")
    assert result.stderr.count("\n") == 1


def test_what_is_no_host_and_port_is_a_directory(plain_dovecot, record):
    user = plain_dovecot.add_user("directory")
    (user.home / "tcp:127.0.0.1").mkdir()
    (user.home / "tcp:127.0.0.1").chmod(0o777)
    with record(plain_dovecot, "--rawlog-dir", "tcp:127.0.0.1") as rawtap:
        talk(plain_dovecot, user)
    assert rawtap.status == 0, rawtap.stderr
    names = sorted(path.name for path in (user.home / "tcp:127.0.0.1").iterdir())
    pid = plain_dovecot.wait_login(user).pid
    assert [name.partition(".")[2] for name in names] == [f"{pid}.1.in", f"{pid}.1.out"]


def test_variables(plain_dovecot, collector, record):
    """What they become must be an address."""
    user = plain_dovecot.add_user("variables")
    target = collector.target.replace("127.0.0.1", "%l")
    with record(plain_dovecot, "--rawlog-dir", target):
        talk(plain_dovecot, user)
        assert b"NOOP" in collector.next(1)


def test_replay(plain_dovecot, collector, record, run, tmp_path):
    user, saved = plain_dovecot.add_user("replay"), tmp_path / "saved"
    with record(plain_dovecot, "--save", saved, "--rawlog-dir", collector.target) as rawtap:
        talk(plain_dovecot, user)
        stream = collector.next(1)
    assert rawtap.status == 0, rawtap.stderr
    result = run("replay", saved, "--root", tmp_path)
    assert result.returncode == 0, result.stderr
    file, = (tmp_path / "tcp" / collector.target[4:]).iterdir()
    assert file.suffix == ".rawlog" and file.read_bytes() == stream
