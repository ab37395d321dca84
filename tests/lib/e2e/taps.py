# SPDX-License-Identifier: MIT
"""A rawtap around a few sessions, and what it left: for tests of one promise each.

    with record(dovecot, "-D") as rawtap:
        client = talk(dovecot, user)
    assert recorded(user) == transcripts(client)
    assert rawtap.status == 0

When the block ends all sessions have to be over; rawtap is stopped then.
"""

import re

import rawlogs
from differences import said
from mailclient import connect
from recorder import Rawtap
from rawlogs import wait_until

MARK = b"[rawtap: "
GAP = re.compile(rb"(\n?)\[rawtap: (\d+) bytes lost at offset (\d+): ([^]\n]*)\]\n")
REPLY = {"imap": "{word} OK NOOP completed", "pop3": said("pop3 to an unknown command"),
         "submission": "250 2.0.0 OK"}


class Tap(Rawtap):
    """A recorder; what it said of users, and what it counted."""

    @property
    def status(self):
        return self.process.returncode

    def said(self, user):
        """What rawtap said of each of the user's sessions, without whose they are."""
        return re.findall(rf"\({re.escape(user.name)}\)<\d+,[^>]*>: (.*)", self.stderr)

    def count(self, words):
        """The number in front of these words, in the summary."""
        found = re.findall(rf"(\d+) {re.escape(words)}", self.stderr)
        assert found, f"no '{words}' in:\n{self.stderr}"
        return int(found[-1])


def assert_one_line(result, status, *words):
    """It ended with this status, and said why, in one line."""
    assert result.returncode == status, result.stderr
    assert result.stderr.startswith("rawtap: error: ") and result.stderr.count("\n") == 1, \
        result.stderr
    for word in words:
        assert str(word) in result.stderr


# Users and sessions

def recorded_user(dovecot, name, **options):
    """A user who asks to be recorded."""
    user = dovecot.add_user(name, **options)
    dovecot.make_rawlog_dir(user)
    return user


def say(client, word):
    """A command that nobody else says."""
    words = ("NOOP", word) if client.protocol == "submission" else (word, "NOOP")
    client.send(" ".join(words).encode() + b"\r\n")
    client.read_until(REPLY[client.protocol].format(word=word, upper=word.upper()).encode())
    client.read_line()


def log_in(dovecot, user, protocol="imap", transport="plain", method="login", pipelined=None,
           **options):
    client = connect(dovecot, protocol, transport, user, **options)
    client.protocol = protocol
    getattr(client, method)(**({"pipelined": pipelined} if pipelined else {}))
    return client


def talk(dovecot, user, protocol="imap", transport="plain", word="word", **options):
    """A short session from its login to its end."""
    client = log_in(dovecot, user, protocol, transport, **options)
    say(client, word)
    client.logout()
    return client


# What was recorded

def files(user):
    return sorted(path.name for path in user.rawlog_dir.iterdir())


def only_pair(user):
    pair, = rawlogs.find_pairs(user.rawlog_dir)
    return pair


def recorded(user, flags=()):
    """What the user's pairs hold, in no order that means anything. A file that is not
    there (yet) counts as an empty one."""
    def content(pair, direction):
        return rawlogs.plain(pair.read(direction), flags) if direction in pair.files else b""
    return sorted((content(pair, "in"), content(pair, "out"))
                  for pair in rawlogs.find_pairs(user.rawlog_dir))


def transcripts(*clients):
    """What must have been recorded of these."""
    return sorted((client.session_in, client.session_out) for client in clients)


def login_transcripts(*clients):
    """What pre-login logs of these must hold."""
    return sorted((client.login_in, client.login_out) for client in clients)


def wait_recorded(*clients, flags=()):
    """Until that is in the files of their user; the sessions may still be open."""
    wait_until(lambda: recorded(clients[0].user, flags) == transcripts(*clients),
               "the files to hold what was said")


def split_gaps(data):
    """A file with marks of what is missing: ([(offset, bytes)], [(offset, size, reason)])."""
    pieces, gaps, offset, start = [], [], 0, 0
    for mark in GAP.finditer(data) if MARK in data else ():     # that is much faster
        at, size = int(mark[3]), int(mark[2])
        piece = data[start:mark.start()]
        if offset + len(piece) < at:        # the line end is the stream's own
            piece += mark[1]
        pieces.append((offset, piece))
        gaps.append((at, size, mark[4].decode()))
        offset, start = at + size, mark.end()
    pieces.append((offset, data[start:]))
    return pieces, gaps


def assert_same_but_for_gaps(data, transcript, what):
    """The marks stand where bytes are missing, and nothing else is. Returns the marks."""
    pieces, gaps = split_gaps(data)
    ends = [offset for offset, *_ in gaps] + [len(transcript)]
    for (offset, piece), end in zip(pieces, ends):
        rawlogs.assert_same(piece, transcript[offset:end], f"{what} from offset {offset} on")
    return gaps


def mail_pid(dovecot, user, count=1):
    return dovecot.wait_login(user, count).pid
