# SPDX-License-Identifier: MIT
"""LMTP session scripts: what a client does once it is connected (and has started TLS)."""

from dataclasses import dataclass
from typing import Callable

from private_dovecot import make_message
from smtppeers import stuff

ALICE, BOB = "alice@example.org", "bob@example.org"
NOBODY = ("nobody@example.org", b"550")
TRANSPORTS = ("plain", "starttls", "tls", "unix")
EVERY_BYTE = bytes(range(256))
LARGE = 1_000_000
SCRIPTS = []


@dataclass(frozen=True, eq=False)
class Script:
    name: str
    run: Callable
    transports: tuple


@dataclass(frozen=True)
class Case:
    script: Script
    transport: str

    def __str__(self):
        return f"{self.transport}-{self.script.name}"


def session(*transports):
    def register(run):
        SCRIPTS.append(Script(run.__name__, run, transports or TRANSPORTS))
        return run
    return register


@session()
def data(client):
    client.greet()
    client.send_mail([ALICE], make_message(1000))
    client.quit()


@session()
def several_recipients(client):
    client.greet()
    client.send_mail([ALICE, NOBODY, BOB], make_message(500), replies=2)
    client.quit()


@session()
def rejected(client):
    client.greet()
    client.envelope([NOBODY])
    client.command("DATA", expect=b"503")
    client.quit()


@session()
def many_mails(client):
    client.greet()
    for number in range(1, 6):
        client.send_mail([ALICE, BOB][number % 2:], make_message(number * 100),
                         replies=2 - number % 2)
        client.command("RSET")
    client.quit()


@session()
def bdat(client):
    """No chunk need end in a line end: the next command goes on in the same line of the log."""
    client.greet()
    client.envelope([ALICE])
    client.bdat(b"Subject: chunks\r\n", b"\r\nabc", b"def", b"ghi\r\n")
    client.envelope([BOB])
    client.bdat(b"Subject: one\n\nno line end")
    client.quit()


@session()
def dots_and_every_byte(client):
    client.greet()
    lines = b"Subject: dots\r\n\r\n.\r\n..\r\n.begins so\r\n"
    client.send_mail([ALICE], lines + b"x" + EVERY_BYTE.replace(b"\r\n", b"") + b"\r\n")
    client.envelope([ALICE])
    client.bdat(b"Subject: bytes\r\n\r\n" + EVERY_BYTE * 4)
    client.quit()


@session()
def large(client):
    client.greet()
    client.send_mail([ALICE], make_message(LARGE))
    client.envelope([BOB])
    client.bdat(make_message(LARGE), make_message(1000))
    client.quit()


@session()
def pipelined(client):
    client.greet()
    client.send(b"MAIL FROM:<a@example.org>\r\nRCPT TO:<%s>\r\nRCPT TO:<%s>\r\nDATA\r\n"
                % (ALICE.encode(), BOB.encode()))
    for expect in (b"250", b"250", b"250", b"354"):
        client.read_reply(expect)
    client.send(stuff(make_message(300)) + b".\r\nNOOP\r\nQUIT\r\n")
    for expect in (b"250", b"250", b"250", b"221"):
        client.read_reply(expect)
    client.read_to_end()
    client.close()


@session()
def byte_by_byte(client):
    for byte in b"LHLO slow\r\nNOOP\r\n":
        client.send(bytes([byte]))
    client.read_reply()
    client.read_reply()
    client.quit()


@session()
def cut_lines(client):
    client.greet()
    client.send(b"NOOP\r\nMAIL FR")
    client.read_reply()
    client.send(b"OM:<>\r\nRSET\n")
    client.read_reply()
    client.read_reply()
    client.quit()


@session()
def every_command(client):
    client.greet()
    client.command("VRFY alice", expect=b"252")
    client.command("NOOP")
    client.command("HELP", expect=b"5")
    client.command("EHLO x", expect=b"5")
    client.quit()


@session("plain", "starttls", "tls")
def xclient(client):
    """Greeted anew. (A unix socket has no address that could be trusted.)"""
    client.greet()
    client.command("XCLIENT ADDR=192.0.2.1 PORT=4711", expect=b"220")
    client.command("LHLO after-xclient")
    client.quit()


@session()
def errors(client):
    client.greet()
    client.command(b"\x00\x01 \xff", expect=b"500")
    client.command("NOOP " + "x" * 9000, expect=b"500")
    client.quit()


@session()
def nothing_said(client):
    client.close()


@session()
def only_quit(client):
    client.quit()


@session()
def close_in_data(client):
    client.greet()
    client.envelope([ALICE])
    client.command("DATA", expect=b"354")
    client.send(make_message(50_000))
    client.close()


@session()
def close_in_bdat(client):
    client.greet()
    client.envelope([ALICE])
    client.send(b"BDAT 100000 LAST\r\n" + make_message(50_000))
    client.close()


@session()
def close_in_line(client):
    client.greet()
    client.send(b"MAIL FROM:<unfin")
    client.close()


@session("plain", "unix")
def starttls_and_close(client):
    """Dovecot begins a pair with its 220, whatever comes then."""
    client.greet()
    client.begin_starttls()
    client.close()


@session("plain", "unix")
def starttls_and_no_tls(client):
    client.greet()
    client.begin_starttls()
    client.socket.sendall(b"NOOP\r\n")      # is no plain text of TLS's,
    while client.socket.recv(100):          # nor is the alert that 2.4 answers with
        pass
    client.ended = True
    client.close()


@session("plain")
def reset_in_data(client):
    client.greet()
    client.envelope([ALICE])
    client.command("DATA", expect=b"354")
    client.send(make_message(50_000))
    client.wait_received()
    client.reset()


@session("plain", "unix")
def half_close(client):
    client.greet()
    client.send(b"MAIL FROM:<>\r\nRCPT TO:<%s>\r\nNOOP\r\n" % ALICE.encode())
    client.half_close()
    client.read_to_end()
    client.close()


CASES = [Case(script, transport) for script in SCRIPTS for transport in script.transports]
