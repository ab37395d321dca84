# SPDX-License-Identifier: MIT
"""The ring is full to its end, so that the kernel side can't even tell of a login: the pre-login log
of that client ends with what was seen before it, and no mail comes into it."""

import socket
from contextlib import closing

import pytest

import rawlogs
from login_stage import FAST, SECURE, login_dovecot
from losses import SMALL_RING, asleep, stop
from mailclient import TRANSPORTS, connect
from private_dovecot import make_message
from rawlogs import wait_until
from taps import Tap

pytestmark = pytest.mark.alone      # other Dovecots use the ring, too

SECRET = b"nobody-elses-business"
CROWD = 700                         # of each the ring has 200 bytes at least, as long as it has room
MODES = {"secure": SECURE, "fast": FAST}


@pytest.fixture(scope="module", params=MODES)
def dovecot(root, request):
    with login_dovecot(mode=MODES[request.param]) as dovecot:
        yield dovecot


def crowd(dovecot):
    """Clients that are greeted, and say nothing."""
    for _ in range(CROWD):
        with socket.create_connection(("127.0.0.1", dovecot.ports["imap"])) as client:
            client.recv(1)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_login(dovecot, rawtap_binary, transport):
    user = dovecot.add_user(f"user{len(dovecot.users)}")
    dovecot.deliver(user, SECRET + b"\r\n" + make_message(3000))
    directory = dovecot.make_login_dir(f"logs{len(dovecot.users)}")

    def logs():
        return [pair.read(name) for pair in rawlogs.find_pairs(directory, rawlogs.LIB_NAME)
                for name in pair.files]

    def read_mail(client):
        client.command("SELECT INBOX")
        assert SECRET in client.command("FETCH 1 BODY[]")

    with Tap("--base-dir", dovecot.base_dir, *SMALL_RING, "-R", directory.name,
             binary=rawtap_binary) as rawtap:
        client = connect(dovecot, "imap", transport, user)
        client.command("NOOP")
        wait_until(lambda: any(b"NOOP completed" in data for data in logs()), "its log")
        with asleep(rawtap):
            crowd(dovecot)
            client.login()
        before = len(logs())
        with closing(connect(dovecot, "imap", "plain", user)):
            wait_until(lambda: len(logs()) > before, "rawtap to be awake")
        for _ in range(3):
            read_mail(client)
        client.logout()
        stop(dovecot, rawtap)
    assert rawtap.status == 3
    assert rawtap.count("handshake and process records lost")
    assert not [data for data in logs() if SECRET in data or b"INBOX" in data]
