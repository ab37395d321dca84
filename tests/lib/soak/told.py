# SPDX-License-Identifier: MIT
"""What rawtap told: its messages with -D, its summary, its exit status."""

import re
from collections import Counter
from dataclasses import dataclass, field

import ctables
from recorder import REPOSITORY

LABEL = r"(?P<service>[\w-]+)\((?P<who>[^)]*)\)<\d+,[^>]*>"
REFUSED = re.compile(rf"^rawtap: (?:debug|warning): {LABEL}: not recorded: (?P<text>.*)$", re.M)
# Of one log, with its directory. Else the text is of the whole session.
REFUSED_LOG = re.compile(r"rawlog: (?P<missing>\S+) (?:doesn't exist|is not a directory)"
                         r"|l?stat(?:\(| failed |\(\) failed for )+(?P<stat>[^):]+)\)?.*"
                         r"|creat\((?P<creat>\S+)/[^/]+\) failed: .*")
GIVEN_UP = re.compile(rf"^rawtap: warning: {LABEL}: write\((?P<log>\S+)\) failed: ", re.M)
RECORDED = re.compile(r"^rawtap: (\d+) sessions recorded \(\d+ not ended\), (\d+) files, "
                      r"(\d+) bytes in, (\d+) bytes out$", re.M)
REASONS = {text: weight for text, weight in ctables.x_rows(
    REPOSITORY / "user/rules/reason.h", "REASONS", r'\w+, "([^"]*)", (\w+)')}
COUNTERS = dict(ctables.x_rows(REPOSITORY / "include/rl_abi.h", "RL_COUNTERS", r'(\w+), "([^"]*)"'))
# Of these one alone makes the status 3: engine_has_lost() in engine/engine.c.
LOSSES = ("lost_control", "map_full", "missed")


def traffic_of(service):
    return "login" if service.endswith("-login") else "lmtp" if service == "lmtp" else "mail"


@dataclass
class Told:
    status: int = 0
    sessions: int = 0
    files: int = 0
    bytes: tuple = (0, 0)                   # in, out
    lost: int = 0
    given_up: int = 0
    malformed: int = 0
    stray: int = 0
    counters: dict = field(default_factory=dict)        # the kernel side's, by name
    reasons: Counter = field(default_factory=Counter)   # not to record: in the summary
    refused_logs: Counter = field(default_factory=Counter)      # by directory
    refused_sessions: Counter = field(default_factory=Counter)  # by (traffic, reason)
    ended_logs: Counter = field(default_factory=Counter)        # by "directory/name"

    @classmethod
    def of(cls, status, stderr):
        """A summary that lacks a line, or has another form, is a ValueError."""
        recorded = RECORDED.findall(stderr)
        if len(recorded) != 1:
            raise ValueError(f"{len(recorded)} summaries")
        sessions, files, *sizes = map(int, recorded[0])
        told = cls(status, sessions, files, tuple(sizes),
                   lost=_number(stderr, "bytes lost", default=None),
                   given_up=_number(stderr, "logs could not be written to the end"),
                   malformed=_number(stderr, "records or handshake lines made no sense"),
                   stray=_number(stderr, "bytes of connections whose beginning was not seen"))
        kernel, = re.findall(r"^rawtap: kernel: (.*)$", stderr, re.M)
        told.counters = {name: int(re.search(rf"(?:^|; )(\d+) {re.escape(words)}(?:;|$)", kernel)[1])
                         for name, words in COUNTERS.items()}
        for line in re.findall(r"^rawtap: \d+ (?:not recorded|logs of recorded sessions were not "
                               r"made): (.*)$", stderr, re.M):
            for part in line.removesuffix(" (which: see the warnings)").split("; "):
                count, reason = part.strip().split(" ", 1)
                told.reasons[reason] += int(count)
        for match in REFUSED.finditer(stderr):
            told._refused(match["service"], match["text"])
        told.ended_logs.update(match["log"] for match in GIVEN_UP.finditer(stderr))
        return told

    def _refused(self, service, text):
        if log := REFUSED_LOG.fullmatch(text):
            self.refused_logs[log["missing"] or log["stat"] or log["creat"]] += 1
        else:
            self.refused_sessions[traffic_of(service), text] += 1

    def lost_sessions(self, traffic):
        """Those that should have been recorded and are not, whatever their directory."""
        return sum(count for (of, reason), count in self.refused_sessions.items()
                   if of == traffic and REASONS.get(reason) == "LOSS")

    def has_lost(self):
        """Does the summary tell of any loss?"""
        return bool(self.lost or self.given_up or self.malformed or self.stray
                    or any(self.counters[name] for name in LOSSES)
                    or any(REASONS.get(reason) == "LOSS" for reason in self.reasons))


def _number(stderr, words, default=0):
    found = re.findall(rf"^rawtap: (\d+) {re.escape(words)}", stderr, re.M)
    if len(found) > 1 or not found and default is None:
        raise ValueError(f"the summary says '{words}' {len(found)} times")
    return int(found[0]) if found else default
