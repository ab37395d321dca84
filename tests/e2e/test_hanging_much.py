# SPDX-License-Identifier: MIT
"""Many file systems that hang at once, what is beside the logs and hangs, and what is left then."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from hangfs import KINDS
from house import IN_TIME, STOPS_WITHIN, WAYS, House, family, is_running, said, stop, wait_ended
from private_dovecot import PrivateDovecot
from rawlogs import wait_until
from recorder import READY
from taps import mail_pid, say

LARGE = 10_000_000
SHARED = {"imap": {"service_count": 0, "client_limit": 10, "process_limit": 1}}
CROWD = {name: {"client_limit": 2000} for name in ("auth", "anvil", "stats")}


@pytest.fixture
def dovecot(hangfs):
    with PrivateDovecot(services=CROWD) as dovecot:
        yield dovecot


# Many at once

def test_many_who_say_much(dovecot, hangfs, rawtap_binary):
    """What waits for them leaves enough for one whose directory does not hang."""
    house = House(dovecot, hangfs, WAYS["rawlog"], 13)
    victims = [house.victim, *house.others]
    healthy = victims.pop()
    for user in victims + [healthy]:
        dovecot.seed(user, LARGE)
    with house.tap(rawtap_binary, "--ring-size", "256M") as rawtap:
        clients = [house.log_in(user) for user in victims + [healthy]]
        for client in clients:
            client.command("SELECT INBOX")
            house.wait_whole(client)
        one = clients.pop()
        for user in victims:
            house.store.hang("write", house.directory(user))
        for client in clients:
            for _ in range(8):
                client.command("FETCH 1 BODY[]")
        for _ in range(3):
            one.command("FETCH 1 BODY[]")
            house.wait_whole(one)
        stop(rawtap, signal.SIGINT)


class Elsewhere(House):
    """The victims' logs are on the file system that hangs, and found below other paths."""

    def __init__(self, dovecot, hangfs, root, how, count):
        self.hangfs, self.root, self.how = hangfs, root, how
        self.mounts = []
        hangfs.make_dir("hang", 0, 0)
        hangfs.behind(hangfs.root / "hang").chmod(0o755)
        super().__init__(dovecot, self, WAYS["rawlog_dir"], count)

    def make_dir(self, name, uid, gid):
        path, top = self.root / name, self.root / name.split("/", maxsplit=1)[0]
        if name.startswith("user00/"):
            path.mkdir(parents=True)
            os.chown(path, uid, gid)
            return path
        real = self.hangfs.make_dir(f"hang/{name}", uid, gid).parent
        if self.how == "links":
            top.symlink_to(real)
        else:
            top.mkdir()
            subprocess.run(["mount", "--bind", real, top], check=True)
            self.mounts.append(top)
        return path

    def behind(self, path):
        return path

    def release(self):
        self.hangfs.release()


@pytest.mark.timeout(170)
@pytest.mark.parametrize("how,count", [("links", 180), ("mounts", 530)])
def test_many_directories(dovecot, hangfs, mounts, rawtap_binary, shared_path, how, count):
    """There is a thread for one whose directory does not hang."""
    house = Elsewhere(dovecot, hangfs, shared_path, how, count)
    healthy, *victims = sorted([house.victim, *house.others], key=lambda user: user.name)
    try:
        with house.tap(rawtap_binary) as rawtap:
            hangfs.hang("create", hangfs.root / "hang")
            for user in victims:
                house.log_in(user).logout()
            hangfs.wait_hanging(150)
            house.wait_whole(house.log_in(healthy))
            house.release()
            stop(rawtap, signal.SIGINT)
    finally:
        for path in house.mounts:
            subprocess.run(["umount", "-l", path], check=True)


# Sessions of one process, whose names are numbered

class OneUid(House):
    def _add_user(self, name, uid):
        return super()._add_user(name, 6000)


@pytest.fixture
def shared(hangfs):
    with PrivateDovecot(services=SHARED) as dovecot:
        yield OneUid(dovecot, hangfs, WAYS["rawlog_dir"], 4)


def first_hangs(house):
    """The first session's files are being created; the others' clients."""
    house.store.hang("create", house.directory(house.victim))
    house.log_in(house.victim)
    house.store.wait_hanging()
    clients = [house.log_in(user) for user in house.others]
    for client in clients:
        say(client, "beside")
    return clients


def test_their_process_ends(shared, rawtap_binary):
    """Their numbers are those that Dovecot gives, all the same."""
    with shared.tap(rawtap_binary) as rawtap:
        first_hangs(shared)
        os.kill(mail_pid(shared.dovecot, shared.victim), signal.SIGKILL)
        shared.dovecot.wait_sessions_over()
        shared.store.release()
        users = [shared.victim, *shared.others]
        wait_until(lambda: all(shared.pairs(user) for user in users), "their logs")
        stop(rawtap, signal.SIGINT)
        assert [pair.serial for user in users for pair in shared.pairs(user)] == [1, 2, 3, 4]


def test_stopped_while_the_first_hangs(shared, rawtap_binary):
    """The others' directories do not hang: they have their logs."""
    with shared.tap(rawtap_binary) as rawtap:
        clients = first_hangs(shared)
        stop(rawtap, signal.SIGINT)
        assert all(map(shared.is_whole, clients))


# What is not a log

def start(binary, dovecot, *options, **streams):
    return subprocess.Popen([binary, "--base-dir", dovecot.base_dir, *options],
                            stdin=subprocess.DEVNULL, **streams)


def assert_ends(process, store):
    process.send_signal(signal.SIGINT)
    try:
        process.wait(STOPS_WITHIN)
    finally:
        store.release()
        process.wait(IN_TIME)


@pytest.mark.parametrize("kind", ["write", "close"])
def test_standard_error_hangs(dovecot, hangfs, rawtap_binary, kind):
    directory = hangfs.make_dir("root", 0, 0)
    with open(directory / "errors", "wb") as errors:
        process = start(rawtap_binary, dovecot, stderr=errors)
    path = hangfs.behind(directory) / "errors"
    wait_until(lambda: READY in path.read_text(), "rawtap to be ready")
    hangfs.hang(kind, directory)
    assert_ends(process, hangfs)


def test_the_configuration_hangs(dovecot, hangfs, rawtap_binary):
    """A question about a master looks for it."""
    directory = hangfs.make_dir("root", 0, 0)
    link = dovecot.base_dir / "dovecot.conf"
    link.unlink()
    link.symlink_to(directory / "dovecot.conf")
    hangfs.hang("lookup", directory)
    process = start(rawtap_binary, dovecot, "--rawlog-dir", "/nowhere/%{hostname}")
    hangfs.wait_hanging()
    assert_ends(process, hangfs)


# What is left

def test_told_is_what_is_missing(dovecot, hangfs, rawtap_binary):
    """Of a request that the file system was at, a part is in the file."""
    house = House(dovecot, hangfs, WAYS["rawlog"], 2)
    dovecot.seed(house.victim, LARGE)
    with house.tap(rawtap_binary, "--ring-size", "256M") as rawtap:
        one = house.log_in(house.victim)
        one.command("SELECT INBOX")
        house.wait_whole(one)
        processes = family(rawtap.pid)
        house.store.slow("write", house.directory(house.victim), 300)
        one.command("FETCH 1 BODY[]")
        stop(rawtap, signal.SIGINT)
        wait_ended(processes)
        assert house.size(house.victim) + rawtap.count("bytes lost") == said(one)


def test_a_writer_that_was_stopped(dovecot, hangfs, rawtap_binary):
    """It ends with rawtap."""
    house = House(dovecot, hangfs, WAYS["rawlog"], 2)
    with house.tap(rawtap_binary) as rawtap:
        writer = rawtap.writer_pid
        os.kill(writer, signal.SIGSTOP)
        say(house.log_in(house.victim), "word")
        stop(rawtap, signal.SIGINT)
        try:
            wait_until(lambda: not is_running(writer), "the writer to end", IN_TIME)
        finally:
            if is_running(writer):
                os.kill(writer, signal.SIGCONT)


def test_the_writer_keeps_nothing_open(dovecot, rawtap_binary):
    """Not what rawtap was started with: a lock of flock(1), the end of a pipe."""
    with open("/dev/zero", "rb") as file:
        process = start(rawtap_binary, dovecot, pass_fds=[file.fileno()])
    try:
        writer = Path(f"/proc/{wait_until(lambda: family(process.pid)[1:], 'the writer')[0]}")
        wait_until(lambda: (writer / "comm").read_text() == "rawtap-writer\n", "its name")
        assert "/dev/zero" not in map(os.readlink, (writer / "fd").iterdir())
    finally:
        process.terminate()
        process.wait(IN_TIME)


# A replay

@pytest.mark.parametrize("kind", KINDS)
def test_replay_of_what_hung(dovecot, hangfs, rawtap_binary, tmp_path, kind):
    """The same files, and the same is said, with more than is kept, or without."""
    house = House(dovecot, hangfs, WAYS["rawlog"], 2)
    dovecot.seed(house.victim, LARGE)
    with house.tap(rawtap_binary, "--ring-size", "256M", "--save", tmp_path / "saved") as rawtap:
        if kind == "write":
            one = house.log_in(house.victim)
            house.wait_whole(one)
        house.store.hang(kind, house.directory(house.victim))
        if kind != "write":
            one = house.log_in(house.victim)
        one.command("SELECT INBOX")
        for _ in range(9):
            one.command("FETCH 1 BODY[]")
        house.store.release()
        one.command("FETCH 1 BODY[]")
        one.logout()
        dovecot.wait_sessions_over()
        stop(rawtap, signal.SIGINT)
        (tmp_path / "replayed").mkdir()
        again = subprocess.run([rawtap_binary, "replay", tmp_path / "saved", "--root",
                                tmp_path / "replayed"], capture_output=True, text=True)
        assert again.returncode == rawtap.status
        assert files_below(tmp_path / "replayed") == files_below(hangfs.behind(hangfs.root))


def files_below(root):
    return {path.name: path.read_bytes() for path in root.rglob("*") if path.is_file()}
