# SPDX-License-Identifier: MIT
"""Output in channels, which a Dovecot proxy asks a 2.4 server for ("x-multiplex"): rawlog_dir has what
the client gets, as natively; the rawlog binary's files have the frames, too."""

import pytest

import librawlogs
import rawlogs
from mailclient import Connection
from private_dovecot import PrivateDovecot
from taps import Tap, recorded_user

CONFIG = """\
login_trusted_networks = 127.0.0.0/8
rawlog_dir = {root}/native
"""
MAIN_CHANNEL = b"\x03\xfe\x00\x00"


@pytest.fixture
def dovecot(root):
    with PrivateDovecot(protocols=("imap",)) as dovecot:
        for name in ("native", "rawtap"):
            (dovecot.root / name).mkdir()
            (dovecot.root / name).chmod(0o777)
        dovecot.config = CONFIG.format(root=dovecot.root)
        dovecot.config_file.write_text(dovecot._configuration())
        dovecot.reload()
        yield dovecot


def command(connection, text):
    """Sends it, and reads up to its tagged reply."""
    connection.send(text.encode() + b"\r\n")
    tag = text.split()[0].encode()
    connection.read_until(tag + b" OK")
    connection.read_line()


def talk(dovecot, user):
    """What a proxy would say and get. From the login command on, all that was received."""
    connection = Connection("127.0.0.1", dovecot.ports["imap"])
    connection.read_line()
    command(connection, 'a1 ID ("x-multiplex" "0")')
    assert b"* MULTIPLEX 0\r\n" in connection.received
    start = len(connection.received)
    command(connection, f"a2 LOGIN {user.name} {user.password}")
    for text in ("a3 SELECT INBOX", "a4 FETCH 1 BODY[]", "a5 LOGOUT"):
        command(connection, text)
    connection.close()
    return bytes(connection.received[start:])


def test_as_native(dovecot, rawtap_binary):
    user = recorded_user(dovecot, "alice")
    dovecot.deliver(user, b"Subject: \x03\xfe\x01\x03 and \x03\xfe\r\n\r\n\x03\x03\xfe\r\n\x03")
    with Tap("--base-dir", dovecot.base_dir, "--rawlog", "--rawlog-dir", dovecot.root / "rawtap",
             binary=rawtap_binary) as rawtap:
        received = talk(dovecot, user)
        dovecot.wait_sessions_over()
        status, stderr = rawtap.stop()
    assert status == 0, stderr
    native, = librawlogs.contents(dovecot.root / "native")
    ours, = librawlogs.contents(dovecot.root / "rawtap")
    binary, = rawlogs.find_pairs(user.rawlog_dir)
    assert ours == native
    assert MAIN_CHANNEL not in native[1] and b"\x03\xfe\x01\x03 and" in native[1]
    assert binary.read("out").startswith(MAIN_CHANNEL) and b"\x03\xfe\x01" in binary.read("out")
    assert received.endswith(binary.read("out"))
