# SPDX-License-Identifier: MIT
"""The soak's referee objects to each kind of lie, and to nothing else; what its seed says happens
again. No rawtap is needed."""

import random
import re
from collections import Counter
from dataclasses import replace

import pytest

from soak import chaos
from soak.referee import DOUBT, PIECES, RING, Log, Pair, Said, check, judge
from soak.told import COUNTERS, REASONS, Told

HOME, DIR = "/u/dovecot.rawlog", "/logs/u"
IN, OUT = b"q0000001q1 NOOP\r\nq0000001q2 LOGOUT\r\n", b"q0000001q1 OK\r\n* BYE\r\nq0000001q2 OK\r\n"
OTHER_IN, OTHER_OUT = b"q0000002q1 LOGOUT\r\n", b"q0000002q1 OK\r\n"
CREATE, NO_DIR = "the files could not be created", "its log directory does not exist"
NO_LOGIN = "its login request was not seen"


def gap(size, offset, reason=RING):
    return b"[rawtap: %d bytes lost at offset %d: %s]\n" % (size, offset, reason.encode())


def log(client=1, mode="home", place=HOME, said=(IN, OUT), **options):
    return Log(client, "mail", mode, place, tuple(map(Said.all, said)), **options)


def pair(name="a", place=HOME, data=(IN, OUT), session=None):
    return Pair(name, place, data, session)


LOGS = [log(), log(mode="dir", place=DIR), log(2, said=(OTHER_IN, OTHER_OUT))]
PAIRS = [pair(session=1), pair("b", DIR, session=1), pair("c", data=(OTHER_IN, OTHER_OUT))]
SIZES = len(IN + OTHER_IN), len(OUT + OTHER_OUT)
TOLD = Told(sessions=2, files=6, bytes=SIZES, counters=dict.fromkeys(COUNTERS, 0))


def told(**changes):
    """lost, …: what the truth would be, without the changes"""
    return replace(TOLD, **changes)


def complaints(logs=LOGS, pairs=PAIRS, told=TOLD, steady=()):
    return judge(logs, pairs, told, steady).complaints


def with_pair(index, *, data=None, **changes):
    pairs = PAIRS.copy()
    pairs[index] = replace(pairs[index], **({"data": data} if data else {}), **changes)
    return pairs


def without(index):
    return PAIRS[:index] + PAIRS[index + 1:]


def test_the_truth():
    assert complaints(steady=[HOME, DIR]) == []


# Of one direction

@pytest.mark.parametrize("data", [
    IN, IN[:4] + b"\n" + gap(5, 4) + IN[9:], gap(4, 0) + IN[4:], IN[:-1] + b"\n" + gap(1, len(IN) - 1),
    gap(len(IN), 0), gap(4, 0) + gap(len(IN) - 4, 4), IN[:18] + gap(2, 18) + IN[20:],
])
def test_right_files(data):
    captured, gaps = check(data, Said.all(IN))
    assert captured + sum(size for _, size, _ in gaps) == len(IN)


@pytest.mark.parametrize("data", [
    b"", IN[:-1], IN[1:], IN[:5] + IN[6:], IN + b"\n", b"x" + IN, IN.replace(b"NOOP", b"NOOQ"), IN + IN,
    IN[:4] + b"\n" + gap(4, 4) + IN[9:],            # too short
    IN[:4] + b"\n" + gap(6, 4) + IN[9:],            # too long
    IN[:4] + b"\n" + gap(5, 5) + IN[9:],            # in the wrong place
    IN[:4] + b"\n" + gap(0, 4) + IN[4:],            # of nothing
    gap(5, 0) + IN[4:], IN + gap(1, len(IN)),
    IN[:4] + b"\n" + gap(5, 4, "I felt like it") + IN[9:],
    IN[:4] + b"\n" + gap(5, 4, "the file system did not keep up") + IN[9:],    # GAPS says why
])
def test_wrong_files(data):
    with pytest.raises(ValueError):
        check(data, Said.all(IN))


def test_what_a_process_never_read_can_be_missing():
    said = Said(IN, 18)
    for end in range(len(IN) + 1):
        if end >= 18:
            check(IN[:end], said)
        else:
            with pytest.raises(ValueError):
                check(IN[:end], said)
    with pytest.raises(ValueError):
        check(IN + b"x", said)


def test_more_than_the_client_received():
    said = Said(OUT, len(OUT), more=True)
    assert check(OUT + b"* BYE\r\n", said)[0] == len(OUT) + 7
    assert check(OUT + gap(7, len(OUT)), said)[1] == [(len(OUT), 7, RING)]
    for data in (OUT[:-1], b"x" + OUT, OUT[:-1] + b"x"):
        with pytest.raises(ValueError):
            check(data, said)


def test_what_may_have_come_after_the_login():
    check(IN + gap(100, len(IN), DOUBT), Said.all(IN))
    with pytest.raises(ValueError):
        check(IN + gap(100, len(IN), RING), Said.all(IN))


def test_a_log_that_was_given_up_ends_anywhere():
    marked = IN[:4] + b"\n" + gap(5, 4)
    for end in range(len(marked) + 1):
        check(marked[:end], Said.all(IN), given_up=True)
    for data in (b"x", IN[:4] + b"x", IN[1:], IN + b"x"):
        with pytest.raises(ValueError):
            check(data, Said.all(IN), given_up=True)


# Of all files

LIES = {
    "a missing byte": dict(pairs=with_pair(0, data=(IN[:-1], OUT)),
                           told=told(bytes=(SIZES[0], SIZES[1]))),
    "another's word in it": dict(pairs=with_pair(0, data=(IN, OUT + b"q0000002q1"))),
    "another's word where more may follow": dict(
        logs=[replace(LOGS[0], said=(Said.all(IN), Said(OUT, len(OUT), more=True))), *LOGS[1:]],
        pairs=with_pair(0, data=(IN, OUT + b"Q0000002Q1"))),
    "in another's directory": dict(pairs=with_pair(2, place=DIR)),
    "a missing file": dict(pairs=without(1), told=told(files=4)),
    "a missing session": dict(pairs=without(2), told=told(files=4, sessions=1,
                                                          bytes=(len(IN), len(OUT)))),
    "a file twice": dict(pairs=[*PAIRS, pair("d")], told=told(files=8)),
    "a file of nobody's": dict(pairs=[*PAIRS, pair("d", data=(b"hello", b""))], told=told(files=8)),
    "an empty file of nobody's": dict(pairs=[*PAIRS, pair("d", data=(b"", b""))], told=told(files=8)),
    "a file of a stranger's": dict(pairs=[*PAIRS, pair("d", data=(b"q0000007q1", b""))], told=told(files=8)),
    "a file where none is to be": dict(pairs=[*PAIRS, pair("d", "/none")], told=told(files=8)),
    "sessions": dict(told=told(sessions=3)),
    "files": dict(told=told(files=5)),
    "bytes in": dict(told=told(bytes=(SIZES[0] - 1, SIZES[1]))),
    "bytes out": dict(told=told(bytes=(SIZES[0], SIZES[1] + 1))),
    "bytes lost": dict(told=told(lost=1, status=3)),
    "given up": dict(told=told(given_up=1, status=3)),
    "a status without a reason": dict(told=told(status=3)),
    "another status": dict(told=told(status=1)),
    "killed": dict(told=told(status=-11)),
    "a loss without the status": dict(told=told(counters=TOLD.counters | {"missed": 1})),
    "nonsense": dict(told=told(malformed=1, status=3)),
    "stray bytes": dict(told=told(stray=1, status=3)),
    "a full table": dict(told=told(status=3, counters=TOLD.counters | {"map_full": 1})),
    "TLS of nobody's": dict(told=told(counters=TOLD.counters | {"tls_unknown": 1})),
    "a refusal that nobody knows of": dict(told=told(status=3, reasons={CREATE: 1},
                                                     refused_logs={HOME: 1})),
    "a lost session that nobody knows of": dict(told=told(
        status=3, reasons={NO_LOGIN: 1}, refused_sessions={("mail", NO_LOGIN): 1})),
}


@pytest.mark.parametrize("lie", LIES)
def test_lies(lie):
    given = LIES[lie]
    # A Told has counters that know of what they were not asked for.
    if "told" in given:
        given = given | {"told": with_counters(given["told"])}
    assert complaints(**given)


def with_counters(told):
    return replace(told, reasons=Counter(told.reasons), refused_logs=Counter(told.refused_logs),
                   refused_sessions=Counter(told.refused_sessions),
                   ended_logs=Counter(told.ended_logs))


# Losses that are told

def lossy(size, **changes):
    counters = TOLD.counters | {"lost_records": 1}
    return with_counters(told(**{"status": 3, "lost": size, "counters": counters,
                                 "bytes": (SIZES[0] - size, SIZES[1]), **changes}))


CUT = (IN[:4] + b"\n" + gap(5, 4) + IN[9:], OUT)
BOTH_CUT = [replace(PAIRS[0], data=CUT), replace(PAIRS[1], data=CUT), PAIRS[2]]


def test_a_gap_that_is_told():
    """It is in both logs of the session, and counts once."""
    account = judge(LOGS, BOTH_CUT, lossy(5))
    assert account.complaints == []
    assert (account.said, account.lost[RING]) == (sum(SIZES), 5)


@pytest.mark.parametrize("changes", [
    {"lost": 4}, {"lost": 6}, {"lost": 10}, {"status": 0}, {"bytes": SIZES},
    {"counters": TOLD.counters}])
def test_a_gap_and_a_wrong_summary(changes):
    assert complaints(pairs=BOTH_CUT, told=lossy(5, **changes))


def test_a_log_that_could_not_be_created():
    """Its directory was touched, and it was told."""
    missing = with_counters(told(files=4, status=3, reasons={CREATE: 1}, refused_logs={DIR: 1}))
    assert complaints(pairs=without(1), told=missing, steady=[HOME]) == []
    assert complaints(pairs=without(1), told=missing, steady=[DIR])
    assert complaints(pairs=without(1), told=replace(missing, status=0))
    assert complaints(pairs=without(0), told=missing)
    for count in (0, 2):
        assert complaints(pairs=without(1), told=replace(
            missing, refused_logs=with_counters(told(refused_logs={DIR: count})).refused_logs))


def test_a_session_that_was_lost():
    few = dict(files=2, sessions=1, bytes=(len(OTHER_IN), len(OTHER_OUT)), status=3)
    lost = with_counters(told(reasons={NO_LOGIN: 1}, refused_sessions={("mail", NO_LOGIN): 1}, **few))
    assert complaints(pairs=PAIRS[2:], told=lost) == []
    assert complaints(pairs=PAIRS[2:], told=replace(lost, status=0))
    # A reason that is no loss excuses nobody.
    ended = "it ended before it was clear whether to record it"
    assert complaints(pairs=PAIRS[2:], told=with_counters(told(
        reasons={ended: 1}, refused_sessions={("mail", ended): 1}, **few)))
    assert REASONS[NO_LOGIN] == "LOSS" and REASONS[ended] == "PLAIN"


def test_a_log_that_was_given_up():
    pairs = with_pair(0, data=(IN[:5], OUT[:2]))
    given_up = with_counters(told(given_up=1, status=3, lost=len(IN + OUT) - 7,
                                  ended_logs={f"{HOME}/a": 1}))
    assert complaints(pairs=pairs, told=given_up) == []
    assert complaints(pairs=pairs, told=replace(given_up, status=0))
    assert complaints(pairs=pairs, told=replace(given_up, lost=len(IN + OUT) + 1))
    assert complaints(pairs=with_pair(1, data=(IN[:5], OUT)), told=given_up)


def test_a_connection_that_may_have_had_no_process():
    perhaps = Log(3, "mail", "home", HOME, (Said(b"", 0), Said(b"", 0, more=True)), required=False)
    assert complaints(logs=[*LOGS, perhaps]) == []
    more = [*PAIRS, pair("d", data=(b"", b"+OK\r\n"))]
    with_it = told(sessions=3, files=8, bytes=(SIZES[0], SIZES[1] + 5))
    assert complaints(logs=[*LOGS, perhaps], pairs=more, told=with_it) == []
    assert complaints(logs=LOGS, pairs=more, told=with_it)
    assert complaints(logs=[*LOGS, perhaps], told=with_it, pairs=[
        *PAIRS, pair("d", data=(b"+OK\r\n", b""))])


def test_files_without_words_go_where_they_fit():
    """The second fits one log alone, the first both."""
    logs = [Log(1, "mail", "home", HOME, (Said.all(b""), Said(b"+OK\r\n", 0))),
            Log(2, "mail", "home", HOME, (Said.all(b""), Said.all(b"+OK\r\n")))]
    pairs = [pair("a", data=(b"", b"+OK\r\n")), pair("b", data=(b"", b""))]
    for order in (pairs, pairs[::-1]):
        for others in (logs, logs[::-1]):
            assert complaints(others, order, told(sessions=2, files=4, bytes=(0, 5))) == []


def test_logs_of_one_session_go_together():
    """Each would fit both; what is required has a file rather than what is not."""
    said = Said.all(b""), Said.all(b"+OK\r\n")
    logs = [Log(client, "mail", mode, place, said, required=client == 2)
            for client in (1, 2) for mode, place in (("home", HOME), ("dir", DIR))]
    pairs = [pair("a", data=(b"", b"+OK\r\n"), session=1), pair("b", DIR, (b"", b"+OK\r\n"), 1)]
    for order in (pairs, pairs[::-1]):
        assert complaints(logs, order, told(sessions=1, files=4, bytes=(0, 5))) == []
    pairs[1] = pair("b", DIR, (b"", b"+OK\r\n"), 2)
    assert complaints(logs, pairs, told(sessions=1, files=4, bytes=(0, 5)))


@pytest.mark.parametrize("traffic", ["mail", "login", "lmtp"])
@pytest.mark.parametrize("data, complaint", [
    ((IN[:5] + b"\n" + gap(len(IN) - 5, 5), OUT), None),
    ((IN[:5], OUT), "ends at 5;"),
    ((IN, b""), "ends at 0;"),
    ((IN[:5], b""), "nobody said what is in"),          # nor can it be known whose it is
    ((b"", b""), "nobody said what is in"),
    ((IN[:5] + b"\n" + gap(3, 5), OUT), "ends at 8;"),
    ((IN[:5] + b"\n" + gap(len(IN), 5), OUT), "gaps tell of 5 bytes too many"),
    ((b"x" + IN[1:5] + b"\n" + gap(len(IN) - 5, 5), OUT), "first difference at offset 0"),
    (None, "1 logs of"),
])
def test_a_full_ring_excuses_what_is_told_alone(traffic, data, complaint):
    """The summary agrees with the files, whatever they have."""
    logs = [Log(1, traffic, traffic, "/logs", (Said.all(IN), Said.all(OUT)))]
    there = [pair("a", "/logs", data)] if data else []
    lost = sum(int(size) for each in data or () for size in re.findall(rb"(\d+) bytes lost", each))
    said = judge(logs, there, lossy(
        lost, sessions=len(there), files=2 * len(there), status=3 if lost else 0,
        bytes=tuple(len(PIECES.sub(b"", each)) for each in data or (b"", b"")))).complaints
    assert any(complaint in each for each in said) if complaint else said == []


GREETING = Said.all(b"220 ready\r\n")


def login_log(client, said_in=Said.all(b""), said_out=GREETING, **options):
    return Log(client, "login", "login", "/login", (said_in, said_out), **options)


def login_pair(name, data_in=b"", data_out=GREETING.text):
    return pair(name, "/login", (data_in, data_out))


@pytest.mark.parametrize("logs, pairs", [
    # Who said more, and lost all of it, has no file: its directory was not there.
    ([login_log(1, Said.all(b"x" * 50)), login_log(2)], [login_pair("a")]),
    # The same client's: the second connection is one of TLS inside the first.
    ([login_log(1, Said.all(b"q0000001q1" * 2)), login_log(1, Said.all(b"q0000001q1"), part=1)],
     [login_pair("a", b"q0000001q1"), login_pair("b", b"q0000001q1" * 2)]),
])
def test_no_log_takes_what_is_anothers(logs, pairs):
    missing = len(logs) - len(pairs)
    size = sum(len(pair.data[0]) for pair in pairs), len(GREETING.text) * len(pairs)
    said = dict(sessions=len({log.session for log in logs}) - missing, files=2 * len(pairs), bytes=size)
    refused = dict(reasons={CREATE: missing}, refused_logs={"/login": missing}) if missing else {}
    for order in (pairs, pairs[::-1]):
        for others in (logs, logs[::-1]):
            assert complaints(others, order, lossy(
                0, **said, **refused, status=3 if missing else 0)) == []


@pytest.mark.parametrize("pairs, right", [
    (PAIRS, True),
    ([pair(data=(IN[:5] + b"\n" + gap(1000, 3) + IN[20:], gap(1, 7))), *PAIRS[1:]], True),
    ([pair(data=(b"", b"")), *PAIRS[1:]], True),
    ([pair(data=(IN, OUT + OTHER_OUT)), *PAIRS[1:]], False),
    ([pair(data=(IN + b"x", OUT)), *PAIRS[1:]], False),
    ([pair(data=(IN[:20] + IN[21:], OUT)), *PAIRS[1:]], False),
    ([pair(data=(b"q0000007q1", b"")), *PAIRS[1:]], False),
    (PAIRS[1:], False),
])
def test_lost_control_records(pairs, right):
    lost = with_counters(told(status=3, sessions=7, counters=TOLD.counters | {"lost_control": 1}))
    assert (complaints(pairs=pairs, told=lost) == []) == right
    assert complaints(pairs=pairs, told=replace(lost, status=0))


# What rawtap says

SUMMARY = """\
rawtap: debug: imap(u)<12,abc>: not recorded: rawlog: /a/b doesn't exist
rawtap: warning: imap(u)<12,abc>: not recorded: creat(/c/d/20261130-1-2) failed: Permission denied
rawtap: warning: imap-login(127.0.0.1)<12,>: not recorded: its login request was not seen
rawtap: warning: pop3(u)<12,abc>: write(/a/b/20261130-1) failed: No space left on device; the log ends there
rawtap: 3 sessions recorded (1 not ended), 6 files, 70 bytes in, 80 bytes out
rawtap: 3 not recorded: 2 its log directory does not exist; 1 its login request was not seen (which: see the warnings)
rawtap: 1 logs of recorded sessions were not made: 1 the files could not be created (which: see the warnings)
rawtap: kernel: {}
rawtap: 1 logs could not be written to the end
rawtap: 9 bytes lost (where: see the files), and what came when those logs had ended
""".format("; ".join(f"{number} {words}" for number, words in enumerate(COUNTERS.values())))


def test_what_rawtap_says():
    said = Told.of(3, SUMMARY)
    assert (said.sessions, said.files, said.bytes, said.lost, said.given_up) == (3, 6, (70, 80), 9, 1)
    assert list(said.counters.values()) == [*range(len(COUNTERS))]
    assert said.reasons == {NO_DIR: 2, NO_LOGIN: 1, CREATE: 1}
    assert said.refused_logs == {"/a/b": 1, "/c/d": 1}
    assert said.refused_sessions == {("login", NO_LOGIN): 1}
    assert said.ended_logs == {"/a/b/20261130-1": 1}
    assert set(said.reasons) <= set(REASONS) and said.has_lost()


@pytest.mark.parametrize("stderr", ["", SUMMARY + SUMMARY, SUMMARY.replace("bytes lost (", "(")])
def test_no_summary(stderr):
    with pytest.raises(ValueError):
        Told.of(0, stderr)


# The seed

def test_the_schedule_follows_from_the_seed():
    def plan(seed):
        return [(when, event, rng.random()) for when, event, rng in chaos.schedule(seed, 600)]
    assert plan(7) == plan(7) != plan(8)
    assert {event for _, event, _ in plan(7)} == {event for event in chaos.EVENTS if event.weight}
    assert random.Random("7 client 1").random() == random.Random("7 client 1").random()
