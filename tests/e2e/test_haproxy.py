# SPDX-License-Identifier: MIT
"""Listeners with haproxy = yes: the PROXY header is not the client's, and is in no log."""

import signal
import socket
import struct

import pytest

from mailclient import trusting_context
from private_dovecot import PrivateDovecot
from rawlogs import plain
from recorder import Rawtap

CLIENT, SERVER = "192.32.0.7", "192.0.2.1"  # 32 is a blank
HEADERS = {
    "v1": f"PROXY TCP4 {CLIENT} {SERVER} 5555 143\r\n".encode(),
    "v2": (b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + struct.pack("!H", 12) + socket.inet_aton(CLIENT) +
           socket.inet_aton(SERVER) + struct.pack("!HH", 5555, 143)),
}


class Proxied(PrivateDovecot):
    def _listeners(self, service, names):
        return super()._listeners(service, names).replace("\n  }", "\n    haproxy = yes\n  }")


@pytest.fixture(scope="module")
def dovecot(root):
    with Proxied(services={"imap-login": {"executable": "imap-login -R native"}},
                 config="haproxy_trusted_networks = 127.0.0.0/8") as dovecot:
        dovecot.add_user("user")
        dovecot.make_login_dir("native")
        dovecot.make_login_dir("rawlogs")
        yield dovecot


def session(dovecot, header, tls):
    """What was received up to the login."""
    with socket.create_connection(("127.0.0.1", dovecot.ports["imaps" if tls else "imap"]),
                                  timeout=20) as sock:
        sock.sendall(header)
        if tls:
            sock = trusting_context().wrap_socket(sock)
        with sock, sock.makefile("rb") as file:
            greeting = file.readline()
            sock.sendall(b"a LOGIN user secret\r\n")
            assert file.readline().startswith(b"a OK ")
            sock.sendall(b"b LOGOUT\r\n")
            assert file.read().endswith(b"\r\n")
    dovecot.wait_sessions_over()
    return greeting


def read_pair(directory):
    """The one pair that is there, without its timestamps; then it is not there any more."""
    path, = directory.glob("*.in")
    files = path, path.with_suffix(".out")
    said = [plain(file.read_bytes(), ["-t"]) for file in files]
    for file in files:
        file.unlink()
    return said


@pytest.mark.parametrize("options, login", [
    ([], b"a LOGIN user secret\r\n"),
    (["--redact"], b'a LOGIN "redacted" "redacted"\r\n'),
], ids=["as_it_is", "redacted"])
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("version", HEADERS)
def test_the_header_is_in_no_log(rawtap_binary, dovecot, version, tls, options, login):
    with Rawtap("--base-dir", dovecot.base_dir, "-R", "rawlogs", *options,
                binary=rawtap_binary) as rawtap:
        greeting = session(dovecot, HEADERS[version], tls)
        status, stderr = rawtap.stop(signal.SIGTERM)
    assert status == 0, stderr
    native = read_pair(dovecot.base_dir / "login" / "native")
    assert read_pair(dovecot.base_dir / "login" / "rawlogs") == [login, greeting]
    if not tls:     # where Dovecot's own has ciphertext
        assert native == [b"a LOGIN user secret\r\n", greeting]
