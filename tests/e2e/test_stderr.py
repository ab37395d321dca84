# SPDX-License-Identifier: MIT
"""Standard error that takes nothing, little, or nothing any more: recording goes on, rawtap ends in
time, and what it could not say is counted."""

import asyncio
import fcntl
import os
import pty
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from crowd import Crowd, assert_complete, play
from manager import READY, Manager
from private_dovecot import PrivateDovecot
from rawlogs import wait_until
from taps import recorded, recorded_user, talk, transcripts, wait_recorded

UID = 5000
USERS = 20
MANY = Crowd(long=20, rate=70, seconds=10)      # more messages than rawtap keeps
FEW = Crowd(long=5, rate=5, seconds=1)
CONFIG = """
mail_max_userip_connections = 0
service imap-login {
  service_count = 0
}
"""
# A second rule, whose message of each session is long: the directory isn't there.
MISSING = "/missing/" + "/".join(["x" * 100] * 18)
ENDS_IN = 5
DROPPED = re.compile(r"rawtap: warning: (\d+) messages were dropped: .*\n")
OF_A_SESSION = re.compile(r"^rawtap: debug: imap\(user.*recorded: ", re.MULTILINE)
# Other Dovecots of this host are mentioned, too: how often, the saved stream knows.
OF_THE_ENGINE = re.compile(r"^rawtap: (?:debug|warning: master process)", re.MULTILINE)
SUMMARY = re.compile(r"rawtap: (\d+) sessions recorded .*\n(rawtap: .*\n)*rawtap: 0 bytes lost\n")


@pytest.fixture(scope="module")
def dovecot(root):
    services = {"imap": {"service_count": 0, "client_limit": 100, "process_limit": 200},
                "imap-login": {"client_limit": 1000}}
    with PrivateDovecot(services=services, config=CONFIG) as dovecot:
        yield dovecot


@pytest.fixture
def users(dovecot):
    count = len(dovecot.users)
    return [recorded_user(dovecot, f"user{count + number}", uid=UID) for number in range(USERS)]


class Reader:
    """What came out at the other end of standard error, read when it is told to."""

    def __init__(self, source):
        self.source = source
        self.data = b""

    def read_all(self, size=65536, pause=0.0):
        """To its end; size bytes at a time."""
        try:
            while data := os.read(self.source, size):
                self.data += data
                time.sleep(pause)
        except OSError:     # a terminal's way to say so
            pass

    @property
    def text(self):
        return self.data.decode().replace("\r\n", "\n")


class Run:
    """A rawtap that records, with this as its standard error, which it alone has from here on."""

    def __init__(self, binary, dovecot, stderr, tmp_path):
        self.manager = Manager(f"{tmp_path}/notify")
        self.process = subprocess.Popen(
            [binary, "--base-dir", dovecot.base_dir, "-D", "--rawlog", "--rawlog-dir", MISSING,
             "--save", tmp_path / "stream"], env=self.manager.env, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=stderr)
        os.close(stderr)

    def wait_ready(self):
        assert self.manager.receive()[0] == READY

    def stop(self):
        """(exit status, seconds)"""
        begin = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60), time.monotonic() - begin

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.manager.socket.close()


@pytest.fixture
def start(rawtap_binary, dovecot, tmp_path):
    runs = []

    def starting(stderr):
        runs.append(Run(rawtap_binary, dovecot, stderr, tmp_path))
        runs[-1].wait_ready()
        return runs[-1]

    yield starting
    for run in runs:
        run.kill()


@pytest.fixture
def pipe():
    """(the end to read, the end to write). The latter is closed by who gets it."""
    ends = os.pipe()
    yield ends
    os.close(ends[0])


def fill(end):
    """A pipe, until it takes no byte more; how many it took."""
    flags, filled = fcntl.fcntl(end, fcntl.F_GETFL), 0
    fcntl.fcntl(end, fcntl.F_SETFL, flags | os.O_NONBLOCK)
    try:
        while True:
            filled += os.write(end, b"." * 4096)
    except BlockingIOError:
        fcntl.fcntl(end, fcntl.F_SETFL, flags)
    return filled


def record_crowd(dovecot, users, crowd):
    clients = asyncio.run(play(dovecot, users, crowd))
    dovecot.wait_clients_gone("imap-login", "imap")
    return clients


def wait_complete(users, clients):
    def count():
        return sum(len(list(user.rawlog_dir.iterdir())) for user in users)
    wait_until(lambda: count() >= 2 * len(clients), "all files to be there")


@pytest.fixture
def assert_all_told(run, tmp_path):
    """assert_all_told(text, clients): each message is there, or counted; the summary is the last."""
    def asserting(text, clients):
        replayed = run("replay", "-D", tmp_path / "stream", "--root", tmp_path)
        dropped = sum(map(int, DROPPED.findall(text)))
        assert dropped and len(OF_THE_ENGINE.findall(text)) + dropped == \
            len(OF_THE_ENGINE.findall(replayed.stderr))
        summary = SUMMARY.search(text)
        assert summary and summary.end() == len(text), text[-2000:]
        assert int(summary[1]) == len(clients)
    return asserting


def test_a_full_pipe_that_nobody_reads(dovecot, users, start, pipe):
    filled = fill(pipe[1])
    rawtap = start(pipe[1])
    clients = record_crowd(dovecot, users, MANY)
    wait_complete(users, clients)       # before it ends, too
    status, seconds = rawtap.stop()
    assert status == 0 and seconds < ENDS_IN
    assert_complete(users, clients)
    said = Reader(pipe[0])
    said.read_all()
    assert said.data == b"." * filled


def test_a_full_pipe_and_a_loss(dovecot, users, start, pipe):
    """The exit status is that of what was recorded."""
    fill(pipe[1])
    rawtap = start(pipe[1])
    for path in users[0].rawlog_dir.parent, users[0].rawlog_dir:
        path.chmod(0o500)
    talk(dovecot, users[0])
    status, seconds = rawtap.stop()
    assert status == 3 and seconds < ENDS_IN


def test_a_full_pipe_and_no_start(rawtap_binary, pipe):
    """It can't say why it ends, and ends."""
    fill(pipe[1])
    process = subprocess.run([rawtap_binary, "--backend", "none"], stdin=subprocess.DEVNULL,
                             stderr=pipe[1], timeout=60)
    os.close(pipe[1])
    assert process.returncode == 1


def test_a_full_pipe_that_is_read_at_the_end(dovecot, users, start, pipe, assert_all_told):
    """Slowly: the summary comes before what is old."""
    fill(pipe[1])
    rawtap = start(pipe[1])
    said = Reader(pipe[0])
    clients = record_crowd(dovecot, users, MANY)
    reading = threading.Thread(target=said.read_all, args=(4096, 0.05))
    reading.start()
    status, seconds = rawtap.stop()
    assert status == 0 and seconds < ENDS_IN
    reading.join()
    assert_complete(users, clients)
    assert len(said.data) < 500_000
    assert_all_told(said.text.lstrip("."), clients)


def test_a_reader_that_was_stopped(dovecot, users, start, tmp_path, assert_all_told):
    """What was dropped is told when it goes on, and then all is told again."""
    path = tmp_path / "messages"
    with open(path, "wb") as file:
        reader = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=file)
    try:
        os.kill(reader.pid, signal.SIGSTOP)
        rawtap = start(os.dup(reader.stdin.fileno()))
        reader.stdin.close()
        clients = record_crowd(dovecot, users, MANY)
        os.kill(reader.pid, signal.SIGCONT)
        wait_until(lambda: DROPPED.search(path.read_text()), "the number of dropped messages")
        more = record_crowd(dovecot, users, FEW)
        assert rawtap.stop()[0] == 0
        assert reader.wait(60) == 0
    finally:
        reader.kill()
        reader.wait()
    assert_complete(users, clients + more)
    text = path.read_text()
    assert_all_told(text, clients + more)
    assert len(OF_A_SESSION.findall(text[DROPPED.search(text).end():])) == 2 * len(more)


def test_a_terminal_that_was_stopped(dovecot, users, start, assert_all_told):
    """With Ctrl-S; Ctrl-Q lets it go on."""
    master, slave = pty.openpty()
    os.write(master, b"\x13")
    rawtap = start(slave)
    said = Reader(master)
    reading = threading.Thread(target=said.read_all)
    reading.start()
    try:
        clients = record_crowd(dovecot, users, MANY)
        wait_complete(users, clients)
        assert said.data == b""
        os.write(master, b"\x11")
        wait_until(lambda: DROPPED.search(said.text), "the number of dropped messages")
        assert rawtap.stop()[0] == 0
    finally:
        rawtap.kill()
        reading.join()
        os.close(master)
    assert_complete(users, clients)
    assert_all_told(said.text, clients)


def test_a_terminal_that_stays_stopped(dovecot, users, start):
    master, slave = pty.openpty()
    os.write(master, b"\x13")
    try:
        rawtap = start(slave)
        client = talk(dovecot, users[0])
        status, seconds = rawtap.stop()
        assert status == 0 and seconds < ENDS_IN
    finally:
        os.close(master)
    assert recorded(users[0]) == transcripts(client)


def test_a_reader_that_is_gone(dovecot, users, start):
    """EPIPE, for each message."""
    source, stderr = os.pipe()
    rawtap = start(stderr)
    os.close(source)
    clients = record_crowd(dovecot, users, FEW)
    status, seconds = rawtap.stop()
    assert status == 0 and seconds < ENDS_IN
    assert_complete(users, clients)


def test_a_pipe_that_does_not_wait(dovecot, users, start, pipe):
    """Its other owner has set O_NONBLOCK: nothing gets lost by that."""
    fill(pipe[1])
    os.set_blocking(pipe[1], False)
    rawtap = start(pipe[1])
    said = Reader(pipe[0])
    clients = record_crowd(dovecot, users, FEW)
    reading = threading.Thread(target=said.read_all)
    reading.start()
    assert rawtap.stop()[0] == 0
    reading.join()
    assert not DROPPED.search(said.text)
    assert len(OF_A_SESSION.findall(said.text)) == 2 * len(clients)


def status_of(task):
    return dict(line.split(":", 1) for line in (task / "status").read_text().splitlines())


def test_the_thread_can_do_nothing_else(dovecot, users, start, pipe):
    """Its capabilities, ids and signals are its own, and stay what they are while the other thread
    acts for users."""
    rawtap = start(pipe[1])
    client = talk(dovecot, users[0])
    wait_recorded(client)
    tasks = Path(f"/proc/{rawtap.process.pid}/task")
    main = tasks / str(rawtap.process.pid)
    other, = set(tasks.iterdir()) - {main}
    status = status_of(other)
    assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {0}
    assert status["NoNewPrivs"].strip() == "1"
    assert status["Uid"].split() == status["Gid"].split() == ["0"] * 4
    blocked = int(status["SigBlk"], 16)
    assert all(blocked >> sig - 1 & 1 for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP,
                                                  signal.SIGPIPE, signal.SIGCHLD))
    assert int(status_of(main)["CapEff"], 16)
