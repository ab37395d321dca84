# SPDX-License-Identifier: MIT
"""Login processes that forward a session to another host (proxy=y): the client's log goes on to
the session's end. In the clear Dovecot's own -R is the referee, inside TLS the transcript."""

import pytest

from login_stage import FAST, PROTOCOLS, SECURE, LoginLogs, login_dovecot, record_logins
from logins import go_on
from mailclient import TRANSPORTS, connect

MODES = {"secure": SECURE, "fast": FAST}
# How the login process reaches the other host: fields of passdb, and the port.
LEGS = {
    "plain": ({}, ""),
    "tls": ({"ssl": "any-cert"}, "s"),
    "starttls": ({"starttls": "any-cert"}, ""),
}


class Proxy:
    """Two Dovecots: one forwards all that its users say to the other."""

    def __init__(self, mode, leg):
        self.mode = mode
        self.backend = login_dovecot()
        self.front = login_dovecot(log_to="native", mode=mode)
        self.native_logs = LoginLogs(self.front.make_login_dir("native"))
        self.users = {}
        self.backend.start()
        self.front.start()
        fields, suffix = LEGS[leg]
        for protocol in PROTOCOLS:
            port = self.backend.ports[protocol + suffix]
            self.backend.add_user(protocol)
            self.users[protocol] = self.front.add_user(protocol, passdb={
                "proxy": "y", "host": "127.0.0.1", "port": str(port), **fields})

    def stop(self):
        self.front.stop()
        self.backend.stop()


@pytest.fixture(scope="module", params=LEGS)
def leg(request):
    return request.param


@pytest.fixture(scope="module", params=MODES)
def proxy(request, rawtap_binary, leg):
    """With one rawtap for all its tests: what each expects must be there before it ends, and
    nothing else when all have ended."""
    proxy = Proxy(MODES[request.param], leg)
    try:
        with record_logins(proxy.front, mode=proxy.mode, binary=rawtap_binary) as proxy.logs:
            yield proxy
        proxy.logs.assert_all()
    finally:
        proxy.stop()


def whole(client):
    """What the login process received from the client and sent to it: all of it."""
    return bytes(client.sent), bytes(client.received)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_to_the_end(proxy, protocol, transport):
    client = connect(proxy.front, protocol, transport, proxy.users[protocol])
    client.login()
    go_on(client)
    proxy.logs.expect_contents(whole(client))
    if transport == "plain":
        proxy.native_logs.expect_contents(whole(client))


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_large_mail(proxy, transport):
    proxy.backend.seed(proxy.backend.users["imap"], 3_000_000)
    client = connect(proxy.front, "imap", transport, proxy.users["imap"])
    client.login()
    client.command("SELECT INBOX")
    client.command("FETCH 1 BODY[]")
    client.command("STORE 1 +FLAGS (\\Deleted)")
    client.command("EXPUNGE")
    client.logout()
    proxy.logs.expect_contents(whole(client))


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_refused_by_the_other_host(proxy, transport):
    """The login failed; another try follows."""
    user = proxy.users["imap"]
    # The other host has no such user.
    other = proxy.front.add_user(f"stranger-{transport}", passdb=user.passdb)
    client = connect(proxy.front, "imap", transport, user)
    client.command(f"LOGIN {other.name} {other.password}", expect=b"NO")
    client.login()
    go_on(client)
    proxy.logs.expect_contents(whole(client))


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_beside_a_session_that_is_not_forwarded(proxy, transport):
    """One log ends at the login, the other goes on."""
    local = proxy.front.add_user(f"local-{transport}")
    forwarded = connect(proxy.front, "imap", transport, proxy.users["imap"])
    kept = connect(proxy.front, "imap", transport, local)
    forwarded.login()
    kept.login()
    go_on(kept)
    go_on(forwarded)
    proxy.logs.expect(kept)
    proxy.logs.expect_contents(whole(forwarded))
