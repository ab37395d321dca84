# SPDX-License-Identifier: MIT
"""Whose session is it? With and without a post-login service, one by one and all at once."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest

from mailclient import TRANSPORTS, ProtocolError, connect
from private_dovecot import PrivateDovecot
from taps import Tap, files, log_in, recorded, recorded_user, say, talk, transcripts, wait_recorded

CONNECTIONS = list(itertools.product(("imap", "pop3"), TRANSPORTS))

# Post-login services of other kinds

SCRIPT = """\
#!/bin/sh
case "$USER" in
deny*) exit 1 ;;
home*) export HOME="$HOME/moved" ;;
rename*) export USER="new-$USER" ;;
esac
exec "$@"
"""
SERVICES = """\
service imap {{
  executable = imap postlogin
}}
service pop3 {{
  executable = pop3 postlogin
}}
service postlogin {{
  executable = script-login{options} {root}/script
  unix_listener postlogin {{
  }}
}}
"""


@pytest.fixture(scope="module", params=["", " -d"], ids=["root", "user"])
def scripted(request, root):
    """The script runs as root, or (-d) as the user."""
    dovecot = PrivateDovecot()
    (dovecot.root / "script").write_text(SCRIPT)
    (dovecot.root / "script").chmod(0o755)
    dovecot.config = SERVICES.format(options=request.param, root=dovecot.root)
    with dovecot:
        yield dovecot


@pytest.mark.parametrize("protocol, transport", CONNECTIONS)
def test_script_that_changes_nothing(scripted, record, protocol, transport):
    user = recorded_user(scripted, f"same-{protocol}-{transport}")
    with record(scripted) as rawtap:
        client = talk(scripted, user, protocol, transport)
    assert recorded(user) == transcripts(client)
    assert rawtap.status == 0


def test_script_that_sets_home(scripted, record):
    user = recorded_user(scripted, "home")
    moved = recorded_user(scripted, "home-moved", home=user.home / "moved", uid=user.uid)
    with record(scripted):
        client = talk(scripted, user)
    assert files(user) == []
    assert recorded(moved) == transcripts(client)


def test_script_that_sets_user(scripted, record):
    user = recorded_user(scripted, "rename")
    with record(scripted, "-D", "-u", "new-rename") as rawtap:
        client = log_in(scripted, user)
        client.logout()
    assert recorded(user) == transcripts(client)
    assert "imap(new-rename)<" in rawtap.stderr


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_script_that_denies(scripted, record, protocol):
    user = recorded_user(scripted, f"deny-{protocol}")
    with record(scripted, "-D") as rawtap:
        client = connect(scripted, protocol, "plain", user)
        with pytest.raises((ProtocolError, ConnectionError)):
            client.login()
        client.close()
    assert rawtap.count("the post-login service ended it") == 1
    assert rawtap.said(user) == ["not recorded: the post-login service ended it"]
    assert files(user) == []


@pytest.fixture(scope="module")
def native(root):
    with PrivateDovecot(native="binary") as dovecot:
        yield dovecot


@pytest.mark.parametrize("protocol, transport", CONNECTIONS)
def test_script_that_replaces_the_socket(native, record, protocol, transport):
    """Native rawlog stands between: what rawtap sees is the other end of its socketpair."""
    user = recorded_user(native, f"{protocol}-{transport}")
    with record(native) as rawtap:
        client = talk(native, user, protocol, transport)
    expected, = transcripts(client)
    assert recorded(user) == [expected, expected]
    assert rawtap.count("sessions recorded") == 1


# From the first byte on

@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("protocol, input", [
    ("imap", b"p1 NOOP\r\np2 CAPABILITY\r\n"), ("imap", b"p1 NOOP\r\np2 CAPA"),
    ("pop3", b"STAT\r\nNOOP\r\n"), ("pop3", b"ST"),
    # more than the login process reads
    ("imap", b"".join(b"p%d NOOP\r\n" % i for i in range(400)))], ids=lambda value: str(value)[:12])
def test_input_after_the_login_command(dovecot, record, protocol, input, transport):
    user = recorded_user(dovecot, f"pipelined{len(dovecot.users)}")
    with record(dovecot):
        client = log_in(dovecot, user, protocol, transport, pipelined=input)
        client.send({b"p1 NOOP\r\np2 CAPA": b"BILITY\r\n", b"ST": b"AT\r\n"}.get(input, b""))
        client.send(b"end LOGOUT\r\n" if protocol == "imap" else b"QUIT\r\n")
        client.read_to_end()
        client.close()
    assert client.session_in.startswith(input)
    assert recorded(user) == transcripts(client)


# Logins that fail

@pytest.mark.parametrize("transport", ["plain", "tls"])
def test_failed_logins(dovecot, record, transport):
    user = recorded_user(dovecot, f"failing-{transport}")
    with record(dovecot, "-D") as rawtap:
        client = connect(dovecot, "imap", transport, user)
        for _ in range(3):
            client.command(f"LOGIN {user.name} wrong", expect=b"NO")
        client.logout()
        pop3 = connect(dovecot, "pop3", transport, user)
        pop3.command(f"USER {user.name}")
        pop3.command("PASS wrong", expect=b"-ERR")
        pop3.logout()
    assert files(user) == []
    assert rawtap.said(user) == []
    assert (rawtap.status, rawtap.count("sessions recorded")) == (0, 0)


def test_login_after_failed_ones(dovecot, record):
    user = recorded_user(dovecot, "third-time-lucky")
    with record(dovecot):
        client = connect(dovecot, "imap", "plain", user)
        for _ in range(2):
            client.command(f"LOGIN {user.name} wrong", expect=b"NO")
        client.login()
        client.logout()
    assert recorded(user) == transcripts(client)
    assert b"wrong" not in recorded(user)[0][0]


def test_passwords_are_in_no_file(dovecot, record):
    user = recorded_user(dovecot, "secretive", password="Tr0ub4dor")
    with record(dovecot):
        for protocol, transport in CONNECTIONS:
            talk(dovecot, user, protocol, transport)
    assert len(recorded(user)) == len(CONNECTIONS)
    assert b"Tr0ub4dor" not in b"".join(map(b"".join, recorded(user)))


def test_user_that_userdb_does_not_know(root, record):
    """The password is right, the lookup of the mail process fails."""
    anybody = "passdb {\n  driver = static\n  args = password=secret\n}"
    with PrivateDovecot(config=anybody) as dovecot:
        user = recorded_user(dovecot, "half")
        (dovecot.passwd_dir / user.name).unlink()
        with record(dovecot) as rawtap:
            client = connect(dovecot, "imap", "plain", user)
            with pytest.raises((ProtocolError, ConnectionError)):
                client.login()
            client.close()
        assert files(user) == []
        assert rawtap.count("the user lookup failed") == 1
        assert rawtap.status == 0


# Many

@pytest.fixture
def shared_process(root):
    """One imap process for everybody. They share a uid: Dovecot can do no other."""
    services = {"imap": {"service_count": 0, "client_limit": 10, "process_limit": 1}}
    with PrivateDovecot(services=services) as dovecot:
        users = [recorded_user(dovecot, f"user{i}", uid=5500) for i in range(5)]
        yield dovecot, [*users[:3], dovecot.add_user("without", uid=5500), *users[3:]]
        assert len({login.pid for login in dovecot.logins()}) == 1


def chat(client):
    for turn in range(3):
        say(client, f"{client.user.name}-{turn}")


def assert_each_its_own(rawtap, clients):
    for client in clients:
        if client.user.name != "without":
            wait_recorded(client)
    status, stderr = rawtap.stop()
    assert (status, rawtap.count("sessions recorded")) == (0, 5), stderr
    assert rawtap.count("its log directory does not exist") == 1


def test_users_one_by_one_in_one_process(shared_process, rawtap_binary):
    dovecot, users = shared_process
    with Tap("--base-dir", dovecot.base_dir, binary=rawtap_binary) as rawtap:
        assert_each_its_own(rawtap, [talk(dovecot, user, word=user.name) for user in users])


def test_users_side_by_side_in_one_process(shared_process, rawtap_binary):
    dovecot, users = shared_process
    with Tap("--base-dir", dovecot.base_dir, binary=rawtap_binary) as rawtap:
        clients = [log_in(dovecot, user, "imap", transport)
                   for user, transport in zip(users, itertools.cycle(TRANSPORTS))]
        for client in clients * 3:
            chat(client)
        for client in clients:
            client.logout()
        assert_each_its_own(rawtap, clients)


def test_fifty_at_once(dovecot, record):
    """Each file holds its own client's bytes and nobody else's."""
    users = [recorded_user(dovecot, f"crowd{i}") for i in range(50)]
    strangers = [dovecot.add_user(f"stranger{i}") for i in range(10)]

    def enter(numbered):
        number, user = numbered
        return log_in(dovecot, user, *CONNECTIONS[number % len(CONNECTIONS)])

    with record(dovecot) as rawtap, ThreadPoolExecutor(10) as pool:
        clients = list(pool.map(enter, enumerate(users + strangers)))
        list(pool.map(chat, clients))
        list(pool.map(lambda client: client.logout(), clients))
    for client in clients[:50]:
        assert recorded(client.user) == transcripts(client)
        assert client.user.name.encode() + b"-2 " in client.session_in
    assert (rawtap.status, rawtap.count("sessions recorded")) == (0, 50)
    assert rawtap.count("its log directory does not exist") == 10
