# SPDX-License-Identifier: MIT
"""Listeners with haproxy = yes: the header of the PROXY protocol, which a proxy in front puts
before everything else, is in no log; the addresses in it count. In the clear Dovecot's own -R is
the referee, and for LMTP its lmtp_rawlog_dir."""

import ctypes
import re
import shutil
import socket
import struct
import subprocess
from pathlib import Path

import pytest

import librawlogs
from mailclient import Connection, ProtocolError, connect
from private_dovecot import PrivateDovecot, make_message
from rawlogs import wait_until
from smtppeers import lmtp
from taps import log_in, login_transcripts, say, talk

USER = Path(__file__).resolve().parents[2] / "user"
REMOTE, LOCAL = ("203.0.113.5", 4711), ("198.51.100.1", 993)
REMOTE6, LOCAL6 = ("2001:db8::7", 4711), ("2001:db8::1", 993)
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
CONFIG = """
haproxy_trusted_networks = 127.0.0.0/8
login_log_format_elements = user=<%u> method=%m rip=%r lip=%l rport=%b lport=%a mpid=%e session=<%{{session}}>
service imap-login {{
  executable = imap-login -R native
  service_count = {service_count}
  process_limit = {process_limit}
  inet_listener imap {{
    haproxy = yes
  }}
  inet_listener imaps {{
    haproxy = yes
  }}
}}
"""
LMTP_CONFIG = """
haproxy_trusted_networks = 127.0.0.0/8
lmtp_rawlog_dir = {native}
service lmtp {{
  process_limit = 1
  inet_listener lmtp {{
    haproxy = yes
  }}
  inet_listener lmtps {{
    haproxy = yes
  }}
}}
"""


def v1(remote=REMOTE, local=LOCAL):
    protocol = "TCP6" if ":" in remote[0] else "TCP4"
    return f"PROXY {protocol} {remote[0]} {local[0]} {remote[1]} {local[1]}\r\n".encode()


def v2(remote=REMOTE, local=LOCAL, *, rest=b"", command=0x21, kind=None, size=None):
    """rest: TLVs. kind, size: instead of the right ones."""
    family = socket.AF_INET6 if ":" in remote[0] else socket.AF_INET
    body = b"".join([*(socket.inet_pton(family, ip) for ip, _ in (remote, local)),
                     struct.pack("!HH", remote[1], local[1]), rest])
    kind = kind or (0x21 if family == socket.AF_INET6 else 0x11)
    return SIGNATURE + struct.pack("!BBH", command, kind, len(body) if size is None else size) + body


def tlv(kind, value):
    return struct.pack("!BH", kind, len(value)) + value


TLVS = tlv(1, b"imap") + tlv(0x20, b"\1\0\0\0\0" + tlv(0x21, b"TLSv1.3")) + tlv(4, b"x" * 1400)
# The header, and the address that Dovecot logs.
HEADERS = {
    "v1": (v1(), REMOTE[0]),
    "v1-ipv6": (v1(REMOTE6, LOCAL6), REMOTE6[0]),
    "v1-unknown": (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
    "v2": (v2(), REMOTE[0]),
    "v2-ipv6": (v2(REMOTE6, LOCAL6), REMOTE6[0]),
    "v2-tlvs": (v2(rest=TLVS), REMOTE[0]),
    "v2-local": (v2(command=0x20), "127.0.0.1"),
}


@pytest.fixture(scope="module", params=[0, 1], ids="service_count={}".format)
def dovecot(root, request):
    """One login process serves everybody, or each client has its own."""
    config = CONFIG.format(service_count=request.param, process_limit=100 if request.param else 1)
    with PrivateDovecot(config=config, protocols=["imap"]) as dovecot:
        dovecot.make_login_dir("native")
        dovecot.one_process = not request.param
        yield dovecot


@pytest.fixture
def logs(dovecot):
    """Emptied: where Dovecot writes and where rawtap is to. No login process has counted yet."""
    dovecot.reload()
    dovecot.wait_gone("imap-login")
    for path in (dovecot.base_dir / "login" / "native").iterdir():
        path.unlink()
    yield dovecot.make_login_dir("rawtap")
    shutil.rmtree(dovecot.base_dir / "login" / "rawtap")


def native(dovecot):
    return librawlogs.find_pairs(dovecot.base_dir / "login" / "native")


def contents(pairs):
    """Each by its process and, where all is of one and the same, its number."""
    return {key: pair.content for key, pair in pairs.items()}


# In the clear

def test_in_the_clear(dovecot, logs, record):
    users = {name: dovecot.add_user(f"{name}@example.org") for name in HEADERS}
    with record(dovecot, "-R", "rawtap") as rawtap:
        clients = [talk(dovecot, users[name], header=header, word=word)
                   for name, (header, _) in HEADERS.items() for word in ("one", "two")]
    for name, (_, address) in HEADERS.items():
        assert {login.ip for login in dovecot.logins(users[name])} == {address}, name
    found = librawlogs.find_pairs(logs)
    assert contents(found) == contents(native(dovecot))
    assert sorted(pair.content for pair in found.values()) == login_transcripts(*clients)
    assert rawtap.status == 0, rawtap.stderr
    assert rawtap.count("bytes in") == sum(len(client.login_in) for client in clients)


def test_clients_at_once(dovecot, logs, record):
    user = dovecot.add_user("at-once@example.org")
    with record(dovecot, "-R", "rawtap"):
        clients = [log_in(dovecot, user, header=v2((REMOTE[0], 5000 + i)) if i % 2 else
                          v1((REMOTE[0], 5000 + i))) for i in range(6)]
        for i, client in enumerate(reversed(clients)):
            say(client, f"word{i}")
            client.logout()
    found = contents(librawlogs.find_pairs(logs))
    assert found == contents(native(dovecot))
    assert sorted(found.values()) == login_transcripts(*clients)


# Over TLS

@pytest.mark.parametrize("transport", ["tls", "starttls"])
@pytest.mark.parametrize("make", [v1, v2])
def test_over_tls(dovecot, logs, record, transport, make):
    """All are there before the first logs in, and all stay until the last has: it is the
    addresses in the headers that tell whose log ends."""
    users = [dovecot.add_user(f"{transport}-{make.__name__}-{i}") for i in range(4)]
    with record(dovecot, "-R", "rawtap") as rawtap:
        clients = [connect(dovecot, "imap", transport, user, header=make((REMOTE[0], 5000 + i)))
                   for i, user in enumerate(users)]
        for client in reversed(clients):
            client.login()
        for i, client in enumerate(clients):
            client.command(f"XAFTER-THE-LOGIN{i}", expect=b"BAD")
        for client in clients:
            client.logout()
    assert [dovecot.wait_login(user).ip for user in users] == [REMOTE[0]] * 4
    found = librawlogs.find_pairs(logs)
    assert sorted(pair.content for pair in found.values()) == login_transcripts(*clients)
    assert sorted(found) == sorted(native(dovecot))
    assert len({pid for pid, _ in found}) == (1 if dovecot.one_process else 4)
    assert rawtap.status == 0, rawtap.stderr


# LMTP

@pytest.mark.parametrize("transport", ["plain", "starttls", "tls"])
def test_lmtp(lmtp_dovecot, record, transport):
    rawtaps = lmtp_dovecot.root / f"rawtap-{transport}"
    rawtaps.mkdir()
    before = set(librawlogs.find_pairs(lmtp_dovecot.native_dir))
    over = lmtp_dovecot.lmtp_over()
    said = []
    with record(lmtp_dovecot, "--lmtp-rawlog-dir", rawtaps) as rawtap:
        for count, (header, _) in enumerate(HEADERS.values(), 1):
            client = lmtp(lmtp_dovecot, transport, header=header)
            client.greet()
            client.send_mail(["alice@example.org"], make_message(500))
            client.quit()
            said += client.pairs
            lmtp_dovecot.wait_lmtp_over(over + count)
    found = [pair for key, pair in sorted(librawlogs.find_pairs(lmtp_dovecot.native_dir).items())
             if key not in before]      # the process goes on counting
    assert [pair.content for pair in found] == said
    assert librawlogs.contents(rawtaps) == said
    assert rawtap.status == 0, rawtap.stderr


@pytest.fixture(scope="module")
def lmtp_dovecot(root):
    with PrivateDovecot(protocols=["imap", "lmtp"]) as dovecot:
        dovecot.add_user("alice@example.org")
        dovecot.native_dir = dovecot.root / "native"
        dovecot.native_dir.mkdir()
        dovecot.config = LMTP_CONFIG.format(native=dovecot.native_dir)
        dovecot.config_file.write_text(dovecot._configuration())
        dovecot.reload()
        yield dovecot


# What is a header, and what it says: Dovecot decides

ODD = {
    "v1 numbers": b"PROXY TCP4 3221225991 192.000.002.010 04711 993\r\n",
    "v1 octal": b"PROXY TCP4 0300.0.2.010 0xc0.0.0x0207 4711 993\r\n",
    "v1 brackets": b"PROXY TCP6 [2001:db8::7] ::ffff:192.0.2.1 4711 993\r\n",
    "v1 unknown, and more": b"PROXY UNKNOWN  ffff::1 x 99999\r\n",
    "v1 unknown, NUL": b"PROXY UNKNOWN\0x\r\n",
    "v1 longest": b"PROXY UNKNOWN " + b"x" * 216 + b"\r\n",
    "v1 too long": b"PROXY UNKNOWN " + b"x" * 217 + b"\r\n",
    "v1 family": b"PROXY TCP6 203.0.113.5 198.51.100.1 4711 993\r\n",
    "v1 family of one": b"PROXY TCP4 203.0.113.5 2001:db8::1 4711 993\r\n",
    "v1 address": b"PROXY TCP4 203.0.113.256 198.51.100.1 4711 993\r\n",
    "v1 half a bracket": b"PROXY TCP6 [2001:db8::7 2001:db8::1 4711 993\r\n",
    "v1 port 0": b"PROXY TCP4 203.0.113.5 198.51.100.1 0 993\r\n",
    "v1 port": b"PROXY TCP4 203.0.113.5 198.51.100.1 4711 65536\r\n",
    "v1 sign": b"PROXY TCP4 203.0.113.5 198.51.100.1 +4711 993\r\n",
    "v1 no port": b"PROXY TCP4 203.0.113.5 198.51.100.1 4711\r\n",
    "v1 space": b"PROXY TCP4 203.0.113.5 198.51.100.1 4711 993 \r\n",
    "v1 two spaces": b"PROXY  TCP4 203.0.113.5 198.51.100.1 4711 993\r\n",
    "v1 protocol": b"PROXY UDP4 203.0.113.5 198.51.100.1 4711 993\r\n",
    "v1 no protocol": b"PROXY \r\n",
    "v1 case": b"proxy UNKNOWN\r\n",
    "v1 CR": b"PROXY UNKNOWN\rx\r\n",
    "v2 tlvs": v2(rest=TLVS),
    "v2 longest": v2(rest=tlv(4, b"x" * 1469)),
    "v2 longer": v2(rest=tlv(4, b"x" * 1470)),
    "v2 longest up to 2.4.4": v2(rest=tlv(4, b"x" * 1473)),
    "v2 too long": v2(rest=tlv(4, b"x" * 1474)),
    "v2 host name": v2(rest=tlv(2, b"mail.example.org")),
    "v2 odd host name": v2(rest=tlv(2, b"mail example")),
    "v2 odd host name, local": v2(command=0x20, rest=tlv(2, b"..")),
    "v2 no host name": v2(rest=tlv(2, b"")),
    "v2 long host name": v2(rest=tlv(2, b"x" * 256)),
    "v2 local": v2(command=0x20),
    "v2 local, whatever": v2(command=0x20, kind=0xff, rest=b"x"),
    "v2 unspec": SIGNATURE + b"\x21\x01\0\0",
    "v2 unix": SIGNATURE + b"\x21\x31\0\xd8" + bytes(216),
    "v2 unix, no tlv": SIGNATURE + b"\x21\x31\0\xd8" + b"/" * 216,
    "v2 version": v2(command=0x11),
    "v2 command": v2(command=0x22),
    "v2 datagram": v2(kind=0x12),
    "v2 family": v2(kind=0x41),
    "v2 short": SIGNATURE + b"\x21\x11\0\x0b" + bytes(11),
    "v2 half a head": v2(rest=b"\1\0"),
    "v2 half a tlv": v2(rest=tlv(1, b"imap")[:-1]),
    "v2 ssl": v2(rest=tlv(0x20, b"\1\0\0\0")),
    "v2 half a tlv inside": v2(rest=tlv(0x20, b"\1\0\0\0\0" + tlv(0x21, b"TLS")[:-1])),
    "none": b"a1 CAPABILITY\r\n",
}
LOGGED = re.compile(r"rip=(.*?), lip=(.*?), rport=(\d+), lport=(\d+)")


@pytest.fixture(scope="module")
def parse(tmp_path_factory):
    """parse(bytes): what rawtap's parser says: (size, (remote, local, ports) or None)."""
    path = tmp_path_factory.mktemp("parser") / "proxy_header.so"
    subprocess.run(["cc", "-D_GNU_SOURCE", "-shared", "-fPIC", "-I", USER,
                    "-I", USER.parent / "include", "-o", path,
                    *(USER / "dovecot").glob("*.c"), USER / "base/str.c", USER / "base/mem.c",
                    "-lnettle"], check=True)
    library = ctypes.CDLL(str(path))
    library.release_find.restype = ctypes.POINTER(Release)
    version = subprocess.run(["dovecot", "--version"], check=True, capture_output=True).stdout
    rules = library.release_find(version, ctypes.byref(ctypes.c_bool())).contents.proxy

    def parsing(data):
        proxy, text = Proxy(), ctypes.create_string_buffer(64)

        def ip_text(ip):
            library.ip_addr_text(ctypes.byref(ip), text)
            return text.value.decode()
        size = library.proxy_header_parse(ctypes.c_void_p(rules), data, len(data), ctypes.byref(proxy))
        return size, proxy.has_addresses and (ip_text(proxy.remote), ip_text(proxy.local),
                                              str(proxy.remote_port), str(proxy.local_port))
    return parsing


class Release(ctypes.Structure):
    """The beginning of struct release."""
    _fields_ = [("name", ctypes.c_char_p), ("major", ctypes.c_uint), ("minor", ctypes.c_uint),
                ("patch", ctypes.c_uint), ("login", ctypes.c_void_p), ("one_helo", ctypes.c_bool),
                ("proxy", ctypes.c_void_p)]


class Ip(ctypes.Structure):
    _fields_ = [("family", ctypes.c_uint16), ("addr", ctypes.c_uint8 * 16)]


class Proxy(ctypes.Structure):
    """struct proxy_header"""
    _fields_ = [("has_addresses", ctypes.c_bool), ("local", Ip), ("remote", Ip),
                ("local_port", ctypes.c_uint16), ("remote_port", ctypes.c_uint16)]


def greets(dovecot, header):
    """(Does Dovecot go on after it?, its own words for the addresses)."""
    before = len(LOGGED.findall(dovecot.log()))
    connection = Connection("127.0.0.1", dovecot.ports["imap"], header=header)
    try:
        connection.read_line()
    except (ProtocolError, ConnectionError):
        return False, None
    finally:
        connection.close()
    return True, wait_until(lambda: LOGGED.findall(dovecot.log())[before:], "its end")[-1]


@pytest.mark.parametrize("dovecot", [1], ids=["service_count=1"], indirect=True)
@pytest.mark.parametrize("name", ODD)
def test_what_a_header_is(dovecot, parse, name):
    greeted, logged = greets(dovecot, ODD[name])
    size, addresses = parse(ODD[name])
    assert (size == len(ODD[name])) == greeted
    if greeted:
        assert addresses in (logged, False)
        assert addresses or logged[:2] == ("127.0.0.1", "127.0.0.1")


@pytest.mark.parametrize("dovecot", [1], ids=["service_count=1"], indirect=True)
def test_what_is_refused(dovecot, logs, record):
    """What Dovecot took off the connection before it refused it is there, and nothing else."""
    with record(dovecot, "-R", "rawtap") as rawtap:
        refused = [header for header in ODD.values() if not greets(dovecot, header)[0]]
    found, natives = contents(librawlogs.find_pairs(logs)), contents(native(dovecot))
    assert 0 < len(natives) == len(ODD) - len(refused)
    assert {key: found.get(key) for key in natives} == natives
    others = [found[key] for key in found.keys() - natives.keys()]
    assert others and set(others) <= {(header, b"") for header in refused}
    assert rawtap.status == 0, rawtap.stderr
