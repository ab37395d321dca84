#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What recording costs Dovecot: loops of an IMAP client, plain and over TLS.

    make bench, as root                 (or: scripts/bench.py [ROUNDS [SECONDS [LOOP...]]])

Each round runs the same loop several times, in an order that changes. Plain: not
recorded; recorded by Dovecot's own rawlog binary; recorded by rawtap; and a user whom
rawtap does not record. Over TLS: not recorded; with -R; and with a mode that looks into
TLS of other connections (LMTP), as the probes are in the file of Dovecot's TLS module,
and every process that uses it runs into them. The client has one CPU,
Dovecot the other, the recorder both. Figures are ratios within a round to that round's
unrecorded run: the median, and the least and the most. *-CPU are by the second of CPU
time that the login process uses, which is TLS's other end: other load does not blur them.
"""

import os
import random
import shutil
import signal
import socket
import ssl
import statistics
import sys
import time
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

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


TLS = ssl.create_default_context()
TLS.check_hostname, TLS.verify_mode = False, ssl.CERT_NONE


class Session:
    """A client that spends as little as it can."""

    def __init__(self, dovecot, user, tls=False):
        port = dovecot.ports["imaps" if tls else "imap"]
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.socket = TLS.wrap_socket(self.socket)
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

    def close(self):
        self.command(b"LOGOUT")
        self.socket.close()


def repeat(action, seconds, clock=time.monotonic):
    """How often, and the sum of what it returned, in a second by the clock."""
    count = total = 0
    begin, began = time.monotonic(), clock()
    while time.monotonic() - begin < seconds:
        total += action()
        count += 1
    took = clock() - began
    return count / took, total / took


def cpu_clock(pid):
    """The CPU time that a process has used, in seconds."""
    return lambda: int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def commands(text, tls, cpu_of=None):
    """One command, again and again, in one session."""
    def measure(dovecot, user, seconds):
        session = Session(dovecot, user, tls)
        clock = cpu_clock(dovecot.wait_serving(session, cpu_of)) if cpu_of else time.monotonic
        repeat(lambda: session.command(text), seconds / 5)
        rates = repeat(lambda: session.command(text), seconds, clock)
        session.close()
        return rates
    return measure


def logins(dovecot, user, seconds):
    """Connections: TLS, LOGIN, SELECT, LOGOUT."""
    def login():
        Session(dovecot, user, tls=True).close()
        return 1
    return repeat(login, seconds)


@dataclass(frozen=True)
class Loop:
    measure: Callable
    unit: str
    scale: Callable = lambda rates: rates[0]
    tls: bool = False


def megabytes(rates):
    return rates[1] / 1e6


FETCH, NOOP = b"FETCH 1 (BODY.PEEK[])", b"NOOP"
LOOPS = {
    "FETCH": Loop(commands(FETCH, False), "MB/s", megabytes),
    "NOOP": Loop(commands(NOOP, False), "commands/s"),
    "TLS-login": Loop(logins, "logins/s", tls=True),
    "TLS-FETCH": Loop(commands(FETCH, True), "MB/s", megabytes, tls=True),
    "TLS-NOOP": Loop(commands(NOOP, True), "commands/s", tls=True),
    "TLS-FETCH-CPU": Loop(commands(FETCH, True, "imap-login"), "MB/s of CPU", megabytes, tls=True),
    "TLS-NOOP-CPU": Loop(commands(NOOP, True, "imap-login"), "commands/s of CPU", tls=True),
}


@dataclass(frozen=True)
class Variant:
    name: str
    dovecot: PrivateDovecot
    user: str
    options: tuple = None   # rawtap's; None: it does not run
    tls: bool = None        # for these loops only


def run(variant, user, loop, seconds):
    options = "--base-dir", str(variant.dovecot.base_dir), *(variant.options or ())
    with Rawtap(*options) if variant.options is not None else nullcontext() as rawtap:
        with pinned(CLIENT):
            rate = loop.scale(loop.measure(variant.dovecot, user, seconds))
        if rawtap:
            status, stderr = rawtap.stop(signal.SIGTERM)
            if status:
                sys.exit(f"bench: rawtap ended with {status}: {stderr}")
    return rate


def empty(directory):
    for path in directory.glob("*"):
        path.unlink()


def report(name, loop, rates):
    base = rates["unrecorded"]
    print(f"{name}: unrecorded {statistics.median(base):.0f} {loop.unit}")
    for variant in (variant for variant in rates if variant != "unrecorded"):
        ratios = [rate / of for rate, of in zip(rates[variant], base)]
        print(f"  {variant:22} {statistics.median(ratios):.2f} "
              f"({min(ratios):.2f} to {max(ratios):.2f})")


def main(rounds=7, seconds=1.5, *names):
    with pinned(DOVECOT):
        plain, native = PrivateDovecot(), PrivateDovecot(native="binary")
    with pinned(DOVECOT), plain, native:
        os.sched_setaffinity(0, set(CPUS))
        users = {}
        for dovecot in (plain, native):
            for name in ("recorded", "other"):
                user = users[dovecot, name] = dovecot.add_user(name)
                dovecot.seed(user, MESSAGE_SIZE)
            dovecot.make_rawlog_dir(users[dovecot, "recorded"])
        directories = [plain.make_login_dir(), *(users[dovecot, "recorded"].rawlog_dir
                                                for dovecot in (plain, native))]
        variants = [
            Variant("unrecorded", plain, "recorded"),
            Variant("native rawlog", native, "recorded", tls=False),
            Variant("rawtap", plain, "recorded", (), tls=False),
            Variant("rawtap, another user", plain, "other", (), tls=False),
            Variant("rawtap -R", plain, "other", ("-R", "rawlogs"), tls=True),
            Variant("rawtap, LMTP only", plain, "other",
                    ("--lmtp-rawlog-dir", str(plain.root)), tls=True),
        ]
        for name in names or LOOPS:
            loop, rates = LOOPS[name], {}
            these = [variant for variant in variants if variant.tls in (None, loop.tls)]
            for _ in range(rounds):
                for variant in random.sample(these, len(these)):
                    rate = run(variant, users[variant.dovecot, variant.user], loop, seconds)
                    rates.setdefault(variant.name, []).append(rate)
                    for directory in directories:
                        empty(directory)
            report(name, loop, {variant.name: rates[variant.name] for variant in these})


if __name__ == "__main__":
    os.environ.setdefault("TMPDIR", "/dev/shm" if shutil.disk_usage("/dev/shm").free > 4 << 30
                          else "/tmp")
    main(*(kind(text) for kind, text in zip((int, float), sys.argv[1:])), *sys.argv[3:])
