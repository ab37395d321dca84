#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What recording costs the observed: FETCH and NOOP loops over one IMAP session.

    sudo make bench                    (or: sudo scripts/bench.py [ROUNDS [SECONDS]])

Four ways to run the same loop, one after the other in each round, in an order
that changes: not recorded; recorded by Dovecot's own rawlog binary; recorded by
rawtap; and a user whom rawtap does not record. The client has one CPU, Dovecot
the other, the recorder both. Figures are ratios within a round to that round's
unrecorded run: the median, and the least and the most.
"""

import os
import random
import shutil
import signal
import socket
import statistics
import sys
import time
from contextlib import contextmanager, nullcontext
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "lib"))

from private_dovecot import PrivateDovecot  # noqa: E402
from recorder import Rawtap  # noqa: E402

MESSAGE_SIZE = 1_000_000
CPUS = sorted(os.sched_getaffinity(0))
CLIENT, DOVECOT = {CPUS[0]}, {CPUS[-1]}


@contextmanager
def pinned(cpus):
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Session:
    """A client that spends as little as it can."""

    def __init__(self, dovecot, user):
        self.socket = socket.create_connection(("127.0.0.1", dovecot.ports["imap"]))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray(4 << 20)
        self.socket.recv_into(self.buffer)
        self.command(f"LOGIN {user.name} {user.password}".encode())
        self.command(b"SELECT INBOX")

    def command(self, text):
        """Sends one and reads its reply. How many bytes that had."""
        self.socket.sendall(b"t " + text + b"\r\n")
        size, tail = 0, b""
        while True:
            got = self.socket.recv_into(self.buffer)
            if not got:
                sys.exit("bench: Dovecot closed the connection")
            size += got
            tail = (tail + self.buffer[max(0, got - 2000):got])[-2000:]
            if tail.endswith(b"\r\n") and b"\r\nt OK" in b"\r\n" + tail:
                return size

    def loop(self, text, seconds):
        """Commands a second, and bytes a second."""
        count = size = 0
        begin = time.monotonic()
        while (now := time.monotonic()) - begin < seconds:
            size += self.command(text)
            count += 1
        return count / (now - begin), size / (now - begin)

    def close(self):
        self.command(b"LOGOUT")
        self.socket.close()


LOOPS = {
    "FETCH": (b"FETCH 1 (BODY.PEEK[])", lambda rates: rates[1] / 1e6, "MB/s"),
    "NOOP": (b"NOOP", lambda rates: rates[0], "commands/s"),
}


def run(dovecot, user, loop, seconds, recorded):
    text, figure, _ = LOOPS[loop]
    with Rawtap("--base-dir", str(dovecot.base_dir)) if recorded else nullcontext() as rawtap:
        with pinned(CLIENT):
            session = Session(dovecot, user)
            session.loop(text, seconds / 5)
            rate = figure(session.loop(text, seconds))
            session.close()
        if recorded:
            status, stderr = rawtap.stop(signal.SIGTERM)
            if status:
                sys.exit(f"bench: rawtap ended with {status}: {stderr}")
    return rate


def empty(directory):
    for path in directory.glob("*"):
        path.unlink()


def main(rounds=7, seconds=1.5):
    with pinned(DOVECOT):
        plain, native = PrivateDovecot(), PrivateDovecot(native="binary")
    rates = {}
    with pinned(DOVECOT), plain, native:
        os.sched_setaffinity(0, set(CPUS))
        users = {}
        for dovecot in (plain, native):
            for name in ("recorded", "other"):
                user = users[dovecot, name] = dovecot.add_user(name)
                dovecot.seed(user, MESSAGE_SIZE)
            dovecot.make_rawlog_dir(users[dovecot, "recorded"])
        variants = {
            "unrecorded": (plain, "recorded", False),
            "native rawlog": (native, "recorded", False),
            "rawtap": (plain, "recorded", True),
            "rawtap, another user": (plain, "other", True),
        }
        for loop in LOOPS:
            for _ in range(rounds):
                for variant in random.sample(list(variants), len(variants)):
                    dovecot, name, recorded = variants[variant]
                    rate = run(dovecot, users[dovecot, name], loop, seconds, recorded)
                    rates.setdefault((loop, variant), []).append(rate)
                    empty(users[dovecot, "recorded"].rawlog_dir)
    for loop, (_, _, unit) in LOOPS.items():
        base = rates[loop, "unrecorded"]
        print(f"{loop}: unrecorded {statistics.median(base):.0f} {unit}")
        for variant in list(variants)[1:]:
            ratios = [rate / of for rate, of in zip(rates[loop, variant], base)]
            print(f"  {variant:22} {statistics.median(ratios):.2f} "
                  f"({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    os.environ.setdefault("TMPDIR", "/dev/shm" if shutil.disk_usage("/dev/shm").free > 4 << 30
                          else "/tmp")
    main(*(kind(text) for kind, text in zip((int, float), sys.argv[1:])))
