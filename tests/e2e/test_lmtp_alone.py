# SPDX-License-Identifier: MIT
"""lmtp_rawlog_dir alone, while lmtp talks TLS on connections that it makes itself and that nobody
wants: these are not the client's, which is all there."""

import itertools

import pytest

import rawlogs
from private_dovecot import PrivateDovecot, make_message
from recorder import Rawtap
from smtppeers import Faults, SmtpServer, lmtp

# name: (TLS of the server, how Dovecot is told, what the server does wrong)
SERVERS = {
    "starttls": ("starttls", {"starttls": "any-cert"}, None),
    "ssl": ("implicit", {"ssl": "any-cert"}, None),
    "closes": ("starttls", {"starttls": "any-cert"}, Faults(close_at="handshake")),
    "closes-ssl": ("implicit", {"ssl": "any-cert"}, Faults(close_at="handshake")),
    "resets-ssl": ("implicit", {"ssl": "any-cert"}, Faults(reset_at="handshake")),
    "untrusted": ("starttls", {"starttls": "yes"}, None),
}


@pytest.fixture(scope="module")
def dovecot():
    with PrivateDovecot(protocols=("imap", "lmtp"), config="lmtp_proxy = yes\n") as dovecot:
        yield dovecot


@pytest.fixture
def directory(dovecot, request):
    directory = dovecot.root / f"lmtp-{request.node.callspec.id}"
    directory.mkdir(mode=0o777)
    return directory


talks = itertools.count(1)


def talk(dovecot, transport, recipient, works):
    client = lmtp(dovecot, transport)
    client.greet()
    if works:
        client.send_mail([recipient], make_message(1000))
    else:
        client.command("MAIL FROM:<sender@example.org>")
        assert client.command(f"RCPT TO:<{recipient}>", expect=b"").startswith(b"4")
    client.command("NOOP")
    client.quit()
    return client


@pytest.mark.parametrize("transport", ["plain", "starttls"])
@pytest.mark.parametrize("server", SERVERS)
def test_client_is_all_there(rawtap_binary, dovecot, directory, transport, server):
    tls, told, faults = SERVERS[server]
    recipient = f"{server}-{transport}@example.org"
    with SmtpServer(protocol="lmtp", tls=tls, certificate=dovecot.root, faults=faults,
                    answers_quit=False) as next_server:
        dovecot.add_user(recipient, passdb={"proxy": "y", "host": "127.0.0.1", "protocol": "lmtp",
                                            "port": next_server.port, **told})
        with Rawtap("--base-dir", dovecot.base_dir, "--lmtp-rawlog-dir", directory,
                    binary=rawtap_binary) as rawtap:
            client = talk(dovecot, transport, recipient, works=not faults and server != "untrusted")
            next_server.wait_over()
            dovecot.wait_lmtp_over(next(talks))
            status, stderr = rawtap.stop()
    assert status == 0, stderr
    for name in "in", "out":
        files = sorted(directory.glob(f"*.{name}"))
        assert len(files) == len(client.pairs)
        for file, pair in zip(files, client.pairs):
            rawlogs.assert_same(rawlogs.plain(rawlogs.read(file), ["-t"]), pair[name == "out"], file)
