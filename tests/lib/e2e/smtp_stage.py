# SPDX-License-Identifier: MIT
"""Play SMTP and LMTP sessions on a private Dovecot that records them by itself, beside rawtap.

As in stage.py: all sessions are played, rawtap is stopped, and only then do the tests look at
the files. Both record the same sockets of the same processes here, so process and number, too,
must be the same."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field

from librawlogs import TwoDirs
from recorder import Rawtap
from stage import RING_SIZE, Outcome, Stage

OPTIONS = {
    "rawlog_dir": "--rawlog-dir",
    "lmtp_rawlog_dir": "--lmtp-rawlog-dir",
    "lmtp_proxy_rawlog_dir": "--lmtp-proxy-rawlog-dir",
    "submission_relay_rawlog_dir": "--submission-relay-rawlog-dir",
}


class Modes:
    """What Dovecot and rawtap are to record at the same time: for each mode a setting of the
    one and an option of the other, with a directory each."""

    def __init__(self, dovecot, *settings):
        # Mail users write there too.
        self.dirs = {name: TwoDirs(dovecot.root, name, mode=0o777) for name in settings}

    @property
    def config(self):
        return "".join(f"{name} = {dirs.native}\n" for name, dirs in self.dirs.items())

    @property
    def options(self):
        return [word for name, dirs in self.dirs.items()
                for word in (OPTIONS[name], dirs.rawtap)]


@dataclass(kw_only=True)
class SmtpStage(Stage):
    dirs: dict
    started: float | None = None
    _pairs: dict = field(default_factory=dict)

    def pairs(self, kind, setting):
        """For when nothing is written any more."""
        if (kind, setting) not in self._pairs:
            self._pairs[kind, setting] = self.dirs[setting].pairs(kind)
        return self._pairs[kind, setting]


def play(stage, cases, run, wait_over, at_once=1):
    """run(case, outcome) sets outcome.client and plays."""
    def play_one(case):
        outcome = Outcome()
        return outcome.play(lambda: run(case, outcome))

    stage.started = time.time()
    with ThreadPoolExecutor(at_once) as pool:
        stage.outcomes.update(zip(cases, pool.map(play_one, cases)))
    wait_over()
    stage.over = time.time()


@contextmanager
def recording(dovecot, modes, *options, binary=None):
    """A stage on this Dovecot. Without binary Dovecot alone records. When the block ends all
    sessions have to be over."""
    stage = SmtpStage(dovecot=dovecot, dirs=modes.dirs)
    with (Rawtap("--base-dir", dovecot.base_dir, "--ring-size", RING_SIZE, *modes.options,
                 *options, binary=binary) if binary else nullcontext()) as rawtap:
        yield stage
        if rawtap:
            stage.status, stage.stderr = rawtap.stop()
