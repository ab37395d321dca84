# SPDX-License-Identifier: MIT
"""Clients that come while the ring is full: each log tells how much of them is missing, and neither
less nor more than was said."""

import pytest

import rawlogs
from login_stage import FAST, PROTOCOLS, SECURE, login_dovecot
from logins import go_on
from losses import LARGE, SMALL_RING, asleep, stop
from mailclient import TRANSPORTS, connect
from private_dovecot import PrivateDovecot, make_message
from smtppeers import lmtp
from soak.referee import Said, check
from taps import Tap, log_in, recorded_user, wait_recorded

pytestmark = pytest.mark.alone      # other Dovecots use the ring, too

MODES = {"secure": SECURE, "fast": FAST}


def while_full(dovecot, binary, play, options):
    """What play() returns; the ring has no room for its client's bytes. Once more if control records
    were lost, too: other Dovecots on this host use the ring as well."""
    for _ in range(20):
        user = recorded_user(dovecot, f"user{len(dovecot.users)}")
        dovecot.seed(user, LARGE)
        with Tap("--base-dir", dovecot.base_dir, *SMALL_RING, "--rawlog", *options(),
                 binary=binary) as rawtap:
            filler = log_in(dovecot, user)
            filler.command("SELECT INBOX")
            wait_recorded(filler)
            with asleep(rawtap):
                filler.command("FETCH 1 BODY[]")
                client = play()
            filler.logout()
            stop(dovecot, rawtap)
        if not rawtap.count("handshake and process records lost"):
            assert rawtap.status == 3
            return client, filler
    raise AssertionError("control records are lost each time")


def has_all(pair, *said):
    """Are captured bytes and told gaps what was said?"""
    for name, text in zip(("in", "out"), said):
        data = rawlogs.split_timestamps(pair.read(name))[1]
        try:
            captured, gaps = check(data, Said.all(text))
        except ValueError:
            return False
        if captured + sum(size for _, size, _ in gaps) != len(text):
            return False
    return True


def assert_all(directory, *clients):
    """A pair for each of them. (in, out)"""
    pairs = rawlogs.find_pairs(directory, rawlogs.LIB_NAME)
    assert len(pairs) == len(clients)
    for said in clients:
        fitting = [pair for pair in pairs if has_all(pair, *said)]
        assert fitting, [(said, [pair.read(name) for pair in pairs for name in ("in", "out")])]
        pairs.remove(fitting[0])


@pytest.fixture(scope="module", params=MODES)
def logins(root, request):
    with login_dovecot(mode=MODES[request.param]) as dovecot:
        yield dovecot


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_login(rawtap_binary, logins, protocol, transport):
    directories = []

    def options():
        directories.append(logins.make_login_dir(f"{protocol}-{transport}-{len(directories)}"))
        return "-R", directories[-1].name

    def play():
        client = connect(logins, protocol, transport, logins.add_user(f"late{len(logins.users)}"))
        client.login()
        go_on(client)
        return client

    clients = while_full(logins, rawtap_binary, play, options)
    assert_all(directories[-1], *((client.login_in, client.login_out) for client in clients))


@pytest.fixture(scope="module")
def deliveries(root):
    with PrivateDovecot(protocols=("imap", "lmtp")) as dovecot:
        dovecot.add_user("post")
        yield dovecot


def closes(client):
    """Nothing but FIN: TLS does not end before the connection."""
    client.half_close()
    client.read_to_end()


@pytest.mark.parametrize("end", [lambda client: client.quit(), closes, lambda client: None],
                         ids=["quits", "closes", "stays"])
@pytest.mark.parametrize("transport", [*TRANSPORTS, "unix"])
def test_delivery(rawtap_binary, deliveries, transport, end, tmp_path_factory):
    directories = []

    def options():
        directories.append(tmp_path_factory.mktemp("lmtp"))
        return "--lmtp-rawlog-dir", directories[-1]

    def play():
        client = lmtp(deliveries, transport)
        client.greet()
        client.send_mail(["post"], make_message(1000))
        end(client)
        return client

    client, _ = while_full(deliveries, rawtap_binary, play, options)
    client.close()
    assert_all(directories[-1], *client.pairs)
