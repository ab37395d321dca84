# SPDX-License-Identifier: MIT
"""Play session scripts on a private Dovecot, recorded by rawtap, by native rawlog, or both.

All sessions of a stage are played first, each by a user of its own; then rawtap is
stopped, and only then do the tests look at the files: what rawtap has not written by
then, it has lost. So no test depends on a moment.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import rawlogs
from mailclient import TRANSPORTS, Connection, connect
from private_dovecot import PrivateDovecot, User
from recorder import Rawtap
from sessions import SCRIPTS, Script
from smtppeers import SmtpServer
from submission_sessions import SUBMISSION_SCRIPTS

# Larger than all that is under way at once: whether rawtap is fast enough, on however
# loaded a machine, is not the question here.
RING_SIZE = "128M"


@dataclass(frozen=True)
class Case:
    script: Script
    transport: str

    def __str__(self):
        return f"{self.script.protocol}-{self.transport}-{self.script.name}"


CASES = [Case(script, transport) for script in SCRIPTS + SUBMISSION_SCRIPTS
         for transport in TRANSPORTS]


@dataclass(kw_only=True)
class Outcome:
    """What became of a session."""
    user: User | None = None
    started: float | None = None
    ended: float | None = None
    client: Connection | None = None
    error: Exception | None = None

    def play(self, run):
        """run() sets self.client and plays. Its error is told by the test of this case alone."""
        self.started = time.time()
        try:
            run()
        except Exception as error:
            self.error = error
            if self.client:
                self.client.close()
        self.ended = time.time()
        return self


@dataclass(kw_only=True)
class Stage:
    """What all stages have: a Dovecot, the sessions that were played on it, what rawtap said."""
    dovecot: PrivateDovecot
    outcomes: dict = field(default_factory=dict)    # by case
    status: int | None = None       # of rawtap
    stderr: str = ""
    over: float | None = None       # when the last session was

    def outcome(self, case):
        outcome = self.outcomes[case]
        if outcome.error:
            raise AssertionError(
                f"{outcome.error!r}\n{self.log_of(outcome)}\n{self.stderr}") from outcome.error
        return outcome

    def log_of(self, outcome):
        """What Dovecot's log has of it."""
        return self.dovecot.log()

    def client(self, case):
        return self.outcome(case).client


@dataclass(kw_only=True)
class HomeStage(Stage):
    """rawlog's: the files are in the users' homes."""
    native_flags: tuple | None
    rawtap_flags: tuple | None

    def log_of(self, outcome):
        return "\n".join(line for line in self.dovecot.log().splitlines()
                         if outcome.user.name in line)

    def is_complete(self, case):
        """Has the client received everything that the server wrote? Not after a reset,
        and where somebody stands between the two (the login process with TLS, rawlog), it
        may stop passing on replies as soon as the client has closed its half."""
        client = self.client(case)
        between = self.native_flags is not None or case.transport != "plain"
        return not (client.was_reset or (client.half_closed and between))

    def native_pair(self, case):
        mail_pid = self.mail_pid(case)
        return self._only([pair for pair in self.pairs(case) if pair.pid != mail_pid], case)

    def rawtap_pair(self, case):
        mail_pid = self.mail_pid(case)
        return self._only([pair for pair in self.pairs(case) if pair.pid == mail_pid], case)

    def native(self, case, direction):
        return self._read(case, self.native_pair(case), direction, self.native_flags)

    def rawtap(self, case, direction):
        return self._read(case, self.rawtap_pair(case), direction, self.rawtap_flags)

    def _read(self, case, pair, direction, flags):
        """The bytes of the session; timestamps must be in order, and those of its time."""
        data = pair.read(direction)
        if "-b" in flags:
            data = b"".join(rawlogs.split_blocks(data))
        if "-t" in flags:
            stamps, data = rawlogs.split_timestamps(data)
            times = [self.outcome(case).started, *stamps, self.over]
            assert times == sorted(times), f"timestamps of {pair.files[direction]}"
        return data

    def mail_pid(self, case):
        """rawtap names its files by the mail process, native by its rawlog process."""
        return self.dovecot.wait_login(self.outcome(case).user).pid

    def pairs(self, case):
        return rawlogs.find_pairs(self.outcome(case).user.rawlog_dir)

    def _only(self, pairs, case):
        if len(pairs) != 1:
            names = [path.name for pair in self.pairs(case) for path in pair.files.values()]
            raise AssertionError(
                f"{len(pairs)} pairs instead of one; mail process {self.mail_pid(case)}, "
                f"files {names}\n{self.stderr}")
        return pairs[0]


def protocols_of(cases):
    return {"imap", "pop3", *(case.script.protocol for case in cases)}


@contextmanager
def dovecot_with(protocols, *, config="", **options):
    """A Dovecot of these protocols; with submission, there is somebody who takes what is
    submitted. {root} in config is its root."""
    with ExitStack() as stack:
        if "submission" in protocols:
            relay = stack.enter_context(SmtpServer())
            config += f"\nsubmission_relay_host = 127.0.0.1\nsubmission_relay_port = {relay.port}\n"
        dovecot = PrivateDovecot(protocols=sorted(protocols), **options)
        dovecot.config = config.replace("{root}", str(dovecot.root))
        yield stack.enter_context(dovecot)


@contextmanager
def play(cases, *, native=None, rawtap=None, binary=None, at_once=1):
    """native: flags of the rawlog binary in Dovecot's configuration; None: not there.
    rawtap: flags of rawtap; None: not there. at_once: sessions side by side."""
    with dovecot_with(protocols_of(cases), native=None if native is None else "binary",
                      native_flags=" ".join(native or ())) as dovecot:
        stage = HomeStage(dovecot=dovecot, native_flags=native, rawtap_flags=rawtap)
        users = [add_user(dovecot, case) for case in cases]
        for user in users:
            dovecot.make_rawlog_dir(user)
        perform(stage, cases, users, rawtap, binary=binary, at_once=at_once)
        yield stage


def perform(stage, cases, users, rawtap=None, *, binary=None, at_once=1):
    """All sessions, with rawtap (its options) around them, until it has ended."""
    dovecot = stage.dovecot

    def play_all():
        with ThreadPoolExecutor(at_once) as pool:
            outcomes = pool.map(lambda case, user: _play(dovecot, case, user), cases, users)
            stage.outcomes.update(zip(cases, outcomes))
        _end_hanging(stage)
        dovecot.wait_sessions_over()
        stage.over = time.time()

    if rawtap is None:
        play_all()
    else:
        with Rawtap("--base-dir", dovecot.base_dir, "--ring-size", RING_SIZE, *rawtap,
                    binary=binary) as recorder:
            play_all()
            stage.status, stage.stderr = recorder.stop()


def _end_hanging(stage):
    """Where a client resets the connection in the middle of a RETR, Dovecot 2.3's pop3
    now and then forgets about that socket and stays for ten minutes. Nothing can go
    through it any more once those between it and the client have gone."""
    dovecot = stage.dovecot
    dovecot.wait_gone("imap-login", "pop3-login", "submission-login", "rawlog", "script-login")
    for case, outcome in stage.outcomes.items():
        if case.script.protocol == "pop3" and outcome.client and outcome.client.was_reset:
            dovecot.kill(stage.mail_pid(case))


def add_user(dovecot, case):
    user = dovecot.add_user(f"{case}@example.org")
    for size, crlf in case.script.mails:
        dovecot.seed(user, size, crlf=crlf)
    return user


def _play(dovecot, case, user):
    outcome = Outcome(user=user)

    def run():
        outcome.client = connect(
            dovecot, case.script.protocol, case.transport, user, **case.script.options)
        case.script.run(outcome.client)

    return outcome.play(run)
