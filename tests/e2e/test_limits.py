# SPDX-License-Identifier: MIT
"""Tables have an end. What does not fit is told, and whatever is in a file was said."""

import re
import subprocess

import pytest

from login_stage import FAST, SECURE, login_dovecot, record_logins
from logins import go_on
from mailclient import connect
from recorder import REPOSITORY

# Other Dovecots' sockets would take the room.
pytestmark = pytest.mark.alone
SOCKETS = 64
CLIENTS = 100


@pytest.fixture(scope="module")
def small_binary(rawtap_binary, tmp_path_factory):
    """The same rawtap with room for a few sockets."""
    output = tmp_path_factory.mktemp("small")
    subprocess.run(["make", "-s", "-C", REPOSITORY, f"OUTPUT={output}",
                    f"BPF_EXTRA=-DRL_MAX_SOCKETS={SOCKETS}", output / "rawtap"], check=True)
    return output / "rawtap"


@pytest.fixture(scope="module")
def dovecot(root):
    """Its login process is older than rawtap, and serves all."""
    limits = {name: {"client_limit": 2000} for name in ("auth", "anvil", "stats")}
    with login_dovecot(mode=FAST, services=limits,
                       config="mail_max_userip_connections = 0") as dovecot:
        yield dovecot


UNREAD = re.compile(rb"\[rawtap: \d+ bytes lost at offset 0: as TLS, whose text could not be "
                    rb"read\]\n")


def test_more_connections_than_there_is_room_for(dovecot, small_binary):
    user = dovecot.add_user("user")
    connect(dovecot, "imap", "tls", user).close()
    with record_logins(dovecot, mode=FAST, binary=small_binary) as logs:
        clients = [connect(dovecot, "imap", "tls", user) for _ in range(CLIENTS)]
        for number, client in enumerate(clients):
            client.command(f'ID ("name" "{number}")')
            client.login()
        for client in clients:
            go_on(client)
    contents = logs.contents()
    whole = sum((client.login_in, client.login_out) in contents for client in clients)
    assert 0 < whole < CLIENTS, logs.tap.stderr
    assert logs.tap.status == 3, logs.tap.stderr
    assert logs.tap.count("map updates refused") > 0
    # The others' logs say that they are missing, and hold no ciphertext.
    unread = sum(all(UNREAD.fullmatch(data) for data in pair) for pair in contents)
    assert whole + unread == len(contents) == CLIENTS


def test_room_again(root, small_binary):
    """What has ended leaves its place to others."""
    with login_dovecot(mode=SECURE, services={"anvil": {"client_limit": 2000}},
                       config="mail_max_userip_connections = 0") as dovecot:
        user = dovecot.add_user("user")
        with record_logins(dovecot, binary=small_binary) as logs:
            for _ in range(2 * SOCKETS):
                client = connect(dovecot, "imap", "tls", user)
                client.login()
                go_on(client)
                logs.expect(client)
                dovecot.wait_gone("imap-login")
        logs.assert_all()
