# SPDX-License-Identifier: MIT
"""A Dovecot of one's own: other directories, other ports, other users than the host's.

    with PrivateDovecot() as dovecot:
        alice = dovecot.add_user("alice")
        dovecot.make_rawlog_dir(alice)
        dovecot.seed(alice, 1_000_000)
        ... connect to dovecot.ports["imap"] as alice.name, alice.password
        dovecot.wait_login(alice).pid

Needs root and Debian's Dovecot packages, of 2.3 or 2.4, nothing else.
"""

import itertools
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import dialect
import tcpdiag
from rawlogs import wait_until

FIRST_UID = 5000
RAWLOG_DIR = "dovecot.rawlog"
STARTED = "starting up for"
MAX_NAME = 15           # the kernel cuts the names of processes
# protocol: (its service, its listeners). LMTP has a unix listener too, without any setting.
LISTENERS = {
    "imap": ("imap-login", ("imap", "imaps")),
    "pop3": ("pop3-login", ("pop3", "pop3s")),
    "submission": ("submission-login", ("submission", "submissions")),
    "lmtp": ("lmtp", ("lmtp", "lmtps")),
}
TLS_LISTENERS = ("imaps", "pop3s", "submissions", "lmtps")
# What a configuration can have that was made for an older Dovecot: doveconf warns of it, each time.
OBSOLETE = "ssl_protocols = !SSLv3\n"
LOGIN = re.compile(
    r"(?P<service>\w+)-login: Info: (?:Login|Logged in): user=<(?P<user>.*?)>, method=(?P<method>[^,]*), "
    r"rip=(?P<ip>[^,]*), .*mpid=(?P<pid>\d+),.* session=<(?P<session>.*?)>")
SOCKET = re.compile(r"^socket:\[(\d+)\]$")
LMTP_DISCONNECT = re.compile(r" lmtp\(\d+\): Info: Disconnect from ")


@dataclass
class User:
    name: str
    password: str
    uid: int
    gid: int
    home: Path | None
    maildir: Path
    fields: dict[str, str] = field(default_factory=dict)
    passdb: dict[str, str] = field(default_factory=dict)

    @property
    def rawlog_dir(self):
        return self.home / RAWLOG_DIR

    def passwd_line(self):
        fields = " ".join([*(f"userdb_{name}={value}"
                             for name, value in dialect.fields(self.fields).items()),
                           *(f"{name}={value}" for name, value in self.passdb.items())])
        return (f"{self.name}:{{PLAIN}}{self.password}:{self.uid}:{self.gid}"
                f"::{self.home or ''}::{fields}\n")


@dataclass(frozen=True)
class Login:
    service: str
    user: str
    method: str
    ip: str
    pid: int
    session: str


class PrivateDovecot:
    """services: {"imap": {"service_count": 0, "client_limit": 10}, ...} overrides
    settings of services; config is added at the end of the configuration. Both are in the language
    of 2.3: see dialect.py.
    native="binary" has Dovecot's own rawlog record, with native_flags.
    protocols: those that it serves. submission wants a relay: submission_relay_host in config."""

    def __init__(self, *, native=None, native_flags="", services=None, config="",
                 listen=("127.0.0.1",), command=("dovecot",), protocols=("imap", "pop3")):
        self.root = Path(tempfile.mkdtemp(prefix="rawtap-", dir="/tmp"))
        self.root.chmod(0o755)  # mail users and dovenull must get through
        self.base_dir = self.root / "run"
        self.config_file = self.root / "dovecot.conf"
        self.log_file = self.root / "dovecot.log"
        self.passwd_dir = self.root / "passwd"
        self.listen = listen
        self.command = command
        self.protocols = protocols
        self.native = native
        self.native_flags = native_flags
        self.services = services or {}
        self.config = config
        self.users = {}
        self.ports = {}
        self.process = None
        self._reservations = []
        self._serial = itertools.count(1)
        self.passwd_dir.mkdir()

    # Life

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def pid(self):
        return self.process.pid

    def start(self):
        for protocol in self.protocols:
            for name in LISTENERS[protocol][1]:
                self.ports[name] = self._reserve_port()
        self._make_certificate()
        self.config_file.write_text(self._configuration())
        self._launch()

    def restart(self):
        """Another master, on the same ports. Whoever is connected is thrown out."""
        self.end_processes()
        self._launch()

    def _launch(self):
        before = self.log().count(STARTED)
        # A session of its own makes it possible to find, and to end, all that it starts.
        self.process = subprocess.Popen(
            [*self.command, "-F", "-c", self.config_file],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=open(self.root / "stderr", "wb"), start_new_session=True)
        wait_until(lambda: self._started(before), "Dovecot to start")

    def end_processes(self):
        """End every process; the files stay."""
        self.process.send_signal(signal.SIGQUIT)  # as SIGTERM, without waiting a second
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for pid in self.processes():
            _kill(pid)
        self.wait_gone()

    def stop(self):
        """End every process, remove every file. Never fails half way."""
        if self.process:
            self.end_processes()
            self.process = None
        for reservation in self._reservations:
            reservation.close()
        self._reservations.clear()
        shutil.rmtree(self.root, ignore_errors=True)

    def reload(self):
        """SIGHUP: read the configuration again (write self.config_file before)."""
        def reloads():
            return self.log().count("SIGHUP received")
        before = reloads()
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: reloads() > before, "Dovecot to reload")

    def _started(self, before):
        if self.process.poll() is not None:
            errors = (self.root / "stderr").read_text()
            raise RuntimeError(f"Dovecot did not start: {errors}{self.log()}")
        # Logged when all listeners exist. The link to the configuration is made after that.
        return self.log().count(STARTED) > before and (self.base_dir / "dovecot.conf").is_symlink()

    # Users and mails

    def add_user(self, name, *, password="secret", uid=None, gid=None, home="",
                 fields=None, maildir=None, passdb=None):
        """Before or after the start. home=None: userdb returns none. A user with
        fields={"chroot": …} also needs fields["mail"], as seen from inside, and maildir.
        passdb: fields of passdb, {"proxy": "y", "host": …}."""
        uid = uid or FIRST_UID + len(self.users)
        if home is not None:
            home = Path(home or self.root / "home" / name)
        user = User(name, password, uid, gid or uid, home,
                    Path(maildir or self.root / "mail" / name), fields or {}, passdb or {})
        if user.home:
            self._make_dir(user.home, user)
        for folder in ("cur", "new", "tmp"):
            self._make_dir(user.maildir / folder, user)
        self.users[name] = user
        # One file for each: Dovecot would see that a common one has changed a second later.
        (self.passwd_dir / name).write_text(user.passwd_line())
        return user

    def make_rawlog_dir(self, user):
        self._make_dir(user.rawlog_dir, user)
        return user.rawlog_dir

    def make_login_dir(self, name="rawlogs", *, owner="dovenull", mode=0o700):
        """A directory for -R below $base_dir/login, before or after the start."""
        login, dovenull = self.base_dir / "login", pwd.getpwnam("dovenull")
        if not login.exists():      # as Dovecot would make it
            self.base_dir.mkdir(0o755)
            login.mkdir(0o750)
            os.chown(login, 0, dovenull.pw_gid)
        path = login / name
        path.mkdir()
        path.chmod(mode)
        os.chown(path, pwd.getpwnam(owner).pw_uid, pwd.getpwnam(owner).pw_gid)
        return path

    def seed(self, user, size, *, crlf=False):
        """A new mail of size bytes, as a client sees it, in the user's INBOX.
        crlf: with CRLF on disk too. (Its name does not tell the sizes, so Dovecot reads it to send
        it; for sendfile() it has to be appended with mail_save_crlf = yes.)"""
        stored = self.root / f"message-{size}-{'crlf' if crlf else 'lf'}"
        if not stored.exists():
            message = make_message(size)
            stored.write_bytes(message if crlf else message.replace(b"\r\n", b"\n"))
            stored.chmod(0o644)
        os.link(stored, user.maildir / "new" / self._mail_name())

    def deliver(self, user, message):
        """A new mail with this content (CRLF or LF)."""
        name = self._mail_name()
        path = user.maildir / "tmp" / name
        path.write_bytes(message)
        os.chown(path, user.uid, user.gid)
        path.rename(user.maildir / "new" / name)

    def _mail_name(self):
        return f"1700000000.{next(self._serial):06}.test"

    def _make_dir(self, path, user):
        """Its parents up to the user's own stay root's."""
        missing = [part for part in (path, *path.parents) if not part.exists()]
        path.mkdir(parents=True, exist_ok=True)
        for part in missing:
            own = part.is_relative_to(user.maildir) or (
                user.home and part.is_relative_to(user.home))
            if own:
                os.chown(part, user.uid, user.gid)
                part.chmod(0o700)
            else:
                part.chmod(0o755)

    # What it did

    def log(self):
        try:
            return self.log_file.read_text(errors="surrogateescape")
        except FileNotFoundError:
            return ""

    def logins(self, user=None):
        found = [Login(m["service"], m["user"], m["method"], m["ip"], int(m["pid"]), m["session"])
                 for m in LOGIN.finditer(self.log())]
        return [login for login in found if user is None or login.user == user.name]

    def wait_login(self, user, count=1):
        """The user's latest login, once there are count of them in the log."""
        return wait_until(lambda: self.logins(user)[count - 1:],
                          f"login {count} of {user.name} in Dovecot's log")[-1]

    def processes(self, *names):
        """The pids of this Dovecot's processes with these names (without: all)."""
        session = self.process.pid
        names = [name[:MAX_NAME] for name in names]
        return [pid for pid, name, sid in _all_processes()
                if sid == session and (not names or name in names)]

    def wait_serving(self, client, *names):
        """The pid of the process, of these names, that has accepted the client's socket."""
        ends = client.socket.getpeername(), client.socket.getsockname()

        def serving():
            found = tcpdiag.find(*ends)
            return found and found.inode and [
                pid for pid in self.processes(*names) if found.inode in _sockets(pid)]
        pid, = wait_until(serving, f"one of {names} to accept the connection")
        return pid

    def wait_clients_gone(self, *names):
        """Until no process with these names has a connection; itself it may stay."""
        def gone():
            connected = tcpdiag.connected_inodes()
            return not any(connected & _sockets(pid) for pid in self.processes(*names))
        wait_until(gone, f"the clients of {', '.join(names)} to go")

    def wait_sessions_over(self):
        """Until nobody is logged in: where service_count is 1 (the default) no mail
        process is left then, nor a rawlog."""
        self.wait_gone("imap", "pop3", "submission", "rawlog", "script-login")

    def lmtp_over(self):
        """How many LMTP connections were, since the start."""
        return len(LMTP_DISCONNECT.findall(self.log()))

    def wait_lmtp_over(self, count):
        """Until so many were; the processes stay."""
        wait_until(lambda: self.lmtp_over() >= count, f"{count} LMTP connections to end")

    def wait_gone(self, *names):
        """Until no process with these names (without: none at all) is left."""
        wait_until(lambda: not self.processes(*names),
                   f"{', '.join(names) or 'all'} processes of Dovecot to end")

    def kill(self, pid):
        """SIGKILL for one of this Dovecot's processes, if it is still there."""
        if pid in self.processes():
            _kill(pid)

    # Configuration

    def _reserve_port(self):
        """A port that nobody else is given while we hold it. With SO_REUSEADDR on both
        sides, and as long as we do not listen, Dovecot can still bind it."""
        port = 0
        for address in self.listen:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            sock = socket.socket(family)
            self._reservations.append(sock)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((address, port))
            port = sock.getsockname()[1]
        return port

    def _make_certificate(self):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "30", "-subj", "/CN=localhost",
             "-keyout", self.root / "key.pem", "-out", self.root / "cert.pem"],
            check=True, capture_output=True)

    def _configuration(self):
        return "\n".join([
            dialect.configuration(
                root=self.root, base_dir=self.base_dir, log=self.log_file, passwd=self.passwd_dir,
                listen=", ".join(self.listen), protocols=" ".join(self.protocols)),
            *(self._listeners(*LISTENERS[protocol]) for protocol in self.protocols),
            dialect.NATIVE[self.native].format(flags=self.native_flags),
            *(dialect.translate(_service(*service)) for service in self.services.items()),
            dialect.translate(self.config), ""])

    def _listeners(self, service, names):
        return "\n".join([
            f"service {service} {{",
            *(f"  inet_listener {name} {{\n    port = {self.ports[name]}\n    ssl = {_ssl(name)}\n  }}"
              for name in names),
            "}"])


def _service(name, settings):
    lines = "".join(f"  {key} = {value}\n" for key, value in settings.items())
    return f"service {name} {{\n{lines}}}"


def _ssl(listener):
    return "yes" if listener in TLS_LISTENERS else "no"


def make_message(size):
    """A mail of exactly size bytes with CRLF line ends; each line tells its offset."""
    message = bytearray(b"From: rawtap@example.org\r\nSubject: test\r\n\r\n")
    while len(message) < size:
        message += b"%010d the quick brown fox jumps over the lazy dog 0123456789\r\n" % len(message)
    body = bytes(message[:size - 2])
    # The cut may leave a CR alone in front of the last line end.
    return body.removesuffix(b"\r").ljust(size - 2, b".") + b"\r\n"


def _all_processes():
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            stat = Path("/proc", entry, "stat").read_text(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        name, _, rest = stat.partition("(")[2].rpartition(")")
        state, _, _, session = rest.split()[:4]
        if state != "Z":
            yield int(entry), name, int(session)


def _sockets(pid):
    """The inodes of the sockets that a process has open."""
    found = set()
    for entry in _list(f"/proc/{pid}/fd"):
        try:
            target = SOCKET.match(os.readlink(f"/proc/{pid}/fd/{entry}"))
        except FileNotFoundError:
            continue                    # closed meanwhile
        if target:
            found.add(int(target[1]))
    return found


def _list(directory):
    try:
        return os.listdir(directory)
    except (FileNotFoundError, ProcessLookupError):
        return []                       # the process has ended


def _kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
