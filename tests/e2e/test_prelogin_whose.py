# SPDX-License-Identifier: MIT
"""Whose login is it? A pre-login log ends at its own client's login, and no mail comes into it,
whatever a webmail or a proxy in front of Dovecot says of its clients' addresses."""

from contextlib import ExitStack

import pytest

from login_stage import FAST, login_dovecot, record_logins
from mailclient import connect
from private_dovecot import make_message
from rawlogs import wait_until

TRUSTED = "login_trusted_networks = 127.0.0.0/8\n"
SECRET = b"nobody-elses-business"
ELSEWHERE = ("198.51.100.7", 1234)


@pytest.fixture(scope="module")
def dovecot(root):
    with login_dovecot(mode=FAST, config=TRUSTED) as dovecot:
        yield dovecot


@pytest.fixture
def user(dovecot):
    """Whose only mail is a secret."""
    user = dovecot.add_user(f"user{len(dovecot.users)}")
    dovecot.deliver(user, SECRET + b"\r\n" + make_message(3000))
    return user


def forward(client, address, port):
    """As a webmail or a proxy tells whose connection it really is."""
    if client.protocol == "imap":
        client.command(f'ID ("x-originating-ip" "{address}" "x-originating-port" "{port}")')
    elif client.protocol == "pop3":
        client.command(f"XCLIENT ADDR={address} PORT={port}", expect=b"+OK")
    else:
        client.ehlo()
        client.command(f"XCLIENT ADDR={address} PORT={port}", expect=b"220")


def connected(dovecot, user, protocol, transport="tls"):
    client = connect(dovecot, protocol, transport, user)
    client.protocol = protocol
    return client


def read_mail(client):
    if client.protocol == "imap":
        client.command("SELECT INBOX")
        assert SECRET in client.command("FETCH 1 BODY[]")
    elif client.protocol == "pop3":
        assert SECRET in client.multiline("RETR 1")
    else:
        client.command("EHLO " + SECRET.decode())
    client.logout()


def assert_no_mail(logs):
    assert all(SECRET not in data for pair in logs.contents() for data in pair)


@pytest.mark.parametrize("protocol", ["imap", "pop3", "submission"])
@pytest.mark.parametrize("at_once", [1, 3])
def test_forwarded(dovecot, user, rawtap_binary, protocol, at_once):
    """All of them say that they are the same client, from elsewhere."""
    with record_logins(dovecot, mode=FAST, binary=rawtap_binary) as logs:
        clients = [connected(dovecot, user, protocol) for _ in range(at_once)]
        for client in clients:
            forward(client, *ELSEWHERE)
        for client in clients:
            client.login()
        for client in clients:
            read_mail(client)
    assert_no_mail(logs)
    logs.assert_all(*clients)


def test_the_others_go_on(dovecot, user, rawtap_binary):
    """Who has not logged in yet is recorded on, and says that it is the one who has."""
    with record_logins(dovecot, mode=FAST, binary=rawtap_binary) as logs:
        first, second = connected(dovecot, user, "imap"), connected(dovecot, user, "imap")
        address, port = first.socket.getsockname()
        forward(second, address, port)
        forward(first, *ELSEWHERE)
        first.login()
        second.command("NOOP")
        second.command("CAPABILITY")
        read_mail(first)
        second.login()
        read_mail(second)
    assert_no_mail(logs)
    logs.assert_all(first, second)


def test_beside_one_that_is_older_than_rawtap(dovecot, user, rawtap_binary):
    """The older one, which nobody records, logs in; then the other."""
    old = connected(dovecot, user, "imap")
    with record_logins(dovecot, mode=FAST, binary=rawtap_binary) as logs:
        new = connected(dovecot, user, "imap")
        forward(old, *ELSEWHERE)
        forward(new, *ELSEWHERE)
        old.login()
        new.command("NOOP")
        read_mail(old)
        new.login()
        read_mail(new)
    assert_no_mail(logs)
    logs.assert_all(new)


def test_a_login_that_fails_is_none(dovecot, user, rawtap_binary):
    """The mail process refuses the user: the client is still before its login."""
    bad = dovecot.add_user(f"bad{len(dovecot.users)}", fields={"mail": "nonsense:/"})
    with record_logins(dovecot, mode=FAST, binary=rawtap_binary) as logs, ExitStack() as stack:
        beside = connected(dovecot, user, "imap")
        client = connect(dovecot, "imap", "tls", bad)
        stack.callback(client.close)
        client.send_login(f"a1 LOGIN {bad.name} {bad.password}\r\n".encode())
        wait_until(lambda: client.receive() and b"a1 " in client.received, "an answer")
        beside.command("NOOP")
        beside.login()
        read_mail(beside)
        client.close()
    assert_no_mail(logs)
    logs.assert_all(beside, client)
