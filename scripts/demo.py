#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Record a few real sessions of a private Dovecot, and show the files.

Run by demo.sh, which builds rawtap first. Fails if the files are not exactly
what the clients sent and received.
"""

import imaplib
import os
import poplib
import pwd
import re
import shutil
import signal
import ssl
import stat
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "lib"))
sys.dont_write_bytecode = True

from private_dovecot import PrivateDovecot  # noqa: E402
from rawlogs import describe_difference, find_pairs, plain  # noqa: E402
from recorder import Rawtap  # noqa: E402

BINARY = ROOT / ".output" / "rawtap"
POP3_LOGIN = Path("/usr/lib/dovecot/pop3-login")
MESSAGE = b"""\
From: Alice <alice@example.org>\r
To: Bob <bob@example.org>\r
Subject: The wire does not lie\r
\r
What was really said is in the files.\r
""" + b"".join(b"%2d. This line is here so that there is something to fetch.\r\n" % number
               for number in range(1, 31))
PASSWORD = "open sesame"
CREDENTIALS = re.compile(rb"(?:LOGIN|PASS) [^\r]*")
REDACTED = {b"LOGIN": b'LOGIN "redacted" "redacted"', b"PASS": b"PASS redacted"}
OPTIONS = ["--rawlog", "-t", "-R", "rawlogs", "--redact"]
TIMEOUT = 30  # of the clients, seconds
LINES_SHOWN = (6, 3)  # of a file: at its beginning, at its end


class Failed(Exception):
    """The demo did not show what it should have shown."""


# What is printed

def heading(text):
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() and "NO_COLOR" not in os.environ
          else f"\n== {text}", flush=True)


def say(text=""):
    print(f"   {text}".rstrip(), flush=True)


def show_tree(root, directories, users):
    """As ls -l has it; uids that are only this demo's are shown by name."""
    names = {user.uid: user.name for user in users}

    def owner(number):
        return names.get(number) or pwd.getpwuid(number).pw_name
    for path in (path for each in directories for path in [each, *sorted(each.rglob("*"))]):
        info = path.lstat()
        say(f"{stat.filemode(info.st_mode)} {owner(info.st_uid):8} {info.st_size:6}"
            f" {path.relative_to(root)}{'/' if path.is_dir() else ''}")


def printable(line):
    width = min(shutil.get_terminal_size((100, 24)).columns, 120) - 6
    text = "".join(c if c.isprintable() else "?" for c in line.decode(errors="replace").rstrip())
    return text if len(text) <= width else text[:width - 3] + "..."


def show_file(path):
    lines = path.read_bytes().splitlines()
    head, tail = LINES_SHOWN
    skipped = len(lines) - head - tail
    say(path.name)
    for number, line in enumerate(lines):
        if skipped > 1 and number == head:
            say(f"   [... {skipped} more lines]")
        if skipped <= 1 or not head <= number < len(lines) - tail:
            say(f"   {printable(line)}")


class Recorder(Rawtap):
    """Ends rawtap when the demo is interrupted while rawtap attaches."""

    def _wait_ready(self):
        try:
            super()._wait_ready()
        except BaseException:
            self.kill()
            raise


# The clients: Python's own, with a memory

class Reader:
    def __init__(self, file, memory):
        self._file, self._memory = file, memory

    def __getattr__(self, name):
        return getattr(self._file, name)

    def read(self, size):
        return self._remember(self._file.read(size))

    def readline(self, limit):
        return self._remember(self._file.readline(limit))

    def _remember(self, data):
        self._memory += data
        return data


class Wire:
    """A socket that remembers what was sent and received, in plaintext."""

    def __init__(self, sock):
        self._sock = sock
        self.sent = bytearray()
        self.received = bytearray()

    def __getattr__(self, name):
        return getattr(self._sock, name)

    def sendall(self, data):
        self.sent += data
        self._sock.sendall(data)

    def recv(self, size):       # imaplib of Python 3.14 reads so
        data = self._sock.recv(size)
        self.received += data
        return data

    def makefile(self, mode):
        return Reader(self._sock.makefile(mode), self.received)


class Session:
    """A connection in two parts: up to the login command, and from its reply on."""

    def __init__(self, user, service, commands):
        self.user = user
        self.service = service
        self.commands = commands

    def before_login_command(self, wire):
        self._wire = wire
        self._out_start = len(wire.received)

    def after_login(self):
        self._in_start = len(self._wire.sent)

    @property
    def bytes(self):
        return {"in": bytes(self._wire.sent[self._in_start:]),
                "out": bytes(self._wire.received[self._out_start:])}

    @property
    def bytes_before_login(self):
        """As --redact must leave them."""
        sent = CREDENTIALS.sub(lambda command: REDACTED[command[0].split()[0]],
                               bytes(self._wire.sent[:self._in_start]))
        return {"in": sent, "out": bytes(self._wire.received[:self._out_start])}


class ImapClient(imaplib.IMAP4_SSL):
    def _create_socket(self, *args):
        self.wire = Wire(super()._create_socket(*args))
        return self.wire

    def shutdown(self):
        self.file.read(-1)  # imaplib itself leaves the last reply unread
        super().shutdown()


class Pop3Client(poplib.POP3_SSL):
    def _create_socket(self, *args):
        self.wire = Wire(super()._create_socket(*args))
        return self.wire


def tls_context(dovecot):
    context = ssl.create_default_context(cafile=dovecot.root / "cert.pem")
    context.check_hostname = False
    return context


def imap_session(dovecot, user):
    session = Session(user, "imap", "LOGIN, APPEND, SELECT, FETCH, LOGOUT")
    client = ImapClient("127.0.0.1", dovecot.ports["imaps"], timeout=TIMEOUT,
                        ssl_context=tls_context(dovecot))
    session.before_login_command(client.wire)
    client.login(user.name, user.password)
    session.after_login()
    client.append("INBOX", None, None, MESSAGE)
    client.select("INBOX")
    _, found = client.fetch("1", "(BODY[])")
    client.logout()
    if found[0][1] != MESSAGE:
        raise Failed("Dovecot did not give back the mail that was appended")
    return session


def pop3_session(dovecot, user):
    session = Session(user, "pop3", "USER, PASS, STAT, RETR, QUIT")
    client = Pop3Client("127.0.0.1", dovecot.ports["pop3s"], timeout=TIMEOUT,
                        context=tls_context(dovecot))
    client.user(user.name)
    session.before_login_command(client.wire)
    client.pass_(user.password)
    session.after_login()
    client.stat()
    client.retr(1)
    client.quit()
    return session


# Do the files hold what was said?

def check_pair(files, said, what):
    for direction, path in files.items():
        recorded = plain(path.read_bytes(), ["-t"])
        if recorded != said[direction]:
            raise Failed(f"{path.name} is not what {what} said: "
                         f"{describe_difference(recorded, said[direction])}")
        say(f"{path.name}: all {len(recorded)} bytes of {what}, and no other")


def check_session(dovecot, pairs, session):
    who = f"{session.user.name}'s {session.service} session"
    login = next((login for login in dovecot.logins(session.user)
                  if login.service == session.service), None)
    if login is None:
        raise Failed(f"Dovecot's log does not know {who}")
    pair = next((pair for pair in pairs if pair.pid == login.pid), None)
    if pair is None:
        raise Failed(f"no files of {who}: none is named after its process, {login.pid}")
    if len(pair.files) != 2:
        raise Failed(f"{who} has no pair of files, but {list(pair.files.values())}")
    check_pair(pair.files, session.bytes, who)


def login_pairs(directory):
    """Of one pair after the other: {"in": path, "out": path}. Each line begins with its time."""
    return [{"in": path, "out": path.with_suffix(".out")}
            for path in sorted(directory.glob("*.in"), key=Path.read_bytes)]


def check_logins(directory, sessions):
    pairs = login_pairs(directory)
    if not len(pairs) == len(sessions) == len(list(directory.iterdir())) / 2:
        raise Failed(f"{directory} has not one pair for each of {len(sessions)} connections")
    for files, session in zip(pairs, sessions):
        check_pair(files, session.bytes_before_login,
                   f"{session.user.name}'s {session.service} login")
    if any(PASSWORD.encode() in path.read_bytes() for path in directory.iterdir()):
        raise Failed(f"a password is in {directory}, in spite of --redact")


def check_files(dovecot, logins, alice, bob, sessions):
    check_logins(logins, sessions)
    try:
        pairs = find_pairs(alice.rawlog_dir)
    except ValueError as error:
        raise Failed(str(error)) from None
    recorded = [session for session in sessions if session.user is alice]
    if len(pairs) != len(recorded):
        raise Failed(f"{alice.name} has {len(pairs)} pairs of files, not {len(recorded)}")
    for session in recorded:
        check_session(dovecot, pairs, session)
    strangers = [path for path in dovecot.root.rglob("*.in")
                 if path.parent not in (alice.rawlog_dir, logins)]
    if strangers or bob.rawlog_dir.exists():
        raise Failed(f"{bob.name} has no dovecot.rawlog/, and must not be recorded: {strangers}")
    say(f"{bob.name} has no dovecot.rawlog/: no file")


# The show

def start_dovecot(dovecot):
    heading("A Dovecot of its own (this host's is not touched)")
    alice, bob = (dovecot.add_user(name, password=PASSWORD) for name in ("alice", "bob"))
    dovecot.make_rawlog_dir(alice)
    logins = dovecot.make_login_dir()
    version = subprocess.run(["dovecot", "--version"], capture_output=True, text=True, check=True)
    say(f"version {version.stdout.split()[0]}, no rawlog setting in its configuration")
    say(f"alice   {alice.rawlog_dir}/   is there: will be recorded")
    say(f"bob     {bob.home}/   has no dovecot.rawlog/ in it: will not be recorded")
    say(f"logins  {logins}/   is dovenull's: for what comes before the login")
    return logins, alice, bob


def run_sessions(dovecot, alice, bob):
    heading("The sessions (Python's imaplib and poplib, over TLS)")
    sessions = [imap_session(dovecot, alice), imap_session(dovecot, bob)]
    if "pop3s" in dovecot.ports:
        sessions.append(pop3_session(dovecot, alice))
    for session in sessions:
        say(f"{session.user.name:7} {session.service}   {session.commands}")
    dovecot.wait_sessions_over()
    return sessions


def show(dovecot):
    logins, alice, bob = start_dovecot(dovecot)
    heading(f"# .output/rawtap --base-dir {dovecot.base_dir} {' '.join(OPTIONS)}")
    with Recorder("--base-dir", dovecot.base_dir, *OPTIONS, binary=BINARY) as rawtap:
        say(rawtap.stderr.rstrip())
        sessions = run_sessions(dovecot, alice, bob)
        started = len(rawtap.stderr)
        status, output = rawtap.stop(signal.SIGTERM)
    heading("rawtap is told to stop (SIGTERM, or Ctrl-C), and sums up")
    for line in output[started:].splitlines():
        say(printable(line.encode()))
    if status != 0:
        raise Failed(f"rawtap ended with exit status {status}")

    heading("The files")
    show_tree(dovecot.root, [logins, alice.home.parent], [alice, bob])
    if not login_pairs(logins):
        raise Failed(f"nothing was recorded: {logins} is empty")
    heading("Before the login (-R): what was said inside TLS, without the password (--redact)")
    for path in login_pairs(logins)[0].values():
        show_file(path)
    heading("From the login on, as Dovecot's rawlog has it (-t: each line begins with its time)")
    for path in sorted(alice.rawlog_dir.iterdir()):
        show_file(path)
    heading("Compared with what the clients remember")
    check_files(dovecot, logins, alice, bob, sessions)


HOW_TO = """\
   1. Choose whom to record, and make a directory in that user's home:
          mkdir ~USER/dovecot.rawlog
          chown USER: ~USER/dovecot.rawlog
          chmod 0700 ~USER/dovecot.rawlog
      (for a virtual user: the home, uid and gid that doveadm user -u USER shows)
   2. .output/rawtap
      (-t, -b, -I, -f in|out as rawlog has them; Dovecot is neither configured nor reloaded)
      To record what all clients send before the login as well, with or without TLS:
          install -d -o dovenull -m 0700 /run/dovecot/login/rawlogs
          .output/rawtap --rawlog -R rawlogs --redact
   3. Let the user log in; press Ctrl-C when done
   4. Read ~USER/dovecot.rawlog/*.in and *.out, /run/dovecot/login/rawlogs/*

   .output/rawtap check          can this host be recorded?
   man -l docs/rawtap.8          all the rest"""


def leave(number, _):
    """Once: the clean-up that follows must not be interrupted."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    raise SystemExit(128 + number)


def main():
    if os.geteuid() != 0 or not BINARY.exists():
        sys.exit("demo: run it as root: ./scripts/demo.sh")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)
    protocols = ("imap", "pop3") if POP3_LOGIN.exists() else ("imap",)
    try:
        with PrivateDovecot(protocols=protocols) as dovecot:
            show(dovecot)
    except (Failed, RuntimeError, OSError, imaplib.IMAP4.error, poplib.error_proto,
            subprocess.SubprocessError) as error:
        sys.exit(f"\ndemo: FAILED: {error}")
    heading("All of it is removed again. The same on this host's own Dovecot:")
    print(HOW_TO)


if __name__ == "__main__":
    main()
