# SPDX-License-Identifier: MIT
"""What a soak has: a Dovecot, its users, the directories of their logs."""

import os
import pwd
import re
import shutil
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path

import rawlogs
from private_dovecot import PrivateDovecot
from smtppeers import SmtpServer
from soak.referee import Pair

SMALL, LARGE = 3000, 500_000
DISK = "size=256k,nr_inodes=200,mode=0755"
# Who has which directories at the beginning, and whether chaos may touch them. "full": the first is
# on a small disk of its own. "hung": it can hang.
USERS = {
    "calm1": ("home", "dir"), "calm2": ("home", "dir"),
    "wild1": ("home", "dir"), "wild2": ("home", "dir"), "wild3": ("home", "dir"),
    "home": ("home",), "dir": ("dir",), "none": (),
    "full": ("home", "dir"), "hung": ("dir",),
}
CALM = ("calm1", "calm2", "full", "hung")
SERVICES = {"imap": {"process_limit": 2000}, "pop3": {"process_limit": 2000},
            "submission": {"process_limit": 2000}, "lmtp": {"process_limit": 200},
            "auth": {"client_limit": 8000}, "anvil": {"client_limit": 8000},
            "stats": {"client_limit": 8000}}
LOGIN = {
    "a process each": {"service_count": 1, "process_limit": 2000},
    "shared": {"service_count": 0, "process_min_avail": 1, "process_limit": 4,
               "client_limit": 2000},
}
# When a process ends, the logs that its sessions have just asked for can have the same number: then
# rawtap appends one of its own.
LIB_NAME = re.compile(rawlogs.LIB_NAME.pattern.replace(r"\.(?P<dir", r"(?:-\d+)?\.(?P<dir"))
CONFIG = """
mail_max_userip_connections = 0
submission_relay_host = 127.0.0.1
submission_relay_port = {port}
namespace inbox {{
  mailbox Saved {{
    auto = create
  }}
}}
"""


@dataclass
class Place:
    """A directory for logs. What was in it stays, wherever it went. One thread alone changes it."""
    path: Path
    owner: tuple            # (uid, gid)
    names: re.Pattern       # of the logs in it
    stamped: bool
    grave: Path
    user: str | None        # None: their connections have logs of one mode alone
    behind: Path | None = None  # where what is in it can be read when it hangs
    kept: list = field(default_factory=list)

    def make(self):
        if not self.path.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.mkdir()
            os.chown(self.path, *self.owner)
            self.path.chmod(0o700)

    def _keep(self):
        self.kept.append(self.grave / f"{len(self.kept)}")
        self.grave.mkdir(parents=True, exist_ok=True)
        return self.kept[-1]

    def rename(self):
        if self.path.exists():
            self.path.rename(self._keep())

    def remove(self):
        """As rm -r; that the files have another name, too, nobody can see."""
        if not self.path.exists():
            return
        keep = self._keep()
        keep.mkdir()
        while True:
            for file in list(self.path.iterdir()):
                os.link(file, keep / file.name)
                file.unlink()
            try:
                return self.path.rmdir()
            except OSError:
                continue        # there is a new file

    def set_writable(self, writable):
        if self.path.exists():
            self.path.chmod(0o700 if writable else 0o500)

    def pairs(self):
        """[Pair]; a file alone is one that could not be created with its other."""
        for directory in filter(Path.exists, (self.behind or self.path, *self.kept)):
            for found in rawlogs.find_pairs(directory, self.names):
                if len(found.files) == 2 or any(file.stat().st_size for file in found.files.values()):
                    # A mail process has one session.
                    session = self.user and (self.user, found.time, found.pid)
                    yield Pair(next(iter(found.files.values())).stem, str(self.path),
                               tuple(map(self._read, (found.files["in"], found.files["out"]))),
                               session)

    def _read(self, file):
        data = file.read_bytes()
        return rawlogs.split_timestamps(data)[1] if self.stamped else data


class World:
    """login: a key of LOGIN; disks: a small disk can be mounted; hangfs: a HangFs, or None."""

    def __init__(self, login, disks, hangfs):
        self.over = threading.Event()
        self.rawtap = None
        self.clients = None
        self.relay = SmtpServer()
        self.dovecot = PrivateDovecot(
            protocols=("imap", "pop3", "submission", "lmtp"),
            config=CONFIG.format(port=self.relay.port),
            services={f"{name}-login": LOGIN[login] for name in ("imap", "pop3", "submission")}
            | SERVICES)
        self.disks = disks
        self.hangfs = hangfs
        self.places = {}        # by (mode, user's name)
        self.users = []

    def __enter__(self):
        self.relay.__enter__()
        try:
            self.dovecot.start()
            self._make_users()
            self._make_places()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.disks and self.places:
            subprocess.run(["umount", "-l", self.disk.path], stderr=subprocess.DEVNULL)
        self.dovecot.stop()
        self.relay.stop_listening()     # what broke there is no matter of this

    def _make_users(self):
        for name in USERS:
            user = self.dovecot.add_user(name)
            self.dovecot.seed(user, SMALL)
            self.dovecot.seed(user, LARGE)
            self.users.append(user)
        self.dovecot.add_user("post")

    def _make_places(self):
        root = self.dovecot.root
        for user in self.users:
            owner = user.uid, user.gid
            self._add("home", user.name, user.rawlog_dir, owner, rawlogs.NAME, False)
            self._add("dir", user.name, root / "logs" / user.name, owner)
            for mode in USERS[user.name]:
                self.places[mode, user.name].make()
            if user.name == "hung" and self.hangfs:
                self._move_to_hangfs(self.places["dir", user.name])
        dovenull = pwd.getpwnam("dovenull")
        self._add("login", None, self.dovecot.base_dir / "login" / "rawlogs",
                  (dovenull.pw_uid, dovenull.pw_gid)).make()
        self._add("lmtp", None, root / "lmtp-logs", (0, 0)).make()
        (root / "logs").chmod(0o755)
        if self.disks:
            subprocess.run(["mount", "-t", "tmpfs", "-o", DISK, "none", self.disk.path], check=True)
            shutil.chown(self.disk.path, *self.disk.owner)

    def _move_to_hangfs(self, place):
        directory = self.hangfs.make_dir(place.path.name, *place.owner)
        place.path.rmdir()
        place.path.symlink_to(directory)
        place.behind = self.hangfs.behind(directory)

    def _add(self, mode, name, path, owner, names=LIB_NAME, stamped=True):
        grave = self.dovecot.root / "grave" / f"{mode}-{name}"
        self.places[mode, name] = Place(path, owner, names, stamped, grave, name)
        return self.places[mode, name]

    @property
    def disk(self):
        return self.places["home", "full"]

    @property
    def filler(self):
        """What fills the disk; it is beside no log: those are in the same directory."""
        return self.disk.path / ".filler"

    def wild_places(self):
        """Those that chaos may touch."""
        return [place for (_, name), place in self.places.items() if name not in CALM]

    def steady(self):
        """Directories that stay as they are."""
        return [str(place.path) for (mode, name), place in self.places.items()
                if name in CALM and mode in USERS[name] and place is not self.disk]

    def places_of(self, traffic, user):
        """[(mode, directory)] of its logs"""
        if traffic != "mail":
            return [(traffic, str(self.places[traffic, None].path))]
        return [(mode, str(self.places[mode, user.name].path)) for mode in ("home", "dir")]

    def options(self):
        root = self.dovecot.root
        return ["--base-dir", self.dovecot.base_dir, "-D", "--rawlog", "--rawlog-dir",
                root / "logs" / "%u", "-R", "rawlogs", "--lmtp-rawlog-dir", root / "lmtp-logs"]
