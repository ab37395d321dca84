# SPDX-License-Identifier: MIT
"""Play login scripts on a private Dovecot, recorded by rawtap -R, by Dovecot's own -R, or both.

As in stage.py all sessions are over and rawtap is stopped before a test looks at a file.
"""

import itertools
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import rawlogs
from logins import LOGINS, LoginScript, go_on
from mailclient import PROTOCOLS, connect
from private_dovecot import PrivateDovecot
from rawlogs import wait_until
from recorder import Rawtap
from stage import RING_SIZE, Outcome, Stage
from taps import Tap, login_transcripts

_serial = itertools.count(1)
LOGIN_SERVICES = tuple(f"{protocol}-login" for protocol in PROTOCOLS)
# Dovecot's two ways to serve logins: settings of the service.
SECURE = {"service_count": 1}
FAST = {"service_count": 0, "process_min_avail": 1, "process_limit": 1}
# The submission process asks nobody before it has a mail to relay.
SUBMISSION = """\
submission_relay_host = 127.0.0.1
submission_relay_port = 1
submission_backend_capabilities = SIZE
"""


@dataclass(frozen=True)
class Case:
    script: LoginScript
    transport: str

    def __str__(self):
        return f"{self.script.protocol}-{self.transport}-{self.script.name}"


def cases(*transports):
    return [Case(script, transport) for script in LOGINS for transport in transports
            if transport in script.transports]


@dataclass(kw_only=True)
class LoginOutcome(Outcome):
    login_pid: int | None = None
    number: int | None = None       # of those that this process served


def login_dovecot(*, log_to=None, mode=SECURE, services=None, config="", **options):
    """log_to: the directory of Dovecot's own -R."""
    logins = {name: dict(mode) for name in LOGIN_SERVICES}
    if log_to:
        for name, settings in logins.items():
            settings["executable"] = f"{name} -R {log_to}"
    return PrivateDovecot(protocols=PROTOCOLS, services=logins | (services or {}),
                          config=SUBMISSION + config, **options)


@dataclass(kw_only=True)
class LoginStage(Stage):
    directories: dict[str, Path]    # of "native" and "rawtap"

    def pair(self, by, case):
        """By its name: the login process, and how many that one had before."""
        outcome = self.outcome(case)
        found = [pair for pair in self.pairs(by)
                 if (pair.pid, pair.serial) == (outcome.login_pid, outcome.number)]
        if len(found) != 1:
            names = [path.name for path in sorted(self.directories[by].iterdir())]
            raise AssertionError(f"{len(found)} pairs of {outcome.login_pid}.{outcome.number} "
                                 f"in {names}\n{self.stderr}")
        return found[0]

    def pairs(self, by):
        return rawlogs.find_pairs(self.directories[by], rawlogs.LIB_NAME)

    def read(self, by, case, direction):
        """The bytes; timestamps must be in order, and those of its time."""
        pair = self.pair(by, case)
        stamps, data = rawlogs.split_timestamps(pair.read(direction))
        times = [self.outcome(case).started, *stamps, self.over]
        assert times == sorted(times), f"timestamps of {pair.files[direction]}"
        return data


@contextmanager
def play(cases, *options, by=("native", "rawtap"), mode=SECURE, binary=None, at_once=3):
    """options: of rawtap. by: who records. at_once: sessions side by side; where one process serves all of them,
    its numbers tell whose is whose only if they come one after another."""
    at_once = at_once if mode is SECURE else 1
    dovecot = login_dovecot(log_to="native" if "native" in by else None, mode=mode)
    directories = {name: dovecot.make_login_dir(name) for name in by}
    users = [dovecot.add_user(f"{case}@example.org") for case in cases]
    with dovecot:
        stage = LoginStage(dovecot=dovecot, directories=directories)

        def play_all():
            with ThreadPoolExecutor(at_once) as pool:
                outcomes = pool.map(lambda case, user: _play(stage, case, user), cases, users)
                stage.outcomes.update(zip(cases, outcomes))
            _number(stage)
            wait_over(stage.dovecot, mode)
            stage.over = time.time()

        if "rawtap" in by:
            with Rawtap("--base-dir", dovecot.base_dir, "--ring-size", RING_SIZE, "-R", "rawtap",
                        *options, binary=binary) as recorder:
                play_all()
                stage.status, stage.stderr = recorder.stop()
        else:
            play_all()
        yield stage


def wait_over(dovecot, mode):
    """Until no session is left; those who serve all of them stay."""
    dovecot.wait_sessions_over()
    if mode["service_count"] == 1:
        dovecot.wait_gone(*LOGIN_SERVICES)
    else:
        dovecot.wait_clients_gone(*LOGIN_SERVICES)


def _play(stage, case, user):
    outcome = LoginOutcome(user=user)
    protocol = case.script.protocol

    def run():
        outcome.client = connect(stage.dovecot, protocol, case.transport, user)
        outcome.login_pid = stage.dovecot.wait_serving(outcome.client, f"{protocol}-login")
        case.script.run(outcome.client)

    return outcome.play(run)


def _number(stage):
    """Sessions of one process are numbered in the order in which they came."""
    served = {}
    for outcome in stage.outcomes.values():
        served[outcome.login_pid] = served.get(outcome.login_pid, 0) + 1
        outcome.number = served[outcome.login_pid]


# Connections one by one

class LoginLogs:
    """What a rawtap -R (or a native one) leaves in its directory."""

    def __init__(self, directory, tap=None):
        self.directory = directory
        self.tap = tap
        self._read = {}
        self._expected = Counter()

    def pairs(self):
        return rawlogs.find_pairs(self.directory, rawlogs.LIB_NAME)

    def contents(self):
        """(in, out) of each pair, in no order that means anything. Each line has its stamp."""
        return [tuple(self._content(pair.files.get(direction)) for direction in ("in", "out"))
                for pair in self.pairs()]

    def _content(self, path):
        """None where there is none yet, or half a line."""
        if path is None:
            return None
        status = path.stat()
        key = path, status.st_size, status.st_mtime_ns
        if key not in self._read:
            try:
                self._read[key] = rawlogs.split_timestamps(rawlogs.read(path))[1]
            except ValueError:
                return None
        return self._read[key]

    def expect(self, *clients):
        """Each of these gets its pair, while rawtap runs."""
        self.expect_contents(*login_transcripts(*clients))

    def expect_contents(self, *contents):
        self._expected.update(contents)
        try:
            wait_until(lambda: not self._missing(), "the logs")
        except TimeoutError:
            self._describe()

    def assert_all(self, *clients):
        """Nothing more follows, there is no other pair, and nothing was lost."""
        self._expected.update(login_transcripts(*clients))
        if self._missing() or self._surplus():
            self._describe()
        assert self.tap is None or self.tap.status == 0, self.tap.stderr

    def _missing(self):
        return list((self._expected - Counter(self.contents())).elements())

    def _surplus(self):
        return list((Counter(self.contents()) - self._expected).elements())

    def _describe(self):
        lines = [f"{len(self.pairs())} pairs, of {self._expected.total()}"]
        for name, contents in ("missing", self._missing()), ("surplus", self._surplus()):
            for content in contents:
                lines += [f"{name} .{direction}: {data and data[:1000]!r}"
                          for direction, data in zip(("in", "out"), content)]
        raise AssertionError("\n".join([*lines, self.tap.stderr if self.tap else ""]))


@contextmanager
def record_logins(dovecot, *options, binary, mode=SECURE, directory=None, over=wait_over):
    """A rawtap -R around a block. When it ends all connections have to be over, or about to be:
    over() waits for that."""
    directory = directory or dovecot.make_login_dir(f"logs{next(_serial)}")
    with Tap("--base-dir", dovecot.base_dir, "--ring-size", RING_SIZE, "-R", directory.name,
             *options, binary=binary) as tap:
        yield LoginLogs(directory, tap)
        over(dovecot, mode)
        tap.stop()


def log_in(dovecot, protocol, transport, user, **options):
    """A session from its begin to its end."""
    client = connect(dovecot, protocol, transport, user, **options)
    client.login()
    go_on(client)
    return client
