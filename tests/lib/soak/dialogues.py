# SPDX-License-Identifier: MIT
"""Clients: what each does follows from the seed and its number. They keep their transcripts, and
say words that nobody else says (referee.py), each with its number.

A dialogue is a list of steps, each of which ends with the server's answer to all that was sent,
and then an ending. The steps and the endings are tables.
"""

import itertools
import random
import socket
import threading
from dataclasses import dataclass, replace

import mailclient
import smtppeers
from mailclient import ProtocolError, trusting_context
from private_dovecot import make_message
from soak.referee import Log, Said

WORD = "q{:07}q"        # long enough not to be in something random
TCP_REPAIR = 19         # linux/tcp.h: a socket that is closed in this mode tells the other nothing
LARGE = 400_000
IDLE_CLIENTS = 1_000_000        # their numbers begin there
TRANSPORTS = {"imap": ("plain", "starttls", "tls"), "pop3": ("plain", "starttls", "tls"),
              "submission": ("plain", "starttls", "tls"),
              "lmtp": ("plain", "starttls", "tls", "unix")}
PROTOCOLS = {"imap": 8, "pop3": 4, "lmtp": 3, "submission": 2}      # how often
CONTEXT = trusting_context()


@dataclass
class Play:
    """One client, and what is known of its connection."""
    world: object
    number: int
    rng: random.Random
    protocol: str
    transport: str
    user: object
    ending: str = ""
    client: mailclient.Connection | None = None
    refused: bool = False       # nobody listened
    logging_in: bool = False
    logged_in: bool = False
    answered: int = 0           # of what was sent, Dovecot has read so much
    complete: bool = False      # it ended the session at the client's request
    error: str = ""
    words: int = 0

    def word(self):
        self.words += 1
        return f"{self.prefix}{self.words}"

    @property
    def prefix(self):
        return WORD.format(self.number)

    def mark(self):
        """All that was sent is answered."""
        self.answered = len(self.client.sent)

    def mail(self, size):
        return f"Subject: {self.word()}\r\n\r\n".encode() + make_message(size)

    def describe(self):
        sizes = f"sent {len(self.client.sent)}, {self.answered} of it answered, received " \
                f"{len(self.client.received)}" if self.client else "no greeting"
        return f"{self.protocol} {self.transport}, {self.user.name}, {self.ending} {self.error}: {sizes}"

    @property
    def plain(self):
        return self.client.tls_start is None


def choose(rng, weights):
    return rng.choices(list(weights), list(weights.values()))[0]


# Steps

def imap_noop(play):
    play.client.command("NOOP")


def imap_unknown(play):
    play.client.command(play.word(), expect=b"BAD")


def imap_list(play):
    play.client.command('LIST "" *')


def imap_fetch(play):
    play.client.command("SELECT INBOX")
    play.client.command("UID FETCH 1 BODY[]")


def imap_fetch_large(play):
    play.client.command("SELECT INBOX")
    play.client.command("UID FETCH 2 BODY[]")


def imap_append(play):
    tag = play.client.next_tag()
    message = play.mail(play.rng.randrange(100, 5000))
    play.client.send(b"%s APPEND Saved {%d+}\r\n%s\r\n" % (tag, len(message), message))
    play.client.read_reply(tag)


def imap_append_large(play):
    """Dovecot reads it all, and keeps nothing: there is no such mailbox. It says so before it reads the
    message, so that alone does not mean that it has."""
    tag = play.client.next_tag()
    message = play.mail(play.rng.randrange(50_000, LARGE))
    play.client.send(b"%s APPEND none {%d+}\r\n%s\r\n" % (tag, len(message), message))
    play.client.read_reply(tag, b"NO")
    play.client.command("NOOP")


def imap_idle(play):
    play.client.command("SELECT INBOX")
    tag = play.client.start_idle()
    play.world.over.wait(play.rng.uniform(0, 1))
    play.client.done(tag)


def pop3_noop(play):
    play.client.command(play.word(), expect=b"-ERR Unknown command")


def pop3_stat(play):
    play.client.command("STAT")
    play.client.multiline("LIST")


def pop3_retr(play):
    play.client.multiline("RETR 1")


def pop3_retr_large(play):
    play.client.multiline("RETR 2")


def smtp_noop(play):
    play.client.command(f"NOOP {play.word()}")


def smtp_rset(play):
    play.client.command("RSET")


def lmtp_mail(play):
    play.client.send_mail(["post"], play.mail(play.rng.randrange(100, 5000)),
                          sender=f"{play.word()}@example.org")


def lmtp_mail_large(play):
    play.client.send_mail(["post"], play.mail(LARGE), sender=f"{play.word()}@example.org")


def lmtp_bdat(play):
    play.client.envelope(["post"], sender=f"{play.word()}@example.org")
    play.client.bdat(play.mail(1000), play.mail(2000))


# (step, how often)
STEPS = {
    "imap": {imap_noop: 4, imap_unknown: 2, imap_list: 2, imap_fetch: 3, imap_fetch_large: 1,
             imap_append: 2, imap_append_large: 1, imap_idle: 1},
    "pop3": {pop3_noop: 4, pop3_stat: 2, pop3_retr: 3, pop3_retr_large: 1},
    "submission": {smtp_noop: 4, smtp_rset: 1},
    "lmtp": {smtp_noop: 2, smtp_rset: 1, lmtp_mail: 4, lmtp_mail_large: 1, lmtp_bdat: 2},
}


# Endings

def log_out(play):
    """To the end of the connection."""
    client = play.client
    if play.protocol in ("imap", "pop3"):
        client.command("LOGOUT" if play.protocol == "imap" else "QUIT")
    else:
        client.command("QUIT", expect=b"221")
    play.mark()
    play.complete = True
    client.read_to_end()
    client.close()


def close(play):
    play.client.close()


def reset(play):
    play.client.reset()


def reset_in_a_line(play):
    play.client.send(play.word().encode())
    play.client.reset()


def reset_in_a_reply(play):
    if play.protocol == "imap":
        play.client.send_command("UID FETCH 2 BODY[]")
    elif play.protocol == "pop3":
        play.client.send_command("RETR 2")
    else:
        play.client.send(f"NOOP {play.word()}\r\n".encode())
    play.client.read_bytes(5)
    play.client.reset()


def close_in_a_line(play):
    play.client.send(b"x" * play.rng.randrange(3000))
    play.client.close()


def half_close(play):
    words = [play.word(), "NOOP"]       # in this order IMAP's, and nothing of POP3's
    if play.protocol in ("lmtp", "submission"):
        words.reverse()
    play.client.send(" ".join(words).encode() + b"\r\n")
    if play.protocol == "submission":       # else Dovecot waits for its relay, and forgets the client
        play.client.read_reply()
    play.client.half_close()
    play.client.read_to_end()
    play.client.close()


def vanish(play):
    """Not even a FIN."""
    if play.transport != "unix":
        socket.socket.setsockopt(play.client.socket, socket.IPPROTO_TCP, TCP_REPAIR, 1)
    play.client.socket.close()


ENDINGS = {log_out: 12, close: 2, reset: 2, reset_in_a_line: 2, reset_in_a_reply: 2,
           close_in_a_line: 2, half_close: 2, vanish: 1}


# A client's life

def _wrap(raw):
    return CONTEXT.wrap_socket(raw)


def _connect(play):
    dovecot, tls = play.world.dovecot, play.transport == "tls"
    options = {"tls": tls, "wrap": _wrap}
    if play.protocol == "lmtp":
        unix = play.transport == "unix"
        address = (dovecot.base_dir / "lmtp", None) if unix else (
            "127.0.0.1", dovecot.ports["lmtps" if tls else "lmtp"])
        play.client = smtppeers.SmtpClient(*address, hello="LHLO", name=f"{play.prefix}.example",
                                           **options)
    else:
        port = dovecot.ports[play.protocol + "s" * tls]
        play.client = mailclient.CLIENTS[play.protocol](play.user, "127.0.0.1", port, **options)
        play.client.tag_prefix = play.prefix.encode()


def _open(play):
    _connect(play)
    if play.protocol == "lmtp":
        play.client.greet()
    elif play.protocol == "pop3":       # IMAP has its tags
        play.client.command(play.word(), expect=b"-ERR Unknown command")
    elif play.protocol == "submission":
        play.client.command(f"NOOP {play.word()}")
    play.mark()
    if play.transport == "starttls":
        play.client.starttls()
        play.mark()
    if play.protocol == "lmtp":
        if play.transport == "starttls":
            play.client.greet()
    else:
        play.logging_in = True
        play.client.login()
        play.logged_in = True
    play.mark()


def _perform(play):
    rng = play.rng
    _open(play)
    if play.number >= IDLE_CLIENTS:
        play.client.command("SELECT INBOX")
        while not play.world.over.is_set():
            imap_noop(play)
            _idle(play)
            play.mark()
        log_out(play)
        return
    for _ in range(rng.randrange(6)):
        choose(rng, STEPS[play.protocol])(play)
        play.mark()
        play.world.over.wait(rng.uniform(0, 0.05))
    ending = choose(rng, ENDINGS)
    play.ending = ending.__name__
    if ending is reset_in_a_reply and play.protocol == "imap":
        play.client.command("SELECT INBOX")
        play.mark()
    ending(play)


def _idle(play):
    tag = play.client.start_idle()
    play.world.over.wait(play.rng.uniform(1, 8))
    play.client.done(tag)


def perform(world, seed, number):
    """One client, whatever happens to its connection."""
    rng = random.Random(f"{seed} client {number}")
    protocol = "imap" if number >= IDLE_CLIENTS else choose(rng, PROTOCOLS)
    play = Play(world, number, rng, protocol, rng.choice(TRANSPORTS[protocol]),
                rng.choice(world.users))
    try:
        _perform(play)
    except (ConnectionRefusedError, FileNotFoundError) as error:
        play.refused = play.client is None
        play.error = repr(error)
    except (ProtocolError, OSError) as error:
        play.error = repr(error)
    finally:
        if play.client:
            play.client.socket.close()
    return play


# What its files must hold

def _sent(play, text, begin):
    """The text that it sent from this offset on."""
    return Said(text, min(len(text), max(0, play.answered - begin)))


def _received(play, text, to_the_end=True):
    known = not to_the_end or play.complete or (play.plain and play.client.ended)
    return Said(text, len(text), more=not known)


def _perhaps(text=b""):
    """There may have been a process that had this."""
    return Said(text, 0), Said(b"", 0, more=True)


def logs_of(play):
    """[Log]"""
    if play.refused:
        return []
    if play.client is None:
        traffic = "lmtp" if play.protocol == "lmtp" else "login"
        return list(_logs(play, traffic, *_perhaps(), required=False))
    return list(_lmtp_logs(play) if play.protocol == "lmtp" else _mail_logs(play))


def _mail_logs(play):
    client = play.client
    if play.logged_in:
        yield from _login_log(play, _sent(play, client.login_in, 0),
                              _received(play, client.login_out, to_the_end=False))
        yield from _logs(play, "mail", _sent(play, client.session_in, len(client.login_in)),
                         _received(play, client.session_out))
        return
    sent, received = _sent(play, bytes(client.sent), 0), _received(play, bytes(client.received))
    if play.logging_in:
        # Perhaps the login process handed it over before somebody ended, and had it back then: that
        # is another log.
        before = client.login_out
        yield from _login_log(play, sent, replace(received, least=len(before)))
        yield from _logs(play, "login", Said(b"", 0), Said(received.text[len(before):], 0, more=True),
                         required=False, part=1)
        yield from _logs(play, "mail", *_perhaps(), required=False)
    else:
        yield from _login_log(play, sent, received)


def _login_log(play, *said):
    return _logs(play, "login", *said, required=bool(said[1].text))


def _lmtp_logs(play):
    begin, last = 0, len(play.client.pairs) - 1
    for number, (sent, received) in enumerate(play.client.pairs):
        yield from _logs(play, "lmtp", _sent(play, sent, begin),
                         _received(play, received, number == last), bool(received), number)
        begin += len(sent)


def _logs(play, traffic, said_in, said_out, required=True, part=0):
    for mode, place in play.world.places_of(traffic, play.user):
        yield Log(play.number, traffic, mode, place, (said_in, said_out), required, part)


class Clients:
    """Plays clients, each in a thread, and remembers them."""

    def __init__(self, world, seed):
        self.world, self.seed = world, seed
        self.plays = []
        self._threads = []
        self._next = 0
        self._lock = threading.Lock()

    def number(self):
        with self._lock:
            self._next += 1
            return self._next

    def one(self, number=None):
        play = perform(self.world, self.seed, number or self.number())
        with self._lock:
            self.plays.append(play)
        if play.refused:        # there is no master
            self.world.over.wait(0.1)

    def start(self, function, *arguments):
        thread = threading.Thread(target=function, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def burst(self, count):
        for _ in range(count):
            self.start(self.one, self.number())

    def work(self, numbers=None):
        """One client after the other."""
        while not self.world.over.is_set():
            self.one(next(numbers) if numbers else None)

    def idle(self, count):
        """Clients that stay as long as they are let; then others come."""
        for first in range(count):
            self.start(self.work, itertools.count(IDLE_CLIENTS + first, count))

    def join(self, timeout):
        for thread in self._threads:
            thread.join(timeout)
            if thread.is_alive():
                raise RuntimeError("a client hangs")
