# SPDX-License-Identifier: MIT
"""Users of one Dovecot, whose logs are where they can hang. Dovecot itself has nothing there.

    house = House(dovecot, hangfs, WAYS["rawlog"], 50)
    with house.tap(binary) as rawtap:
        client = house.log_in(house.victim)
        hangfs.hang("write", house.directory(house.victim))
        ...

When the block ends all is released: nothing else could end a rawtap that hangs. Then no process of its
may be left.
"""

import re
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import rawlogs
from rawlogs import wait_until
from taps import Tap, log_in, say, transcripts

UID = 6000
IN_TIME = 5             # seconds; what does not hang is in the file then, at the latest
STOPS_WITHIN = 8        # rawtap means to end within 5


@dataclass(frozen=True)
class Way:
    """A mode, and the names of its files."""
    directory: str      # of a user's logs, in the store
    at_home: bool       # this is in the user's home, which is in the store, too
    names: re.Pattern
    flags: tuple        # what has to be taken away of each line


WAYS = {
    "rawlog": Way("{user}/dovecot.rawlog", True, rawlogs.NAME, ()),
    "rawlog_dir": Way("{user}/logs", False, rawlogs.LIB_NAME, ("-t",)),
}


class House:
    """store: has the logs. make_dir(), behind() and release() as of HangFs. victim: the user whose
    logs will hang; others: the rest."""

    def __init__(self, dovecot, store, way, count):
        self.dovecot, self.store, self.way = dovecot, store, way
        users = [self._add_user(f"user{i:02}", UID + i) for i in range(count)]
        self.victim = users.pop(count // 2)
        self.others = users

    def _add_user(self, name, uid):
        directory = self.store.make_dir(self.way.directory.format(user=name), uid, uid)
        home = {"home": directory.parent} if self.way.at_home else {}
        return self.dovecot.add_user(name, uid=uid, **home)

    def directory(self, user):
        return self.store.root / self.way.directory.format(user=user.name)

    # rawtap

    @contextmanager
    def tap(self, binary, *options):
        if not self.way.at_home:
            options += ("--rawlog-dir", self.store.root / self.way.directory.format(user="%u"))
        rawtap = Tap("--base-dir", self.dovecot.base_dir, *options, binary=binary)
        processes = family(rawtap.pid)
        try:
            yield rawtap
        finally:
            self.store.release()
            rawtap.kill()
            print(rawtap.stderr)        # seen when the test fails
        wait_ended(processes)

    # Sessions

    def log_in(self, user):
        return log_in(self.dovecot, user)

    def say(self, client, word):
        """How long it took from the reply until all was in the files."""
        say(client, word)
        begin = time.monotonic()
        self.wait_whole(client)
        return time.monotonic() - begin

    # Logs

    def pairs(self, user):
        return rawlogs.find_pairs(self.store.behind(self.directory(user)), self.way.names)

    def recorded(self, user):
        """As taps.recorded()."""
        return sorted(tuple(self._content(pair, direction) for direction in ("in", "out"))
                      for pair in self.pairs(user))

    def _content(self, pair, direction):
        data = pair.read(direction) if direction in pair.files else b""
        return rawlogs.plain(data, self.way.flags)

    def is_whole(self, *clients):
        """Do the logs of the clients' user hold what they said, and heard?"""
        try:
            return self.recorded(clients[0].user) == transcripts(*clients)
        except ValueError:
            return False                # a line's stamp is not there yet

    def wait_whole(self, *clients):
        wait_until(lambda: self.is_whole(*clients), f"the logs of {clients[0].user.name}", IN_TIME)

    def size(self, *users):
        """How many bytes of connections are in the logs of these users."""
        return sum(len(content) for user in users for pair in self.recorded(user)
                   for content in pair)


def said(*clients):
    """How many bytes must be in logs."""
    return sum(len(client.session_in) + len(client.session_out) for client in clients)


def stop(rawtap, *signals):
    """It ends in time, and its summary is there. A process of its that hangs may hold its standard
    error open: its end is not waited for."""
    begin = time.monotonic()
    for sig in signals:
        rawtap.process.send_signal(sig)
    wait_until(lambda: rawtap.process.poll() is not None, "rawtap to end", STOPS_WITHIN)
    print(f"rawtap ended within {time.monotonic() - begin:.2f} s")
    wait_until(lambda: " bytes lost" in rawtap.stderr, "the summary", IN_TIME)


def is_named(rawtap, user):
    """Did it warn about the user's log?"""
    return re.search(rf"^rawtap: (?:warning|error): .*\({user.name}\)", rawtap.stderr, re.MULTILINE)


# Processes

def children(pid):
    try:
        return [int(child) for task in Path(f"/proc/{pid}/task").iterdir()
                for child in (task / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def family(pid):
    """The process, its children, theirs, ..."""
    return [pid, *(member for child in children(pid) for member in family(child))]


def is_running(pid):
    """Zombies are not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_ended(pids):
    wait_until(lambda: not any(map(is_running, pids)), "all of rawtap's processes to end")


def memory(pids):
    """Bytes of their own; the ring, which is the kernel's, is not counted."""
    kilobytes = 0
    for pid in pids:
        fields = dict(line.split(":", 1) for line in
                      Path(f"/proc/{pid}/status").read_text().splitlines())
        kilobytes += sum(int(fields[name].split()[0]) for name in ("RssAnon", "RssShmem"))
    return 1024 * kilobytes
