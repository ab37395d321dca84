# SPDX-License-Identifier: MIT
"""Session scripts of submission. They need somebody to relay to: see stage.py."""

from private_dovecot import make_message
from sessions import EVERY_BYTE, LARGE, SMALL, session

SUBMISSION_SCRIPTS = []


def submission(**options):
    return session("submission", scripts=SUBMISSION_SCRIPTS, **options)


def start_mail(client):
    client.command(f"MAIL FROM:<{client.user.name}>")
    client.command("RCPT TO:<somebody@example.org>")


@submission()
def submit(client):
    client.login()
    start_mail(client)
    client.command("DATA", b"354")
    client.command(make_message(SMALL) + b".")
    client.logout()


@submission()
def submit_bdat(client):
    """A chunk need not end with a line."""
    client.login()
    start_mail(client)
    message = make_message(SMALL)
    for chunk, last in (message[:1000], b""), (message[1000:], b" LAST"):
        client.send(b"BDAT %d%s\r\n" % (len(chunk), last) + chunk)
        client.read_reply()
    client.logout()


@submission()
def submit_large(client):
    client.login()
    start_mail(client)
    client.command("DATA", b"354")
    client.command(make_message(LARGE) + b".")
    client.logout()


@submission()
def submit_every_byte(client):
    client.login()
    start_mail(client)
    client.send(b"BDAT %d LAST\r\n" % len(EVERY_BYTE * 4) + EVERY_BYTE * 4)
    client.read_reply()
    client.logout()


@submission()
def auth_plain_submission(client):
    client.auth_plain()
    client.command("NOOP")
    client.logout()


@submission()
def auth_login(client):
    client.auth_login()
    client.logout()


@submission()
def empty_submission(client):
    client.login()
    client.close()


@submission()
def pipelined_submission(client):
    client.login()
    client.send(b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n")
    for expect in b"250", b"250", b"354":
        client.read_reply(expect)
    client.command(make_message(SMALL) + b".")
    client.send(b"NOOP\r\n" * 50)
    for _ in range(50):
        client.read_reply()
    client.logout()


@submission()
def pipelined_with_auth(client):
    client.login(pipelined=b"NOOP\r\nRSET\r\n")
    client.read_reply()
    client.read_reply()
    client.logout()


@submission()
def pipelined_with_auth_cut(client):
    client.login(pipelined=b"NOOP\r\nMAIL FROM:<a@exam")
    client.read_reply()
    client.send(b"ple.org>\r\n")
    client.read_reply()
    client.logout()


@submission()
def every_byte_submission(client):
    client.login()
    client.send(EVERY_BYTE + b"\r\n")
    client.read_reply(b"5")
    client.read_reply(b"5")
    client.logout()


@submission()
def reset_in_data(client):
    client.login()
    start_mail(client)
    client.command("DATA", b"354")
    client.send(make_message(50_000))
    client.wait_received()
    client.reset()


@submission()
def half_close_submission(client):
    client.login()
    client.send(b"NOOP\r\nRSET\r\n")
    client.half_close()
    client.read_to_end()
    client.close()
