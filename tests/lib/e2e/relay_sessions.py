# SPDX-License-Identifier: MIT
"""Submission session scripts, and the relays that they are played with: what a client does once
it is connected (and has started TLS)."""

from dataclasses import dataclass, field

from private_dovecot import make_message
from smtppeers import Faults, stuff

FRIEND, OTHER = "friend@far.example", "other@far.example"
LARGE = 1_000_000
SCRIPTS = []


@dataclass(frozen=True)
class Relay:
    """A relay, and the settings for who uses it."""
    tls: str | None = None
    server: dict = field(default_factory=dict)
    settings: dict = field(default_factory=dict)


AUTH = {"submission_relay_user": "relayuser", "submission_relay_password": "relaypassword"}


def faulty(tls=None, **faults):
    return Relay(tls, {"faults": Faults(**faults)})


RELAYS = {
    "plain": Relay(),
    "starttls": Relay("starttls"),
    "smtps": Relay("implicit"),
    "auth": Relay(None, {"extra": ["AUTH PLAIN"]}, AUTH),
    "auth-smtps": Relay("implicit", {"extra": ["AUTH PLAIN LOGIN"]}, AUTH),
    "xclient": Relay(None, {"extra": ["XCLIENT ADDR PORT PROTO HELO LOGIN"]},
                     {"submission_relay_trusted": "yes"}),
    "no-chunking": Relay(None, {"lacks": ["CHUNKING"]}),
    # Dovecot connects when it has to.
    "lazy": Relay("starttls", {}, {"submission_backend_capabilities": "CHUNKING,8BITMIME"}),
    "slow": faulty("starttls", byte_by_byte=True),
    "refuses-auth": Relay(None, {"extra": ["AUTH PLAIN"],
                                 "faults": Faults(replies={"AUTH": b"535 5.7.8 No"})}, AUTH),
    "refuses-mail": faulty("implicit", replies={".": b"554 5.6.0 No such mail"}),
    "refuses-rcpt": faulty(replies={"RCPT": b"550 5.1.1 Nobody here"}),
    "refuses-starttls": faulty("starttls", replies={"STARTTLS": b"454 4.7.0 No"}),
    "closes-at-once": faulty(close_at="greeting"),
    "closes-at-end": faulty(close_at="."),
    "closes-at-end-smtps": faulty("implicit", close_at="."),
    "resets-at-rcpt": faulty(reset_at="RCPT"),
    "closes-in-handshake": faulty("starttls", close_at="handshake"),
    "closes-in-handshake-smtps": faulty("implicit", close_at="handshake"),
    "garbage-smtps": faulty("implicit", garbage=True),
    "untrusted": Relay("starttls", {}, {"submission_relay_ssl_verify": "yes"}),
    "nobody-listens": Relay(),
}
WORKING = ("plain", "starttls", "smtps", "auth", "auth-smtps", "xclient", "no-chunking", "lazy",
           "slow")
# Dovecot still says QUIT then, which this relay does not read.
LEAVES = ("closes", "resets")
BYE = b"221 2.0.0 Bye\r\n"


# Sessions: from the login on

def session(*relays, transports=("plain",), abrupt=False):
    """abrupt: Dovecot does not read what the relay says to its QUIT."""
    def register(run):
        SCRIPTS.append((run, relays or ("plain",), transports, abrupt))
        return run
    return register


@session(*WORKING)
def one_mail(client, sender):
    client.log_in()
    client.greet()
    client.send_mail([FRIEND], make_message(1000), sender=sender)
    client.quit()


@session("plain", "smtps", transports=("starttls", "tls"))
def one_mail_by_tls(client, sender):
    one_mail(client, sender)


@session("plain", "starttls", transports=("plain", "tls"))
def several_mails(client, sender):
    client.log_in()
    client.greet()
    for number in range(1, 4):
        client.send_mail([FRIEND, OTHER][:number], make_message(number * 100), sender=sender)
    client.command("RSET")
    client.quit()


@session("plain", "starttls", "smtps", "no-chunking")
def bdat(client, sender):
    client.log_in()
    client.greet()
    client.envelope([FRIEND], sender=sender)
    client.bdat(b"Subject: chunks\r\n", b"\r\nabc", b"def", b"no line end")
    client.quit()


@session("plain", "smtps", "no-chunking")
def dots(client, sender):
    client.log_in()
    client.greet()
    lines = b"Subject: dots\r\n\r\n.\r\n..\r\n.begins so\r\n"
    client.send_mail([FRIEND], lines + bytes(range(128, 256)) + b"\r\n", sender=sender)
    client.quit()


@session("plain", "smtps", transports=("plain", "tls"))
def large(client, sender):
    client.log_in()
    client.greet()
    client.send_mail([FRIEND], make_message(LARGE), sender=sender)
    client.envelope([FRIEND], sender=sender)
    client.bdat(make_message(LARGE), make_message(1000))
    client.quit()


@session("plain", "starttls", "lazy", transports=("plain", "starttls", "tls"))
def pipelined_with_auth(client, sender):
    """The login process hands these bytes on."""
    client.log_in(pipelined=b"NOOP\r\nMAIL FROM:<%s>\r\nRCPT TO:<%s>\r\nDA"
                  % (sender.encode(), FRIEND.encode()))
    for _ in range(3):
        client.read_reply()
    client.send(b"TA\r\n")
    client.read_reply(b"354")
    client.send(stuff(make_message(300)) + b".\r\nQUIT\r\n")
    client.read_reply()
    client.read_reply(b"221")
    client.read_to_end()
    client.close()


@session("plain", "smtps")
def every_command(client, sender):
    client.log_in()
    client.greet()
    client.command("VRFY friend")
    client.command("NOOP")
    client.command("HELP", expect=b"500")
    client.command("STARTTLS", expect=b"502")
    client.command("BOGUS", expect=b"500")
    client.envelope([FRIEND], sender=sender)
    client.command("BURL imap://localhost/INBOX/;uid=1 LAST", expect=b"5")
    client.quit()


@session("plain", "starttls", "lazy")
def no_mail(client, sender):
    client.log_in()
    client.quit()


@session("plain", "smtps", abrupt=True)
def closes(client, sender):
    client.log_in()
    client.greet()
    client.envelope([FRIEND], sender=sender)
    client.close()


@session("plain", "smtps", abrupt=True)
def closes_in_data(client, sender):
    client.log_in()
    client.greet()
    client.envelope([FRIEND], sender=sender)
    client.command("DATA", expect=b"354")
    client.send(make_message(50_000))
    client.close()


@session("refuses-rcpt")
def recipient_refused(client, sender):
    client.log_in()
    client.greet()
    client.envelope([(FRIEND, b"550")], sender=sender)
    client.quit()


@session("refuses-mail")
def mail_refused(client, sender):
    client.log_in()
    client.greet()
    client.send_mail([FRIEND], make_message(100), sender=sender, expect=b"554")
    client.quit()


@session("resets-at-rcpt", abrupt=True)
def lost_at_recipient(client, sender):
    client.log_in()
    client.greet()
    client.envelope([(FRIEND, b"421")], sender=sender)
    client.read_to_end()
    client.close()


@session("closes-at-end", "closes-at-end-smtps", abrupt=True)
def lost_at_end(client, sender):
    client.log_in()
    client.greet()
    client.send_mail([FRIEND], make_message(100), sender=sender, expect=b"421")
    client.read_to_end()
    client.close()


@session("refuses-auth", "refuses-starttls", "closes-at-once", "closes-in-handshake",
         "closes-in-handshake-smtps", "garbage-smtps", "untrusted", "nobody-listens", abrupt=True)
def no_relay(client, sender):
    client.log_in()
    client.read_reply(b"421")
    client.read_to_end()
    client.close()


@dataclass(frozen=True)
class Case:
    run: object
    relay: str
    transport: str
    abrupt: bool

    def __str__(self):
        return f"{self.transport}-{self.relay}-{self.run.__name__}"

    @property
    def user(self):
        return f"{self}@example.org"

    @property
    def sender(self):
        return f"{self}@sender.example"


CASES = [Case(run, relay, transport, abrupt) for run, relays, transports, abrupt in SCRIPTS
         for relay in relays for transport in transports]
