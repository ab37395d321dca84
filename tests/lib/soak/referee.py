# SPDX-License-Identifier: MIT
"""The invariant of a recording: captured + told gaps = what was said, each in its own file.

    account = judge(logs, pairs, told, steady)      # pure: no file, no clock
    assert not account.complaints

What was said is what clients know of it, which is not all where a connection broke:

- A client knows what it sent, but not how much of that Dovecot read before a process was killed
  or the connection was reset. What it had an answer to was read (`least`); anything between that
  and all that it sent may be in the file. A process can't have read what was not sent.
- A client knows what it received. Where it read up to the end of the connection (without TLS), or
  the server ended the session at the client's request, that is all. Else Dovecot may have written
  more, which nobody received (`more`): it may be there, if it has nobody else's words in it.
- While the ring is full, control records can be lost too, as it is shared with whatever is called
  imap on this host. Then the rest can't be checked as strictly: _judge_leniently().
- A connection of which the client never received a byte that counts need not have a log, as there
  may have been no process for it (`required`). If it has one, that must be right.

Words are b"q0000017q": client 17 says them, and no other. They tell whose a file is.
"""

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import rawlogs
from taps import GAP, MARK

# POP3 answers in capitals. (Two expressions that begin with a letter are found faster than one.)
WORDS = re.compile(rb"q(\d{7})q"), re.compile(rb"Q(\d{7})Q")
PIECES = re.compile(rb"\n?\[rawtap: \d+ bytes lost at offset \d+: [^]\n]*\]\n?")
PART_OF_MARK = re.compile(rb"\n?\[[^\]\n]*\]?\Z")
RING, DOUBT = "the ring was full", "they may have come after the login"
# The reasons that these recordings can have. That a file system did not keep up is none: 64 MB may wait
# for it, and all clients together say less while it hangs (chaos.HANG).
GAPS = (RING, DOUBT)


@dataclass(frozen=True)
class Said:
    """One direction of a log."""
    text: bytes
    least: int              # how much of it must be there, bytes
    more: bool = False      # something may follow

    @classmethod
    def all(cls, text):
        return cls(text, len(text))


@dataclass(frozen=True)
class Log:
    """A pair of files that is to be."""
    client: int
    traffic: str            # "mail", "login", "lmtp"
    mode: str
    place: str              # its directory
    said: tuple             # (Said in, Said out)
    required: bool = True
    part: int = 0           # of the connection: TLS can begin another

    @property
    def session(self):
        """Of one connection there are two, if the login process got it back."""
        return self.client, self.traffic, self.part if self.traffic == "login" else 0


@dataclass(frozen=True)
class Pair:
    """A pair of files that is there; without timestamps."""
    name: str
    place: str              # where it was created
    data: tuple             # (in, out)
    session: object = None  # the same for logs of several modes that are of one session


@dataclass
class Account:
    complaints: list = field(default_factory=list)
    sessions: int = 0
    said: int = 0           # bytes; of two logs of one session the larger counts
    captured: int = 0
    lost: Counter = field(default_factory=Counter)      # bytes by reason
    lenient: bool = False   # control records were lost
    missing: int = 0        # logs that had to be, and that were told not to be

    def complain(self, text):
        self.complaints.append(text)


@dataclass
class _Found:
    log: Log
    pair: Pair
    given_up: bool
    captured: tuple
    gaps: tuple             # ([(offset, size, reason)], …)


# One file

def _split(data):
    """[(offset, bytes)], [(offset, size, reason)]; ValueError: bytes are missing and not told."""
    pieces, gaps, reached, start = [], [], 0, 0
    for mark in GAP.finditer(data) if MARK in data else ():
        piece, size, at = data[start:mark.start()], int(mark[2]), int(mark[3])
        end = reached + len(piece)
        if end != at and end + len(mark[1]) == at:      # the line end is the stream's own
            piece, end = piece + mark[1], at
        if end != at or size <= 0:
            raise ValueError(f"a gap of {size} at {at}, where {end} is reached")
        pieces.append((reached, piece))
        gaps.append((end, size, mark[4].decode()))
        reached, start = end + size, mark.end()
    pieces.append((reached, data[start:]))
    return pieces, gaps


def check(data, said, given_up=False):
    """(bytes captured, gaps); ValueError says what is wrong. given_up: its end may be missing."""
    if given_up and (part := PART_OF_MARK.search(data)) and not data.endswith(b"]\n"):
        data = data[:part.start()]
    pieces, gaps = _split(data)
    text, reached = said.text, 0
    for number, (offset, piece) in enumerate(pieces):
        known = text[offset:offset + len(piece)]
        if given_up and number == len(gaps) and piece[:-1] == known[:-1] and piece[-1:] == b"\n":
            piece, known = piece[:-1], known[:-1]   # perhaps of a mark that did not get there
        reached = offset + len(piece)
        if piece[:len(known)] != known:
            raise ValueError(rawlogs.describe_difference(piece, known) + f" after {offset}")
        if piece and reached > len(text) and not said.more:
            raise ValueError(f"{reached - len(text)} bytes too many: {piece[len(known):][:60]!r}")
    for _, size, reason in gaps:
        if reason not in GAPS:
            raise ValueError(f"a gap of {size} because: {reason}")
    # DOUBT: what came after the login, which is not this log's.
    in_doubt = gaps and not pieces[-1][1] and gaps[-1][2] == DOUBT
    if reached > len(text) and not said.more and not in_doubt:
        raise ValueError(f"gaps tell of {reached - len(text)} bytes too many")
    if reached < said.least and not given_up:
        raise ValueError(f"ends at {reached}; {said.least} bytes were said")
    return sum(len(piece) for _, piece in pieces), gaps


def owners(pairs):
    return {int(number) for pair in pairs for data in pair.data
            for piece in (GAP.split(data) if MARK in data else [data])
            for word in WORDS for number in word.findall(piece or b"")}


def _fit(log, pair, told):
    results = []
    given_up = f"{pair.place}/{pair.name}" in told.ended_logs
    for name, data, said in zip(("in", "out"), pair.data, log.said):
        try:
            results.append(check(data, said, given_up))
        except ValueError as error:
            raise ValueError(f"client {log.client}, {log.place}/{pair.name}.{name}: {error}") from None
    return _Found(log, pair, given_up, *zip(*results))


# Whose file is which. Logs of several modes that are of one session go together.

def _grouped(items, key):
    groups = defaultdict(dict)
    for item in items:
        groups[key(item)][item.place] = item
    return list(groups.values())


def _fit_all(logs, pairs, told):
    """[_Found]; ValueError: these pairs are not of these logs."""
    for place in pairs.keys() - logs.keys():
        raise ValueError(f"nobody asked for {place}/{pairs[place].name}")
    return [_fit(logs[place], pair, told) for place, pair in pairs.items()]


def _match(logs, pairs, told, account):
    """([_Found], [logs without a pair])"""
    units = defaultdict(list)       # by client: [{place: Log}]
    for unit in _grouped(logs, lambda log: (log.client, log.traffic, log.part)):
        units[next(iter(unit.values())).client].append(unit)
    matched, nameless = [], []
    for bundle in _grouped(pairs, lambda pair: pair.session or (pair.place, pair.name)):
        whose = owners(bundle.values())
        if len(whose) > 1:
            account.complain(f"words of {sorted(whose)} are in " + ", ".join(
                f"{place}/{pair.name}" for place, pair in bundle.items()))
        elif not whose:
            nameless.append(bundle)
        elif errors := _take(bundle, units[whose.pop()], told, matched):
            # The most telling one is of a log that is in the right place.
            account.complain(min(errors, key=lambda error: error.startswith("nobody")))
    rest = [unit for left in units.values() for unit in left]
    matched += _match_nameless(nameless, rest, told, account)
    found = [each for _, fits in matched for each in fits]
    missing = [log for unit, fits in matched for place, log in unit.items()
               if place not in {each.log.place for each in fits}]
    return found, missing + [log for unit in rest for log in unit.values()]


def _take(bundle, units, told, matched):
    """To the log of this client's that it fits: []. Else why it fits none."""
    errors = []
    for unit in units:
        try:
            matched.append((unit, _fit_all(unit, bundle, told)))
        except ValueError as error:
            errors.append(str(error))
            continue
        units.remove(unit)
        return []
    return errors or ["nobody asked for " + ", ".join(
        f"{place}/{pair.name}" for place, pair in bundle.items())]


def _kinds(items, key):
    """Items that are alike go together: thousands of connections say nothing."""
    kinds = defaultdict(list)
    for item in items:
        kinds[key(item)].append(item)
    return list(kinds.values())


def _match_nameless(bundles, units, told, account):
    """Files without a word go to logs that they fit, as many of them as possible (augmenting paths).
    What has got one is taken out of `units`."""
    def is_given_up(place, pair):
        return f"{place}/{pair.name}" in told.ended_logs

    free = _kinds(bundles, lambda pairs: frozenset(
        (place, pair.data, is_given_up(place, pair)) for place, pair in pairs.items()))
    wanting = _kinds(units, lambda logs: frozenset(
        (place, log.said, log.required) for place, log in logs.items()))
    owned = [Counter() for _ in free]       # by kind of bundle: kinds of units, and how many of each
    fits = {}

    def fit(unit, bundle):
        try:
            return _fit_all(unit, bundle, told)
        except ValueError:
            return None

    def fits_kind(unit, bundle):
        if (unit, bundle) not in fits:
            fits[unit, bundle] = fit(wanting[unit][0], free[bundle][0]) is not None
        return fits[unit, bundle]

    def assign(unit, seen):
        """One unit of this kind gets a bundle; others may have to take another one."""
        for bundle in range(len(free)):
            if bundle in seen or not fits_kind(unit, bundle):
                continue
            seen.add(bundle)
            if owned[bundle].total() == len(free[bundle]):
                other = next((other for other in owned[bundle] if assign(other, seen)), None)
                if other is None:
                    continue
                owned[bundle] -= Counter([other])
            owned[bundle][unit] += 1
            return True
        return False

    # What need not be there comes last, or it could have what is another's.
    for unit in sorted(range(len(wanting)), key=lambda unit: not any(
            log.required for log in wanting[unit][0].values())):
        for _ in wanting[unit]:
            if not assign(unit, set()):
                break
    matched = []
    for bundle, counts in enumerate(owned):
        for unit, count in counts.items():
            matched += [(logs := wanting[unit].pop(), fit(logs, free[bundle].pop()))
                        for _ in range(count)]
    for pairs in (pairs for kind in free for pairs in kind):
        account.complain("nobody said what is in " + ", ".join(
            f"{place}/{pair.name}: {[data[:60] for data in pair.data]}"
            for place, pair in pairs.items()))
    units[:] = [logs for kind in wanting for logs in kind]
    return matched


# What is not there

def _check_missing(missing, found, told, steady, account):
    """Each log that is not there was told not to be, once for a session and directory."""
    required, allowed, deficits = Counter(), Counter(), Counter()
    groups = defaultdict(list)
    for log in missing:
        groups[log.place, log.session, log.mode].append(log)
    for (place, (_, traffic, _), mode), logs in groups.items():
        allowed[place] += 1
        if any(log.required for log in logs):
            required[place] += 1
            account.missing += 1
    modes = {log.place: (log.mode, log.traffic) for log in missing}
    for place in set(allowed) | set(told.refused_logs):
        refused = told.refused_logs[place]
        if refused > allowed[place]:
            account.complain(f"{place}: {refused} logs were told not to be made, only "
                             f"{allowed[place]} are not there")
        if refused and place in steady:
            account.complain(f"{place}: nobody touched it, but {refused} logs were not made")
        if required[place] > refused:
            deficits[modes[place]] += required[place] - refused
    for (mode, traffic), count in deficits.items():
        excused = told.lost_sessions(traffic)
        if count > excused:
            clients = sorted({f"client {log.client}" for log in missing if log.required
                              and log.mode == mode and told.refused_logs[log.place] == 0})
            account.complain(f"{count} logs of {mode} are not there, and {excused} were told to be "
                             f"lost: of {', '.join(clients[:10]) or 'any of those that were refused'}")
    _check_lost_sessions(missing, found, told, account)


def _check_lost_sessions(missing, found, told, account):
    """A session that was told to be lost has no file."""
    without = {log.session for log in missing} - {each.log.session for each in found}
    for traffic in ("mail", "login", "lmtp"):
        count = sum(of == traffic for _, of, _ in without)
        if told.lost_sessions(traffic) > count:
            account.complain(f"{told.lost_sessions(traffic)} {traffic} sessions were told to be "
                             f"lost, only {count} have no file")


# The numbers

def _sums(found, value):
    """By session: what its logs have; where there are logs of several modes the largest."""
    sums = defaultdict(Counter)
    for each in found:
        sums[each.log.session][each.log.mode] += value(each)
    return sum(max(modes.values()) for modes in sums.values())


def _check_numbers(found, told, account):
    def equal(what, actual, expected, slack=0):
        if not 0 <= abs(actual - expected) <= slack:
            account.complain(f"the summary says {actual} {what}, the files have {expected}")

    given_up = [each for each in found if each.given_up]
    marks = 100 * sum(len(gaps) for each in given_up for gaps in each.gaps)
    account.sessions = len({each.log.session for each in found})
    equal("sessions", told.sessions, account.sessions)
    equal("files", told.files, 2 * len(found))
    equal("logs given up", told.given_up, len(given_up))
    equal("logs given up by name", sum(told.ended_logs.values()), len(given_up))
    for index, name in enumerate(("bytes in", "bytes out")):
        equal(name, told.bytes[index], _sums(found, lambda each: each.captured[index]), marks)
    for reason in GAPS:
        for index in (0, 1):
            account.lost[reason] += _sums(found, lambda each: sum(
                size for _, size, why in each.gaps[index] if why == reason))
    gaps = sum(account.lost.values())
    unread = sum(_missing_bytes(each) for each in given_up) + marks
    if not gaps <= told.lost <= gaps + unread:
        account.complain(f"the summary says {told.lost} bytes lost, the files {gaps}"
                         + (f" to {gaps + unread}" if unread else ""))
    account.captured = sum(told.bytes)
    account.said = account.captured + gaps


def _missing_bytes(each):
    """At most, of a log that was given up."""
    if any(said.more for said in each.log.said):
        return 1 << 40
    return sum(max(0, len(said.text) - captured)
               for said, captured in zip(each.log.said, each.captured))


def _check_status(told, account):
    expected = 3 if told.has_lost() else 0
    if told.status != expected:
        account.complain(f"the status is {told.status}, by the summary it should be {expected}")
    if told.malformed:
        account.complain(f"{told.malformed} records made no sense")
    if account.lost[RING] and not told.counters["lost_records"]:
        account.complain("gaps of a full ring, which was not full")
    for name, count in (("stray bytes", told.stray), ("map_full", told.counters["map_full"]),
                        ("tls_unknown", told.counters["tls_unknown"])):
        if count and not account.lenient:
            account.complain(f"{count} of {name}, though no control record was lost")


# Where control records were lost

def _judge_leniently(logs, pairs, told, account):
    """rawtap can't know any more where connections begin and end, and who is who: all that holds is
    that it says so, and that no file has what another client said."""
    whole = defaultdict(lambda: [b"", b""])
    has_more = set()
    for log in {(log.session, log.part): log for log in logs}.values():
        for index, said in enumerate(log.said):
            whole[log.client][index] += said.text
            if said.more:
                has_more.add((log.client, index))
    for pair in pairs:
        whose = owners([pair])
        if len(whose) > 1 or whose - set(whole):
            account.complain(f"words of {sorted(whose)} are in {pair.place}/{pair.name}")
        for client in whose & set(whole):
            for index, data in enumerate(pair.data):
                for piece in PIECES.split(data):
                    if piece not in whole[client][index] and (client, index) not in has_more:
                        account.complain(f"client {client} did not say what is in {pair.place}/"
                                         f"{pair.name}: {piece[:60]!r}")
    if told.files != 2 * len(pairs):
        account.complain(f"the summary says {told.files} files, there are {2 * len(pairs)}")
    account.sessions, account.captured, account.lenient = told.sessions, sum(told.bytes), True
    account.lost[RING] = told.lost
    account.said = account.captured + told.lost


def judge(logs, pairs, told, steady=()):
    """steady: directories that were there from the beginning to the end as they must be."""
    account = Account()
    if told.counters["lost_control"]:
        _judge_leniently(logs, pairs, told, account)
    else:
        found, missing = _match(logs, pairs, told, account)
        _check_missing(missing, found, told, set(steady), account)
        _check_numbers(found, told, account)
    _check_status(told, account)
    return account
