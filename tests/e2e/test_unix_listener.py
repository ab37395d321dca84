# SPDX-License-Identifier: MIT
"""Clients of a unix_listener in front of the login services, as a webmailer on the same host is one:
recorded like any other. The referees are the clients, and Dovecot's own rawlogs. What Dovecot's
processes say to each other on other unix sockets is in no log, and is no loss."""

import re
import socket

import pytest

import rawlogs
from login_stage import FAST, SECURE, LoginLogs, login_dovecot, record_logins
from login_stage import log_in as log_in_tcp
from logins import go_on
from mailclient import CLIENTS, PROTOCOLS
from taps import (Tap, files, log_in, login_transcripts, recorded, recorded_user, say,
                  transcripts)

LISTENERS = "".join(f"""
service {protocol}-login {{
  unix_listener webmail-{protocol} {{
    mode = 0666
  }}
}}
""" for protocol in PROTOCOLS)
UNIX_TRANSPORTS = ("plain", "starttls")
MODES = {"secure": SECURE, "fast": FAST}
each_protocol = pytest.mark.parametrize("protocol", PROTOCOLS)
each_transport = pytest.mark.parametrize("transport", UNIX_TRANSPORTS)


def unix_dovecot(**options):
    return login_dovecot(config=LISTENERS + options.pop("config", ""), **options)


def open_unix(dovecot, protocol, transport, user):
    client = CLIENTS[protocol](user, dovecot.base_dir / f"webmail-{protocol}", None)
    client.protocol = protocol
    if transport == "starttls":
        client.starttls()
    return client


def talk_unix(dovecot, user, protocol="imap", transport="plain"):
    client = open_unix(dovecot, protocol, transport, user)
    client.login()
    go_on(client)
    return client


@pytest.fixture(scope="module", params=MODES)
def dovecot(request, root):
    with unix_dovecot(mode=MODES[request.param]) as dovecot:
        dovecot.mode = MODES[request.param]
        yield dovecot


@pytest.fixture
def user(dovecot):
    return recorded_user(dovecot, f"user{len(dovecot.users)}")


# Of the session

@each_protocol
@each_transport
def test_home_rule(rawtap_binary, dovecot, user, protocol, transport):
    with Tap("-D", "--base-dir", dovecot.base_dir, binary=rawtap_binary) as rawtap:
        clients = [talk_unix(dovecot, user, protocol, transport) for _ in range(2)]
        clients.append(log_in_tcp(dovecot, protocol, transport, user))
        dovecot.wait_sessions_over()
        rawtap.stop()
    assert recorded(user) == transcripts(*clients)
    assert rawtap.status == 0, rawtap.stderr


@each_protocol
@each_transport
def test_rawlog_dir(rawtap_binary, dovecot, user, protocol, transport):
    with Tap("-D", "--base-dir", dovecot.base_dir, "--rawlog-dir", user.rawlog_dir,
             binary=rawtap_binary) as rawtap:
        client = talk_unix(dovecot, user, protocol, transport)
        dovecot.wait_sessions_over()
        rawtap.stop()
    pair, = rawlogs.find_pairs(user.rawlog_dir, rawlogs.LIB_NAME)
    assert [rawlogs.split_timestamps(pair.read(direction))[1] for direction in ("in", "out")] == \
        [client.session_in, client.session_out]
    assert rawtap.status == 0, rawtap.stderr


@each_transport
def test_name_as_native(rawtap_binary, dovecot, user, transport):
    """-I: there is no address."""
    def shape():
        return [re.sub(r"\d", "0", re.sub(r"\d+\.", ".", name)) for name in files(user)]
    with Tap("--base-dir", dovecot.base_dir, "-I", binary=rawtap_binary) as rawtap:
        talk_unix(dovecot, user, transport=transport)
        dovecot.wait_sessions_over()
        rawtap.stop()
    by_rawtap = shape()
    with unix_dovecot(native="binary", native_flags="-I") as native:
        user = recorded_user(native, "user")
        talk_unix(native, user, transport=transport)
        native.wait_sessions_over()
        assert by_rawtap == shape()


# Of the login

@each_protocol
@each_transport
def test_prelogin(rawtap_binary, dovecot, user, protocol, transport):
    with record_logins(dovecot, "-D", binary=rawtap_binary, mode=dovecot.mode) as logs:
        clients = [talk_unix(dovecot, user, protocol, transport) for _ in range(2)]
    logs.assert_all(*clients)


@each_protocol
def test_prelogin_as_native(rawtap_binary, protocol):
    """In the clear; 2.3 goes on with ciphertext after STARTTLS."""
    dovecot = unix_dovecot(log_to="native")
    native = LoginLogs(dovecot.make_login_dir("native"))
    with dovecot:
        user = dovecot.add_user("user")
        with record_logins(dovecot, binary=rawtap_binary) as logs:
            client = talk_unix(dovecot, user, protocol)
        assert logs.contents() == native.contents() == login_transcripts(client)
        assert [(pair.pid, pair.serial) for pair in logs.pairs()] == \
            [(pair.pid, pair.serial) for pair in native.pairs()]
    assert logs.tap.status == 0, logs.tap.stderr


@each_transport
def test_a_login_that_fails(rawtap_binary, dovecot, user, transport):
    """The login process goes on with its client."""
    with record_logins(dovecot, "-D", binary=rawtap_binary, mode=dovecot.mode) as logs:
        client = open_unix(dovecot, "imap", transport, user)
        client.command(f"LOGIN {user.name} wrong", expect=b"NO")
        client.command("LOGOUT")
        client.read_to_end()
        client.close()
    assert logs.contents() == [(bytes(client.sent), bytes(client.received))]
    assert logs.tap.status == 0, logs.tap.stderr


@each_transport
def test_open_before(rawtap_binary, dovecot, user, transport):
    """Its login was not seen, but whose it is can be found out."""
    client = open_unix(dovecot, "imap", transport, user)
    client.login()
    before = len(client.sent), len(client.received)
    with Tap("-D", "--base-dir", dovecot.base_dir, binary=rawtap_binary) as rawtap:
        say(client, "after")
        client.logout()
        dovecot.wait_sessions_over()
        rawtap.stop()
    (recorded_in, recorded_out), = recorded(user)
    assert recorded_in.endswith(bytes(client.sent)[before[0]:])
    assert recorded_out.endswith(bytes(client.received)[before[1]:])


# What Dovecot's processes say to each other

def admin_socket(dovecot, name, pid):
    path = dovecot.base_dir / f"srv.{name}" / str(pid)
    if not path.exists():
        pytest.skip("this Dovecot has no such sockets")
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(10)
    connection.connect(str(path))
    return connection


@pytest.mark.parametrize("found", [False, True])
def test_admin_sockets(rawtap_binary, dovecot, user, found):
    """anvil's, from 2.4 on."""
    clients = [log_in(dovecot, user)] if found else []
    with record_logins(dovecot, "-D", "--rawlog", binary=rawtap_binary, mode=dovecot.mode) as logs:
        clients = clients or [log_in(dovecot, user)]
        waiting = open_unix(dovecot, "imap", "plain", user)
        asked = [admin_socket(dovecot, name, pid) for name in ("imap", "imap-login")
                 for pid in dovecot.processes(name)]
        assert asked
        for connection in asked:
            connection.sendall(b"VERSION\tmaster-admin-client\t1\t0\nKICK-USER\tnobody\n")
            assert connection.recv(4096)
            connection.close()
        say(clients[0], "word")
        clients[0].logout()
        waiting.login()
        waiting.logout()
    assert not any(b"KICK" in (content or b"") for pair in logs.contents() for content in pair)
    assert not re.search(r"socket \d+ is not recorded", logs.tap.stderr)
    assert logs.tap.status == 0, logs.tap.stderr
