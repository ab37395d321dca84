# SPDX-License-Identifier: MIT
"""Session scripts: what a client does from the login on, the same over every transport."""

from dataclasses import dataclass
from typing import Callable

from private_dovecot import make_message

SMALL = 3000
LARGE = 10_000_000
EVERY_BYTE = bytes(range(256))
SCRIPTS = []


@dataclass(frozen=True, eq=False)
class Script:
    protocol: str
    name: str
    run: Callable
    mails: tuple            # what is in the INBOX before: (size, stored with CRLF)
    options: dict           # of the client's connection


def session(protocol, *mails, scripts=SCRIPTS, **options):
    def register(run):
        scripts.append(Script(protocol, run.__name__, run, mails, options))
        return run
    return register


def imap(*mails, **options):
    return session("imap", *mails, **options)


def pop3(*mails, **options):
    return session("pop3", *mails, **options)


# IMAP: ways to log in

@imap()
def login(client):
    client.login()
    client.command("NOOP")
    client.logout()


@imap()
def login_literals(client):
    client.login_literals()
    client.logout()


@imap()
def login_literals_plus(client):
    client.login_literals(synchronising=False)
    client.logout()


@imap()
def authenticate_plain(client):
    client.authenticate_plain()
    client.logout()


@imap()
def authenticate_initial_response(client):
    client.authenticate_plain(initial_response=True)
    client.logout()


@imap()
def capability_before_login(client):
    """The login is answered by two lines then."""
    client.command("CAPABILITY")
    client.login()
    client.logout()


@imap()
def failed_login_first(client):
    client.command(f"LOGIN {client.user.name} wrong", expect=b"NO")
    client.login()
    client.logout()


@imap()
def empty(client):
    client.login()
    client.close()


# IMAP: commands sent together

@imap()
def pipelined(client):
    client.login()
    client.send(b"".join(b"p%d NOOP\r\n" % i for i in range(50)))
    client.read_reply(b"p49")
    client.logout()


@imap()
def pipelined_with_login(client):
    client.login(pipelined=b"p1 NOOP\r\np2 CAPABILITY\r\n")
    client.read_reply(b"p2")
    client.logout()


@imap()
def pipelined_with_login_cut(client):
    client.login(pipelined=b"p1 NOOP\r\np2 CAPABI")
    client.read_reply(b"p1")
    client.send(b"LITY\r\n")
    client.read_reply(b"p2")
    client.logout()


@imap()
def pipelined_with_authenticate(client):
    client.authenticate_plain(initial_response=True, pipelined=b"p1 NOOP\r\n")
    client.read_reply(b"p1")
    client.logout()


@imap()
def pipelined_with_login_much(client):
    """More than the login process reads."""
    client.login(pipelined=b"".join(b"p%d NOOP\r\n" % i for i in range(500)))
    client.read_reply(b"p499")
    client.logout()


@imap()
def byte_by_byte(client):
    client.login()
    for byte in b"p1 NOOP\r\n":
        client.send(bytes([byte]))
    client.read_reply(b"p1")
    client.logout()


@imap()
def cut_command(client):
    """Two reads for certain: the reply to the first half is waited for."""
    client.login()
    client.send(b"p1 NOOP\r\np2 NO")
    client.read_reply(b"p1")
    client.send(b"OP\r\np3 NOOP\r\n")
    client.read_reply(b"p3")
    client.logout()


@imap()
def bare_lf(client):
    client.login()
    client.send(b"p1 NOOP\np2 NOOP\n")
    client.read_reply(b"p2")
    client.logout()


@imap()
def bytes_after_logout(client):
    client.login()
    client.send(b"p1 LOGOUT\r\np2 NOOP\r\np3 unfinished")
    client.read_reply(b"p1")
    client.read_to_end()
    client.close()


# IMAP: mails

@imap((SMALL, False), (SMALL, True))
def fetch_parts(client):
    client.login()
    client.command("SELECT INBOX")
    client.command("FETCH 1:* (FLAGS ENVELOPE BODY.PEEK[HEADER] BODY[TEXT])")
    client.command("FETCH 1:* BODY.PEEK[]<100.500>")
    client.command("STORE 1 +FLAGS (\\Deleted)")
    client.command("EXPUNGE")
    client.logout()


def fetch_first(client):
    client.login()
    client.command("SELECT INBOX")
    client.command("FETCH 1 BODY[]")
    client.logout()


@imap((LARGE, False))
def fetch_large(client):
    fetch_first(client)


@imap((LARGE, True))
def fetch_large_stored_with_crlf(client):
    fetch_first(client)


@imap((1_000_000, True), receive_buffer=4096)
def fetch_slowly_stored_with_crlf(client):
    client.read_size = 1500
    fetch_first(client)


@imap((1_000_000, False), receive_buffer=4096)
def fetch_slowly(client):
    """The server's writes are cut: its socket has no room for them."""
    client.read_size = 1500
    fetch_first(client)


@imap()
def append_large(client):
    client.login()
    client.append(make_message(LARGE))
    client.logout()


@imap()
def append_large_literal_plus(client):
    client.login()
    client.append(make_message(LARGE), synchronising=False)
    client.logout()


@imap()
def append_every_byte(client):
    client.login()
    client.append(b"Subject: every byte\r\n\r\n" + EVERY_BYTE * 4)
    client.logout()


@imap((SMALL, False))
def idle(client):
    client.login()
    client.command("SELECT INBOX")
    tag = client.start_idle()
    client.dovecot.deliver(client.user, make_message(SMALL))
    client.read_until(b"* 2 EXISTS\r\n")
    client.done(tag)
    client.logout()


# IMAP: what should not happen

@imap()
def every_byte(client):
    client.login()
    client.send(EVERY_BYTE + b"\r\n")
    client.command("NOOP")
    client.logout()


@imap()
def long_line_cut(client):
    client.login()
    client.send(b"p1 " + b"x" * 50_000)
    client.wait_received()
    client.close()


@imap()
def too_long_line(client):
    client.login()
    client.command("SELECT " + "x" * 200_000, expect=b"BAD")
    client.logout()


@imap((LARGE, False))
def reset_in_fetch(client):
    client.login()
    client.command("SELECT INBOX")
    client.send_command("FETCH 1 BODY[]")
    client.read_bytes(100_000)
    client.reset()


@imap((LARGE, True))
def reset_in_fetch_stored_with_crlf(client):
    reset_in_fetch(client)


@imap()
def close_in_append(client):
    client.login()
    client.start_append(100_000)
    client.send(make_message(50_000))
    client.close()


@imap()
def reset_in_append(client):
    client.login()
    client.start_append(100_000)
    client.send(make_message(50_000))
    client.wait_received()
    client.reset()


@imap()
def urgent_bytes(client):
    client.login()
    client.send_urgent(b"!")
    client.command("NOOP")
    client.send(b"u1 NO")
    client.send_urgent(b"!")
    client.send(b"OP\r\n")
    client.read_until(b"u1 OK NOOP completed")
    client.read_line()
    client.command("NOOP")
    client.logout()


@imap((SMALL, False))
def half_close(client):
    client.login()
    client.send(b"p1 SELECT INBOX\r\np2 FETCH 1 BODY[]\r\n")
    client.half_close()
    client.read_to_end()
    client.close()


# POP3

@pop3()
def user_pass(client):
    client.login()
    client.command("NOOP")
    client.logout()


@pop3()
def apop(client):
    client.apop()
    client.logout()


@pop3()
def auth_plain(client):
    client.auth_plain()
    client.logout()


@pop3()
def auth_plain_initial_response(client):
    client.auth_plain(initial_response=True)
    client.logout()


@pop3()
def empty_pop3(client):
    client.login()
    client.close()


@pop3((SMALL, False), (SMALL, True))
def every_command(client):
    client.login()
    client.command("STAT")
    client.multiline("LIST")
    client.command("LIST 2")
    client.multiline("UIDL")
    client.multiline("TOP 1 5")
    client.multiline("RETR 2")
    client.multiline("CAPA")
    client.command("DELE 1")
    client.command("RSET")
    client.command("DELE 2")
    client.logout()


@pop3((LARGE, False))
def retr_large(client):
    client.login()
    client.multiline("RETR 1")
    client.logout()


@pop3((LARGE, True))
def retr_large_crlf(client):
    retr_large(client)


@pop3((1_000_000, False), receive_buffer=4096)
def retr_slowly(client):
    client.read_size = 1500
    retr_large(client)


@pop3((SMALL, False))
def pipelined_pop3(client):
    client.login()
    client.send(b"STAT\r\n" * 50)
    for _ in range(50):
        client.read_reply()
    client.logout()


@pop3((SMALL, False))
def pipelined_with_pass(client):
    client.login(pipelined=b"STAT\r\nNOOP\r\n")
    client.read_reply()
    client.read_reply()
    client.logout()


@pop3((SMALL, False))
def pipelined_with_pass_cut(client):
    client.login(pipelined=b"STAT\r\nUIDL ")
    client.read_reply()
    client.send(b"1\r\n")
    client.read_reply()
    client.logout()


@pop3()
def every_byte_pop3(client):
    client.login()
    client.send(EVERY_BYTE + b"\r\n")
    client.read_reply(b"-ERR")
    client.read_reply(b"-ERR")
    client.logout()


@pop3()
def long_line_cut_pop3(client):
    client.login()
    client.send(b"x" * 500)
    client.wait_received()
    client.close()


@pop3((LARGE, False))
def reset_in_retr(client):
    client.login()
    client.send_command("RETR 1")
    client.read_bytes(100_000)
    client.reset()


@pop3((SMALL, False))
def half_close_pop3(client):
    client.login()
    client.send(b"STAT\r\nRETR 1\r\n")
    client.half_close()
    client.read_to_end()
    client.close()
