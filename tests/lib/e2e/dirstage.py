# SPDX-License-Identifier: MIT
"""rawlog_dir: Dovecot writes into one directory, rawtap into another, of the same
connections of the same processes."""

import os
from contextlib import contextmanager
from dataclasses import dataclass

import rawlogs
from mailclient import PROTOCOLS
from stage import HomeStage, add_user, dovecot_with, perform, protocols_of


WRITERS = ("native", "rawtap")
RAWLOG_DIR = """\
protocol imap {{
  rawlog_dir = {dir}
}}
protocol pop3 {{
  rawlog_dir = {dir}
}}
protocol submission {{
  rawlog_dir = {dir}
}}
"""


def native_config(directory):
    """rawlog_dir of every protocol; {root} is the Dovecot's root."""
    return RAWLOG_DIR.format(dir=directory)


def make_dir(path, user, mode=0o700):
    """The user's own; its parents, where they are missing, are root's."""
    path.mkdir(parents=True)
    os.chown(path, user.uid, user.gid)
    path.chmod(mode)
    return path


# For tests of one promise each

EACH = "{root}/{who}/%u/logs"


def dovecot_of(template, protocols=PROTOCOLS, *, config="", **options):
    """Its own rawlog_dir is template, where {root} is its root and {who} is "native"."""
    return dovecot_with(protocols, config=native_config(template.replace("{who}", "native"))
                        + config, **options)


def option(dovecot, template, protocol=None):
    """What has rawtap do the same, in another place."""
    place = template.replace("{root}", str(dovecot.root)).replace("{who}", "rawtap")
    return "--rawlog-dir", place if protocol is None else f"{protocol}={place}"


def place(dovecot, user, who):
    """Where EACH leads."""
    return dovecot.root / who / user.name / "logs"


def user_with_dirs(dovecot, name, **options):
    user = dovecot.add_user(name, **options)
    for who in WRITERS:
        make_dir(place(dovecot, user, who), user)
    return user


def contents(directory):
    """{(pid, counter): (.in, .out)}, each line with its stamp taken away; None: no such file."""
    pairs = rawlogs.find_pairs(directory, rawlogs.LIB_NAME) if directory.is_dir() else []
    return {(pair.pid, pair.serial):
            tuple(rawlogs.split_timestamps(pair.read(direction))[1]
                  if direction in pair.files else None for direction in ("in", "out"))
            for pair in pairs}


def both(dovecot, user):
    return [contents(place(dovecot, user, who)) for who in WRITERS]


# For many sessions

@dataclass(kw_only=True)
class DirStage(HomeStage):
    """In directories of their own; both write what rawlog's -t writes."""
    native_flags: tuple = ("-t",)
    rawtap_flags: tuple = ("-t",)

    def directory(self, who, user):
        return self.dovecot.root / who / user.name

    def is_complete(self, case):
        """Only a login process can stand between here, with TLS."""
        client = self.client(case)
        return not (client.was_reset or (client.half_closed and case.transport != "plain"))

    def native_pair(self, case):
        return self._only(self._pairs("native", case), case)

    def rawtap_pair(self, case):
        return self._only(self._pairs("rawtap", case), case)

    def pairs(self, case):
        return self._pairs("native", case) + self._pairs("rawtap", case)

    def _pairs(self, who, case):
        return rawlogs.find_pairs(self.directory(who, self.outcome(case).user), rawlogs.LIB_NAME)


@contextmanager
def play_dirs(cases, *, rawtap=None, binary=None, at_once=1):
    """rawtap: more options of it; None: it is not there."""
    with dovecot_with(protocols_of(cases), config=native_config("{root}/native/%u")) as dovecot:
        stage = DirStage(dovecot=dovecot)
        users = [add_user(dovecot, case) for case in cases]
        for user in users:
            for who in WRITERS:
                make_dir(stage.directory(who, user), user)
        if rawtap is not None:
            rawtap = ("--rawlog-dir", dovecot.root / "rawtap" / "%u", *rawtap)
        perform(stage, cases, users, rawtap, binary=binary, at_once=at_once)
        yield stage
