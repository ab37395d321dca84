# SPDX-License-Identifier: MIT
"""Login scripts: what a client does before and at its login, the same over every transport.
After its login each goes on a little: none of that may be in a pre-login log."""

import base64
import ssl
from dataclasses import dataclass
from typing import Callable

from mailclient import TRANSPORTS
from sessions import EVERY_BYTE

WRONG = base64.b64encode(b"\0nobody\0wrong")
LOGINS = []


@dataclass(frozen=True, eq=False)
class LoginScript:
    protocol: str
    name: str
    run: Callable
    transports: tuple


def login(protocol, transports=TRANSPORTS):
    def register(run):
        name = run.__name__.removeprefix(protocol + "_")
        LOGINS.append(LoginScript(protocol, name, run, transports))
        return run
    return register


imap, pop3, submission = login("imap"), login("pop3"), login("submission")
imap_tls = login("imap", ("starttls", "tls"))


def too_much(client, data):
    """The server closes before it has read all of it. (What is not read may reset the
    connection.)"""
    client.read_in_part = True
    try:
        client.send(data)
        client.read_to_end()
    except (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError):
        client.was_reset = True
    client.close()


def go_on(client):
    """What follows the login, for nobody to find in the log."""
    client.command("EHLO after.example.org" if hasattr(client, "ehlo") else "NOOP")
    client.logout()


# IMAP: ways to log in

@imap
def imap_login(client):
    client.login()
    go_on(client)


@imap
def imap_capability_id(client):
    client.command("CAPABILITY")
    client.command("ID NIL")
    client.command('ID ("name" "a client" "version" "1.0")')
    client.command("NOOP")
    client.login()
    go_on(client)


@imap
def imap_failed_logins(client):
    client.command(f"LOGIN {client.user.name} wrong", expect=b"NO")
    client.command("LOGIN nobody secret", expect=b"NO")
    client.command("AUTHENTICATE PLAIN " + WRONG.decode(), expect=b"NO")
    client.login()
    go_on(client)


@imap
def imap_login_literals(client):
    client.login_literals()
    go_on(client)


@imap
def imap_login_literals_plus(client):
    client.login_literals(synchronising=False)
    go_on(client)


@imap
def imap_authenticate_plain(client):
    client.authenticate_plain()
    go_on(client)


@imap
def imap_authenticate_initial_response(client):
    client.authenticate_plain(initial_response=True)
    go_on(client)


@imap
def imap_authenticate_login(client):
    client.authenticate_login()
    go_on(client)


@imap
def imap_authenticate_cancelled(client):
    tag = client.send_command("AUTHENTICATE PLAIN")
    client.read_continuation()
    client.send(b"*\r\n")
    client.read_reply(tag, expect=b"BAD")
    client.command("AUTHENTICATE UNKNOWN", expect=b"NO")
    client.login()
    go_on(client)


@imap
def imap_bare_lf(client):
    tag = client.next_tag()
    client.send_login(b"%s LOGIN %s %s\n" % (tag, *client._credentials()))
    client.read_reply(tag)
    go_on(client)


@imap
def imap_byte_by_byte(client):
    tag = client.next_tag()
    command = b"%s LOGIN %s %s\r\n" % (tag, *client._credentials())
    for byte in command[:-1]:
        client.send(bytes([byte]))
    client.send_login(command[-1:])
    client.read_reply(tag)
    go_on(client)


# IMAP: commands sent together

@imap
def imap_pipelined_before(client):
    client.send(b"p1 CAPABILITY\r\np2 NOOP\r\np3 ID NIL\r\n")
    client.read_reply(b"p3")
    client.login()
    go_on(client)


@imap
def imap_pipelined_after(client):
    client.login(pipelined=b"p1 NOOP\r\np2 CAPABILITY\r\n")
    client.read_reply(b"p2")
    go_on(client)


@imap
def imap_pipelined_after_cut(client):
    client.login(pipelined=b"p1 NOOP\r\np2 CAPABI")
    client.read_reply(b"p1")
    client.send(b"LITY\r\n")
    client.read_reply(b"p2")
    go_on(client)


@imap
def imap_pipelined_after_authenticate(client):
    client.authenticate_plain(pipelined=b"p1 NOOP\r\n")
    client.read_reply(b"p1")
    go_on(client)


# IMAP: no login at all

@imap
def imap_nothing_said(client):
    client.close()


@imap
def imap_logout(client):
    client.logout()


@imap
def imap_close(client):
    client.command("CAPABILITY")
    client.close()


@imap
def imap_close_in_authenticate(client):
    client.send_command("AUTHENTICATE PLAIN")
    client.read_continuation()
    client.close()


@imap
def imap_close_in_literal(client):
    client.send_command("LOGIN {5}")
    client.read_continuation()
    client.send(b"ab")
    client.wait_received()
    client.close()


@imap
def imap_reset(client):
    client.command("NOOP")
    client.send(b"p1 unfinished")
    client.wait_received()
    client.reset()


@imap
def imap_half_close(client):
    client.send(b"p1 CAPABILITY\r\n")
    client.read_reply(b"p1")
    client.half_close()
    client.read_to_end()
    client.close()


@imap
def imap_junk(client):
    """Bad commands, until it is thrown out."""
    client.send(EVERY_BYTE + b"\r\n")
    client.send(b"\r\nGET / HTTP/1.0\r\n\r\n")
    client.read_to_end()
    client.close()


@imap
def imap_junk_then_login(client):
    client.send(b"\x00\xff\x80 \x01\r\n")
    client.read_until(b"BAD Error in IMAP command received by server.\r\n")
    client.login()
    go_on(client)


@imap
def imap_long_line(client):
    """Longer than it takes."""
    too_much(client, b"p1 NOOP " + b"x" * 100_000 + b"\r\n")


@imap
def imap_long_line_cut(client):
    client.send(b"p1 " + b"x" * 700)
    client.wait_received()
    client.close()


@imap
def imap_long_id(client):
    """Many reads for one command."""
    values = " ".join(f'"key{i}" "{"v" * 900}"' for i in range(20))
    client.command(f"ID ({values})")
    client.login()
    go_on(client)


@imap_tls
def imap_starttls_again(client):
    client.command("STARTTLS", expect=b"BAD")
    client.login()
    go_on(client)


# POP3

@pop3
def pop3_user_pass(client):
    client.login()
    go_on(client)


@pop3
def pop3_capa(client):
    client.multiline("CAPA")
    client.login()
    go_on(client)


@pop3
def pop3_failed_logins(client):
    client.command(f"USER {client.user.name}")
    client.command("PASS wrong", expect=b"-ERR")
    client.command("AUTH PLAIN " + WRONG.decode(), expect=b"-ERR")
    client.login()
    go_on(client)


@pop3
def pop3_apop(client):
    client.apop()
    go_on(client)


@pop3
def pop3_auth_plain(client):
    client.auth_plain()
    go_on(client)


@pop3
def pop3_auth_plain_initial_response(client):
    client.auth_plain(initial_response=True)
    go_on(client)


@pop3
def pop3_auth_login(client):
    client.command("AUTH LOGIN", expect=b"+ ")
    client.command(base64.b64encode(client.user.name.encode()), expect=b"+ ")
    client.send_login(base64.b64encode(client.user.password.encode()) + b"\r\n")
    client.read_reply()
    go_on(client)


@pop3
def pop3_auth_cancelled(client):
    client.command("AUTH PLAIN", expect=b"+ ")
    client.command("*", expect=b"-ERR")
    client.login()
    go_on(client)


@pop3
def pop3_pipelined(client):
    """The name and the password together, and what follows as well."""
    client.send(f"CAPA\r\nUSER {client.user.name}\r\n".encode())
    client.read_until(b"\r\n.\r\n")
    client.read_reply()
    client.send_login(f"PASS {client.user.password}\r\n".encode(), b"STAT\r\nUIDL ")
    client.read_reply()
    client.read_reply()
    client.send(b"1\r\n")
    client.read_reply(b"-ERR")
    go_on(client)


@pop3
def pop3_byte_by_byte(client):
    client.command(f"USER {client.user.name}")
    command = f"PASS {client.user.password}\r\n".encode()
    for byte in command[:-1]:
        client.send(bytes([byte]))
    client.send_login(command[-1:])
    client.read_reply()
    go_on(client)


@pop3
def pop3_nothing_said(client):
    client.close()


@pop3
def pop3_quit(client):
    client.logout()


@pop3
def pop3_close(client):
    client.command("USER somebody")
    client.close()


@pop3
def pop3_junk(client):
    client.send(EVERY_BYTE + b"\r\n" + b"GET / HTTP/1.0\r\n\r\n\r\n")
    client.read_to_end()
    client.close()


@pop3
def pop3_long_line(client):
    too_much(client, b"x" * 100_000 + b"\r\n")


# Submission

@submission
def submission_auth(client):
    client.login()
    go_on(client)


@submission
def submission_auth_plain(client):
    client.auth_plain()
    go_on(client)


@submission
def submission_auth_login(client):
    client.auth_login()
    go_on(client)


@submission
def submission_failed_auth(client):
    client.ehlo()
    client.command(b"AUTH PLAIN " + WRONG, expect=b"535")
    client.command("AUTH LOGIN", expect=b"334")
    client.command("*", expect=b"501")
    client.command("AUTH UNKNOWN", expect=b"504")
    client.login()
    go_on(client)


@submission
def submission_commands(client):
    client.command("HELO client.example.org")
    client.command("NOOP")
    client.command("RSET")
    client.command("VRFY somebody", expect=b"5")
    client.command("UNKNOWN", expect=b"5")
    client.command("MAIL FROM:<a@example.org>", expect=b"5")
    client.login()
    go_on(client)


@submission
def submission_pipelined(client):
    client.send(b"EHLO one.example.org\r\nNOOP\r\n")
    client.read_reply()
    client.read_reply()
    client.login(pipelined=b"EHLO two.example.org\r\n")
    client.read_reply()
    go_on(client)


@submission
def submission_nothing_said(client):
    client.close()


@submission
def submission_quit(client):
    client.logout()


@submission
def submission_close_in_auth(client):
    client.ehlo()
    client.command("AUTH PLAIN", expect=b"334")
    client.close()


@submission
def submission_junk(client):
    client.send(EVERY_BYTE + b"\r\n" + b"GET / HTTP/1.0\r\n" * 20)
    client.read_to_end()
    client.close()


@submission
def submission_long_line(client):
    client.command(b"EHLO " + b"x" * 100_000, expect=b"5")
    client.logout()
