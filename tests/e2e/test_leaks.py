# SPDX-License-Identifier: MIT
"""Nothing stays of what has come and gone, be it recorded or not: memory, descriptors and the
entries in the kernel side's maps are back where they were.

`make check-leaks` is the same with 100,000 processes and connections."""

import os
import shutil
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from footprint import Footprint
from private_dovecot import PrivateDovecot
from recorder import REPOSITORY
from taps import Tap, recorded_user, talk
from tracee import CFLAGS, temporary_directory, wait_stopped

NOBODY = 65534
LOST = 400              # connections
WARM_UP = 1500, 400     # processes, connections
SHORT = 3000, 300
ROUND = 100             # connections, then their files are removed
AT_ONCE = 4
# What malloc() may want for pieces that it can't join, and for more at once than before. If each
# process of SHORT that is called imap left a record of itself, that would be more.
MEMORY = 256 * 1024
EACH = 4                # bytes, of processes and connections: no piece of memory is so small
SWEEP = 2.2             # seconds; rawtap looks for what has ended every two
SETTLED = 60
LOGIN = """
mail_max_userip_connections = 0
service imap-login {
  service_count = 0
  process_min_avail = 1
}
service imap {
  service_count = 20
}
"""


@pytest.fixture(scope="module")
def short_lives(root):
    """The directory of a program called dovecot, and one called imap."""
    directory = temporary_directory()
    subprocess.run([os.environ.get("CC", "gcc"), *CFLAGS, "-o", directory / "dovecot",
                    REPOSITORY / "tests/programs/short_lives.c"], check=True)
    shutil.copy(directory / "dovecot", directory / "imap")
    yield directory
    shutil.rmtree(directory)


def run_processes(short_lives, count):
    """A stranger's, and those of a master of root's that is not recorded."""
    for user in (NOBODY, 0):
        subprocess.run([short_lives / "dovecot", str(count // 2)], check=True, user=user)


def run_connections(dovecot, user, login_dir, count):
    """Both with and without TLS; each leaves files, which are taken away."""
    transports = ("plain", "tls")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for begin in range(0, count, ROUND):
            numbers = range(begin, min(begin + ROUND, count))
            list(pool.map(lambda number: talk(dovecot, user, transport=transports[number % 2]),
                          numbers))
            for path in (*user.rawlog_dir.iterdir(), *login_dir.iterdir()):
                path.unlink()
    dovecot.wait_clients_gone("imap-login", "imap")


def settled(rawtap, limit=None):
    """The footprint after a while in which it did not change; if that comes, within the limit."""
    deadline = time.monotonic() + SETTLED
    last = None
    while True:
        last, before = Footprint.of(rawtap), last
        within = limit is None or not last.more_than(limit)
        if last == before and within or time.monotonic() > deadline:
            return last
        time.sleep(SWEEP)


@pytest.mark.alone
def test_nothing_stays_of_what_was_lost(rawtap_binary):
    """While the ring is full, connections begin and end of which user space is not told."""
    with PrivateDovecot(config=LOGIN) as dovecot:
        user = recorded_user(dovecot, "user")
        login_dir = dovecot.make_login_dir()
        with Tap("--base-dir", dovecot.base_dir, "--rawlog", "-R", "rawlogs", "--ring-size", "128K",
                 binary=rawtap_binary) as rawtap:
            before = settled(rawtap)
            os.kill(rawtap.pid, signal.SIGSTOP)
            wait_stopped(rawtap.pid)
            run_connections(dovecot, user, login_dir, LOST)
            lost = Footprint.of(rawtap)
            os.kill(rawtap.pid, signal.SIGCONT)
            after = settled(rawtap, before)
            rawtap.stop()
    print(before, lost, after, sep="\n")
    assert rawtap.count("records lost: the ring was full") > 0
    assert not after.more_than(before)


@pytest.mark.alone      # the map of processes has all of the host's
@pytest.mark.timeout(3 * 3600)
def test_nothing_stays(rawtap_binary, short_lives, request):
    option = request.config.getoption("--leaks")
    processes, connections = map(int, option.split(",")) if option else SHORT
    with PrivateDovecot(config=LOGIN) as dovecot:
        user = recorded_user(dovecot, "user")
        login_dir = dovecot.make_login_dir()
        with Tap("--base-dir", dovecot.base_dir, "--rawlog", "-R", "rawlogs",
                 binary=rawtap_binary) as rawtap:
            run_processes(short_lives, WARM_UP[0])
            run_connections(dovecot, user, login_dir, WARM_UP[1])
            before = settled(rawtap)
            run_processes(short_lives, processes)
            run_connections(dovecot, user, login_dir, connections)
            after = settled(rawtap, before)
            status, stderr = rawtap.stop()
    print(before, after, sep="\n")
    assert not after.more_than(before)
    assert after.memory - before.memory < MEMORY + EACH * (processes + connections)
    assert status == 0, stderr
