# SPDX-License-Identifier: MIT
"""A file system that does not answer costs those whose logs are there, and nobody else; it does not
keep rawtap from ending; and what it cost is told."""

import errno
import os
import signal
import subprocess
import time
from contextlib import contextmanager
from itertools import count

import pytest

from hangfs import KINDS
from house import (IN_TIME, STOPS_WITHIN, WAYS, House, children, family, is_named, memory, said, stop,
                   wait_ended)
from losses import assert_told
from private_dovecot import PrivateDovecot
from rawlogs import plain, wait_until
from taps import assert_same_but_for_gaps, say, transcripts

USERS = 50
LARGE = 10_000_000
WAITING_MAX = 64 << 20      # bytes that wait for a log
SLOW = "the file system did not keep up"


@pytest.fixture
def dovecot(hangfs):
    """A new one for each test: its users' homes are on a file system that is a test's own."""
    with PrivateDovecot() as dovecot:
        yield dovecot


@pytest.fixture(params=WAYS)
def house(request, dovecot, hangfs):
    return House(dovecot, hangfs, WAYS[request.param], USERS)


@pytest.fixture
def small_house(dovecot, hangfs):
    return House(dovecot, hangfs, WAYS["rawlog"], 4)


# One user's directory hangs

def whole_beside(house, hang, meanwhile=lambda one: None):
    """hang() begins a session of one user of many: the others, some logged in before and some later,
    have every byte, at once. meanwhile(one) is called each time before another says something.
    Returns the one's client, the others', and how long their bytes took."""
    half = len(house.others) // 2
    clients = [house.log_in(user) for user in house.others[:half]]
    for client in clients:
        house.wait_whole(client)
    one = hang()
    clients += [house.log_in(user) for user in house.others[half:]]
    times = []
    for turn in range(3):
        for i, client in enumerate(clients):
            meanwhile(one)
            times.append(house.say(client, f"w{turn}x{i}"))
    print(f"in the file after {1000 * max(times):.0f} ms at most, "
          f"{1000 * sorted(times)[len(times) // 2]:.0f} ms in the middle")
    for client in clients[::2]:         # the rest stay
        client.logout()
        house.wait_whole(client)
    return one, clients, times


def session_of_the_victim(house, kind):
    """From its login to its end; a call of this kind hangs then."""
    if kind:
        house.store.hang(kind, house.directory(house.victim))
    client = house.log_in(house.victim)
    say(client, "victim")
    client.logout()
    if kind:
        house.store.wait_hanging()
    return client


@pytest.mark.parametrize("kind", [None, *KINDS])
def test_released(house, rawtap_binary, kind):
    """Nothing is missing then."""
    with house.tap(rawtap_binary) as rawtap:
        one, others, _ = whole_beside(house, lambda: session_of_the_victim(house, kind))
        house.store.release()
        house.wait_whole(one)
        stop(rawtap, signal.SIGINT)
        assert all(map(house.is_whole, others))
    assert (rawtap.status, rawtap.count("bytes lost")) == (0, 0)
    assert rawtap.count("sessions recorded") == USERS


@pytest.mark.parametrize("kind", KINDS)
def test_stopped(house, rawtap_binary, kind):
    """It ends all the same, and says of which log it does not know what has become."""
    with house.tap(rawtap_binary) as rawtap:
        one, others, _ = whole_beside(house, lambda: session_of_the_victim(house, kind))
        stop(rawtap, signal.SIGINT)
        assert rawtap.status == 3
        assert is_named(rawtap, house.victim)
        assert all(map(house.is_whole, others))
        in_files = house.size(house.victim)
        if kind in ("lookup", "create"):    # it is not known whether there is a file
            assert rawtap.count("the files could not be created") == 1
            assert in_files == 0
        else:
            missing = said(one) - in_files
            stamps = 200 if house.way.flags else 0      # at most
            assert rawtap.count("logs could not be written to the end") == 1
            assert missing <= rawtap.count("bytes lost") <= missing + stamps
        assert rawtap.count("bytes in") + rawtap.count("bytes out") == said(*others) + in_files


def test_slow(house, rawtap_binary):
    """One whose disk needs 100 ms for each write talks all the time. If the others had to wait for
    a write each, it would show."""
    numbers = count()

    def begin():
        house.store.slow("write", house.directory(house.victim), 100)
        return house.log_in(house.victim)

    with house.tap(rawtap_binary) as rawtap:
        processes = family(rawtap.pid)
        one, others, times = whole_beside(house, begin, lambda one: say(one, f"slow{next(numbers)}"))
        assert sum(times) < 0.1 * len(times)
        one.logout()
        stop(rawtap, signal.SIGINT)
        wait_ended(processes)
        lost = rawtap.count("bytes lost")
        assert house.size(house.victim) + lost == said(one)
        assert rawtap.status == (3 if lost else 0)
        assert all(map(house.is_whole, others))


def test_errors_of_one(house, rawtap_binary):
    """An error is one log's, too, wherever it comes from."""
    def begin():
        house.store.fail("write", house.directory(house.victim), errno.EDQUOT)
        client = house.log_in(house.victim)
        client.logout()
        return client

    with house.tap(rawtap_binary) as rawtap:
        whole_beside(house, begin)
        stop(rawtap, signal.SIGINT)
    assert rawtap.status == 3
    assert is_named(rawtap, house.victim)
    assert rawtap.count("logs could not be written to the end") == 1


# More hangs than is kept

def gaps_of(house, client):
    pair, = house.pairs(client.user)
    return [assert_same_but_for_gaps(plain(pair.read(name), house.way.flags), transcript, "." + name)
            for name, transcript in (("in", client.session_in), ("out", client.session_out))]


def say_until_heard(house, client):
    """Its log is written to again."""
    numbers = count()

    def heard():
        say(client, f"heard{next(numbers)}")
        pair, = house.pairs(client.user)
        return b"heard" in pair.read("in")
    wait_until(heard, "the log to go on")


def test_more_than_is_kept(small_house, rawtap_binary):
    """The rest is lost, where it belongs; rawtap does not grow without limit."""
    house = small_house
    house.dovecot.seed(house.victim, LARGE)
    with house.tap(rawtap_binary, "--ring-size", "256M") as rawtap:
        one, *others = map(house.log_in, (house.victim, *house.others))
        one.command("SELECT INBOX")
        house.wait_whole(one)
        before = memory(family(rawtap.pid))
        house.store.hang("write", house.directory(house.victim))
        for i in range(12):
            one.command("FETCH 1 BODY[]")
            for client in others:
                house.say(client, f"beside{i}")
        assert house.store.hanging() > 0
        grown = memory(family(rawtap.pid)) - before
        print(f"rawtap has grown by {grown >> 20} MB")
        assert grown < 3 * WAITING_MAX
        house.store.release()
        say_until_heard(house, one)
        for client in one, *others:
            client.logout()
        house.dovecot.wait_sessions_over()
        stop(rawtap, signal.SIGINT)
        gaps = gaps_of(house, one)
        assert all(map(house.is_whole, others))
    assert {reason for found in gaps for *_, reason in found} == {SLOW}
    kept = len(one.session_out) - sum(size for _, size, _ in gaps[1])
    assert WAITING_MAX / 2 < kept < WAITING_MAX + (2 << 20)     # and what was there before, and came later
    assert_told(rawtap, *gaps)


# A file system that is frozen: state D

class Plain:
    """A store that does not hang by itself."""

    def __init__(self, root):
        self.root = root

    def make_dir(self, name, uid, gid):
        path = self.root / name
        path.mkdir(parents=True)
        os.chown(path, uid, gid)
        return path

    def behind(self, path):
        return path

    def release(self):
        pass


@contextmanager
def mounted(directory, image, uid):
    """A file system of its own at the user's directory."""
    with open(image, "wb") as file:
        file.truncate(32 << 20)
    subprocess.run(["mkfs.ext4", "-q", image], check=True)
    loop = subprocess.run(["mount", "-o", "loop", image, directory], capture_output=True, text=True)
    if loop.returncode:
        pytest.skip(f"cannot mount an image here: {loop.stderr.strip()}")
    try:
        os.chown(directory, uid, uid)
        yield
    finally:
        subprocess.run(["umount", "-l", directory], check=True)


@contextmanager
def frozen(directory):
    """It thaws at the end of the block, or of this process, whatever ends it."""
    with subprocess.Popen(["sh", "-c", 'read -r _; fsfreeze -u "$1"', "thaw", directory],
                          stdin=subprocess.PIPE, start_new_session=True) as thaw:
        subprocess.run(["fsfreeze", "-f", directory], check=True)
        try:
            yield
        finally:
            thaw.stdin.close()
            assert thaw.wait(20) == 0


@pytest.mark.parametrize("moment", ["login", "session"])
def test_frozen(mounts, rawtap_binary, shared_path, tmp_path, moment):
    """At its login the files are created, later only written to."""
    with PrivateDovecot() as dovecot:
        house = House(dovecot, Plain(shared_path), WAYS["rawlog_dir"], USERS)
        directory = house.directory(house.victim)
        with mounted(directory, tmp_path / "image", house.victim.uid):
            (directory / "lost+found").rmdir()
            with house.tap(rawtap_binary) as rawtap:
                clients = []
                if moment == "session":
                    clients.append(house.log_in(house.victim))
                    house.wait_whole(*clients)
                with frozen(directory):
                    def session():
                        client = clients[0] if clients else house.log_in(house.victim)
                        say(client, "victim")
                        client.logout()
                        return client
                    one, others, _ = whole_beside(house, session)
                    stop(rawtap, signal.SIGINT)
                    in_files = house.size(house.victim)
                    assert all(map(house.is_whole, others))
                assert rawtap.status == 3
                assert is_named(rawtap, house.victim)
                if moment == "login":
                    assert rawtap.count("the files could not be created") == 1
                else:
                    assert rawtap.count("logs could not be written to the end") == 1
                    missing = said(one) - in_files      # and its lines' stamps, at most
                    assert missing <= rawtap.count("bytes lost") < missing + 200


# --save

@pytest.mark.parametrize("kind", ["write", "close"])
def test_the_saved_stream_hangs(small_house, rawtap_binary, kind):
    """Recording goes on, and that it could not be saved is told."""
    house = small_house
    directory = house.store.make_dir("root/saved", 0, 0)
    with house.tap(rawtap_binary, "--save", directory / "stream") as rawtap:
        house.store.hang(kind, directory)
        clients = [house.log_in(user) for user in house.others]
        times = [house.say(client, f"word{i}") for i in range(5) for client in clients]
        print(f"in the file after {1000 * max(times):.0f} ms at most")
        for client in clients:
            client.logout()
            house.wait_whole(client)
        house.dovecot.wait_sessions_over()
        stop(rawtap, signal.SIGINT)
        assert house.store.hanging() > 0
    assert rawtap.status == 3
    assert [line for line in rawtap.stderr.splitlines()
            if line.startswith(("rawtap: warning: ", "rawtap: error: ")) and "sav" in line]
    assert rawtap.count("bytes lost") == 0


# A process of rawtap's dies

def test_the_main_process_is_killed(small_house, rawtap_binary):
    """What it had handed over comes into the files, though they are slow."""
    house = small_house
    with house.tap(rawtap_binary) as rawtap:
        one, other = house.log_in(house.victim), house.log_in(house.others[0])
        house.wait_whole(one)
        house.store.slow("write", house.directory(house.victim), 50)
        for i in range(20):
            say(one, f"slow{i}")
        house.say(other, "later")       # so it has taken what was said before
        processes = family(rawtap.pid)
        rawtap.process.kill()
        rawtap.process.wait()
        wait_ended(processes)
        assert house.is_whole(other)
        # What was handed over at once is there; what waited behind that was in its memory.
        (written,), (said_then,) = house.recorded(house.victim), transcripts(one)
        assert all(text.startswith(data) for data, text in zip(written, said_then))


def test_the_writer_is_killed(small_house, rawtap_binary):
    """rawtap can't record any more, and says so at once."""
    house = small_house
    with house.tap(rawtap_binary) as rawtap:
        client = house.log_in(house.victim)
        house.wait_whole(client)
        writers = children(rawtap.pid)
        assert writers, "nobody writes for rawtap"
        for pid in writers:
            os.kill(pid, signal.SIGKILL)
        begin = time.monotonic()
        wait_until(lambda: rawtap.process.poll() is not None, "rawtap to end", STOPS_WITHIN)
        print(f"rawtap ended within {time.monotonic() - begin:.2f} s")
        wait_until(lambda: "rawtap: error: " in rawtap.stderr, "an error", IN_TIME)
    assert rawtap.status > 0            # and it was no signal that ended it
