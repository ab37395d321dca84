# SPDX-License-Identifier: MIT
"""Pre-login logs of TLS connections. Dovecot 2.3's own -R writes ciphertext there, so the
client's own transcript is the referee: what it handed to TLS, and what it got from there."""

import socket
import ssl
import subprocess
from contextlib import ExitStack

import pytest

import rawlogs
from flood import Flood
from login_stage import (FAST, PROTOCOLS, SECURE, cases, log_in, login_dovecot,
                         play, record_logins)
from logins import go_on
from mailclient import MailClient, connect, trusting_context, wait_taken
from tlssocket import TlsSocket

MODES = {"secure": SECURE, "fast": FAST}
TLS = ("starttls", "tls")
CASES = cases(*TLS)
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


# The scripts of logins.py

@pytest.fixture(scope="module", params=MODES)
def stage(request, rawtap_binary, wanted_cases):
    with play(wanted_cases(request), by=("rawtap",), mode=MODES[request.param],
              binary=rawtap_binary) as stage:
        yield stage


@pytest.mark.parametrize("case", CASES, ids=str)
def test_in(stage, case):
    recorded, sent = stage.read("rawtap", case, "in"), stage.client(case).login_in
    if stage.client(case).read_in_part:
        # The login processes take lines of up to 1 kB (login-common/client-common.h).
        assert len(recorded) > 1000
        rawlogs.assert_starts_with(sent, recorded, "what was sent")
    else:
        rawlogs.assert_same(recorded, sent, "rawtap's .in")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_out(stage, case):
    recorded, received = stage.read("rawtap", case, "out"), stage.client(case).login_out
    if stage.client(case).was_reset:
        rawlogs.assert_starts_with(recorded, received, "rawtap's .out")
    else:
        rawlogs.assert_same(recorded, received, "rawtap's .out")


def test_one_pair_for_each_connection(stage):
    """Also where TLS starts in the middle."""
    assert sorted((pair.pid, pair.serial) for pair in stage.pairs("rawtap")) \
        == sorted((outcome.login_pid, outcome.number) for outcome in stage.outcomes.values())


def test_nothing_lost(stage):
    assert stage.status == 0, stage.stderr


# One Dovecot for the rest, in both modes

@pytest.fixture(scope="module")
def dovecots(root):
    running = {}
    for name, mode in MODES.items():
        running[name] = login_dovecot(mode=mode)
        running[name].start()
        running[name].user = running[name].add_user("user")
    yield running
    for dovecot in running.values():
        dovecot.stop()


@pytest.fixture(params=MODES)
def mode(request):
    return request.param


@pytest.fixture(scope="module")
def logs(dovecots, rawtap_binary):
    """One rawtap for each, from the first test to the last: {mode: what it logs}. What a test
    expects must be there before it ends, and nothing else when all have ended."""
    with ExitStack() as stack:
        running = {name: stack.enter_context(
            record_logins(dovecot, mode=MODES[name], binary=rawtap_binary))
            for name, dovecot in dovecots.items()}
        yield running
    for log in running.values():
        log.assert_all()


def special(dovecot, protocol="imap", transport="tls", context=None, **options):
    """A client whose TLS is a TlsSocket."""
    context = context or trusting_context()
    return connect(dovecot, protocol, transport, dovecot.user,
                   wrap=lambda raw: TlsSocket(raw, context, **options))


def before_tls(dovecot, protocol="imap", transport="tls"):
    """A client that has to say the first word of TLS, on client.socket."""
    if transport == "tls":
        client = MailClient(dovecot.user, "127.0.0.1", dovecot.ports[protocol + "s"])
    else:
        client = connect(dovecot, protocol, transport, dovecot.user, wrap=lambda raw: raw)
    dovecot.wait_serving(client, f"{protocol}-login")
    return client


def hang_on(client):
    """Until the server has closed. What it still says is not the connection's plaintext."""
    try:
        while client.socket.recv(4096):
            pass
    except ConnectionResetError:
        pass                # it closed while there was more to read
    client.close()


def hello():
    """(a TLS client without a socket, the records that begin its handshake)."""
    tls = TlsSocket(None, trusting_context(), start=False)
    return tls, tls.hello()


# Versions

@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("transport", TLS)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_version(dovecots, logs, protocol, transport, version):
    dovecot, context = dovecots["secure"], trusting_context()
    context.minimum_version = context.maximum_version = VERSIONS[version]
    client = connect(dovecot, protocol, transport, dovecot.user, wrap=context.wrap_socket)
    assert client.socket.version() == f"TLSv{version}"
    client.login()
    go_on(client)
    logs["secure"].expect(client)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("transport", TLS)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_resumption(dovecots, logs, protocol, transport, version):
    """The key for tickets is the process's own: both come to the same one."""
    dovecot, context = dovecots["fast"], trusting_context()
    context.minimum_version = context.maximum_version = VERSIONS[version]
    first = connect(dovecot, protocol, transport, dovecot.user, wrap=context.wrap_socket)
    first.login()
    session = first.socket.session
    go_on(first)
    second = connect(dovecot, protocol, transport, dovecot.user,
                     wrap=lambda raw: context.wrap_socket(raw, session=session))
    assert second.socket.session_reused
    second.login()
    go_on(second)
    logs["fast"].expect(first, second)


# Certificates of clients

@pytest.fixture(scope="module")
def certified(rawtap_binary):
    """A Dovecot that wants one, and the files of one that it trusts and one that it does not."""
    dovecot = login_dovecot()
    for name in "good", "stranger":
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "30", "-subj", f"/CN={name}", "-keyout",
             dovecot.root / f"{name}.key", "-out", dovecot.root / f"{name}.pem"],
            check=True, capture_output=True)
    dovecot.config += f"""
ssl_ca = <{dovecot.root}/good.pem
ssl_require_crl = no
ssl_verify_client_cert = yes
auth_ssl_require_client_cert = yes
"""
    dovecot.user = dovecot.add_user("user")
    with dovecot:
        with record_logins(dovecot, binary=rawtap_binary) as dovecot.logs:
            yield dovecot
        dovecot.logs.assert_all()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name, result", [("good", b"OK"), ("stranger", b"NO"), (None, b"NO")])
@pytest.mark.parametrize("transport", TLS)
def test_client_certificate(certified, transport, name, result, version):
    context = trusting_context()
    context.minimum_version = context.maximum_version = VERSIONS[version]
    if name:
        context.load_cert_chain(certified.root / f"{name}.pem", certified.root / f"{name}.key")
    client = connect(certified, "imap", transport, certified.user, wrap=context.wrap_socket)
    if result == b"OK":
        client.login()
        go_on(client)
    else:
        client.command("LOGIN user secret", expect=result)
        client.logout()
    certified.logs.expect(client)


# Handshakes that fail: the pair is there, with what was said in the clear

@pytest.mark.parametrize("transport", TLS)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_no_tls_at_all(dovecots, logs, mode, protocol, transport):
    dovecot = dovecots[mode]
    client = before_tls(dovecot, protocol, transport)
    client.socket.sendall(b"a1 NOOP\r\nand more that is no TLS\r\n")
    hang_on(client)
    logs[mode].expect(client)


@pytest.mark.parametrize("transport", TLS)
def test_version_refused(dovecots, logs, transport):
    """By the server: it takes nothing below TLS 1.2. (It closes without a word.)"""
    dovecot, context = dovecots["secure"], trusting_context()
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    client = before_tls(dovecot, "imap", transport)
    with pytest.raises(ssl.SSLError):
        TlsSocket(client.socket, context)
    client.close()
    logs["secure"].expect(client)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("transport", TLS)
def test_server_certificate_refused(dovecots, logs, transport, version):
    """By the client, which says so in an alert."""
    dovecot, context = dovecots["secure"], ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.minimum_version = context.maximum_version = VERSIONS[version]
    client = before_tls(dovecot, "imap", transport)
    with pytest.raises(ssl.SSLCertVerificationError):
        TlsSocket(client.socket, context)
    client.close()
    logs["secure"].expect(client)


@pytest.mark.parametrize("ending", ["close", "reset"])
@pytest.mark.parametrize("when", ["nothing", "half_a_hello", "hello", "answer"])
@pytest.mark.parametrize("transport", TLS)
def test_gone_in_the_handshake(dovecots, logs, transport, when, ending):
    if (transport, when, ending) == ("tls", "nothing", "reset"):
        pytest.skip("no operation on that socket ever succeeds: nothing tells rawtap of it")
    dovecot = dovecots["secure"]
    _, records = hello()
    if when == "half_a_hello":
        records = records[:len(records) // 2]
    client = before_tls(dovecot, "imap", transport)
    if when != "nothing":
        client.socket.sendall(records)
        wait_taken(client.socket)
    if when == "answer":
        assert client.socket.recv(1)
    getattr(client, ending)()
    logs["secure"].expect(client)


def test_others_go_on_where_one_fails(dovecots, logs):
    """In the same process: the failure is the connection's alone."""
    dovecot = dovecots["fast"]
    good = connect(dovecot, "imap", "tls", dovecot.user)
    bad = before_tls(dovecot)
    good.command("NOOP")
    bad.socket.sendall(b"no TLS\r\n")
    hang_on(bad)
    good.login()
    go_on(good)
    logs["fast"].expect(good, bad)


# Segments and records

@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("transport", TLS)
def test_handshake_in_many_segments(dovecots, logs, transport, version):
    dovecot, context = dovecots["secure"], trusting_context()
    context.minimum_version = context.maximum_version = VERSIONS[version]

    def wrap(raw):
        tls = TlsSocket(raw, context, start=False)
        records = tls.hello()
        assert len(records) > 100
        for i in range(0, len(records), 7):
            raw.sendall(records[i:i + 7])
            wait_taken(raw)             # it has read this piece, alone
        tls.start()
        return tls

    client = log_in(dovecot, "imap", transport, dovecot.user, wrap=wrap)
    logs["secure"].expect(client)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("transport", TLS)
def test_records_in_many_segments(dovecots, logs, transport, version):
    dovecot, context = dovecots["secure"], trusting_context()
    context.minimum_version = context.maximum_version = VERSIONS[version]
    client = special(dovecot, "imap", transport, context)
    client.sent += (command := b"p1 CAPABILITY\r\n")
    records = client.socket.encrypt(command)
    for byte in records[:-1]:
        client.socket.raw.sendall(bytes([byte]))
        wait_taken(client.socket)
    client.socket.raw.sendall(records[-1:])
    client.read_reply(b"p1")
    client.login()
    go_on(client)
    logs["secure"].expect(client)


@pytest.mark.parametrize("apart", [False, True], ids=["one_segment", "many_segments"])
@pytest.mark.parametrize("transport", TLS)
def test_one_command_in_many_records(dovecots, logs, mode, transport, apart):
    dovecot = dovecots[mode]
    client = special(dovecot, "imap", transport)
    client.sent += (command := b"p1 CAPABILITY\r\n")
    records = [client.socket.encrypt(bytes([byte])) for byte in command]
    for piece in records if apart else [b"".join(records)]:
        client.socket.raw.sendall(piece)
        wait_taken(client.socket)
    client.read_reply(b"p1")
    client.login()
    go_on(client)
    logs[mode].expect(client)


@pytest.mark.parametrize("transport", TLS)
def test_many_commands_in_one_record(dovecots, logs, mode, transport):
    """More than the login process takes at once."""
    dovecot = dovecots[mode]
    client = special(dovecot, "imap", transport)
    client.send(b"".join(b"p%d NOOP\r\n" % i for i in range(1000)))
    client.read_reply(b"p999")
    client.login()
    go_on(client)
    logs[mode].expect(client)


# What is sent after the login

@pytest.mark.parametrize("transport", TLS)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_login_and_more_in_two_records(dovecots, logs, mode, protocol, transport):
    """In one segment. As without TLS, what the login process had read when the login was
    complete is in its log (it hands that on); the rest is not."""
    dovecot = dovecots[mode]
    after = {"imap": b"p1 NOOP\r\n", "pop3": b"NOOP\r\n",
             "submission": b"EHLO after.example.org\r\n"}[protocol]
    client = special(dovecot, protocol, transport)
    # The login's last command comes from the client's own login(): its record is held back
    # until there is the other to go with it.
    tls, records = client.socket, []
    send_login = client.send_login

    def send_both(command, _):
        tls.sendall = lambda data: records.append(tls.encrypt(data))
        send_login(command, b"")
        client.send(after)
        del tls.sendall
        client.pipelined = after
        tls.raw.sendall(b"".join(records))
    client.send_login = send_both
    client.login()
    if protocol == "imap":
        client.read_reply(b"p1")
    else:
        client.read_reply()
    go_on(client)
    logs[mode].expect(client)


@pytest.mark.parametrize("transport", TLS)
def test_much_after_the_login(rawtap_binary, transport):
    """The login process hands on what it has read beyond the login. How much that was is told
    by native's post-login rawlog, which lacks just this."""
    dovecot = login_dovecot(native="binary")
    user = dovecot.add_user("user")
    dovecot.make_rawlog_dir(user)
    with dovecot:
        with record_logins(dovecot, binary=rawtap_binary) as logs:
            client = connect(dovecot, "imap", transport, user)
            client.login(pipelined=b"".join(b"p%d NOOP\r\n" % i for i in range(500)))
            client.read_reply(b"p499")
            go_on(client)
        native, = rawlogs.find_pairs(user.rawlog_dir)
        handed_on = len(client.session_in) - len(native.read("in"))
        assert 0 < handed_on < len(client.pipelined)
        client.pipelined = client.pipelined[:handed_on]
        logs.assert_all(client)


@pytest.mark.parametrize("transport", TLS)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_nothing_of_what_follows(dovecots, logs, mode, protocol, transport):
    """However much that is, and though the login process passes it on."""
    dovecot = dovecots[mode]
    client = connect(dovecot, protocol, transport, dovecot.user)
    client.login()
    for i in range(200):
        if protocol == "submission":
            client.command(f"EHLO after{i}.example.org")
        else:
            client.command("NOOP")
    client.logout()
    logs[mode].expect(client)


# Ends

@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("transport", TLS)
def test_close_notify(dovecots, logs, transport, version):
    dovecot, context = dovecots["secure"], trusting_context()
    context.minimum_version = context.maximum_version = VERSIONS[version]
    client = special(dovecot, "imap", transport, context)
    client.command("NOOP")
    client.socket.close_notify()
    client.read_to_end()
    client.close()
    logs["secure"].expect(client)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("transport", TLS)
def test_data_after_close_notify(dovecots, logs, transport, version):
    """In the same segment: it is not the connection's any more."""
    dovecot, context = dovecots["secure"], trusting_context()
    context.minimum_version = context.maximum_version = VERSIONS[version]
    client = special(dovecot, "imap", transport, context)
    client.command("CAPABILITY")
    tls = client.socket
    client.sent += (last := b"p1 NOOP\r\n")
    tls.raw.sendall(tls.encrypt(last) + tls.close_records() + b"p2 NOOP\r\n" * 10)
    client.read_until(b"p1 OK NOOP completed.\r\n")
    # It looks for the close_notify again only when more can be read: else it would wait for long.
    tls.raw.shutdown(socket.SHUT_WR)
    client.read_to_end()
    client.close()
    logs["secure"].expect(client)


@pytest.mark.parametrize("transport", TLS)
def test_gone_while_the_login_is_under_way(dovecots, logs, mode, transport):
    dovecot = dovecots[mode]
    client = connect(dovecot, "imap", transport, dovecot.user)
    before = len(dovecot.logins(dovecot.user))
    client.send_login(b"a1 LOGIN user secret\r\n")
    client.close()
    dovecot.wait_login(dovecot.user, before + 1)
    logs[mode].expect(client)


# A client that does not read

@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("transport", TLS)
def test_a_client_that_does_not_read(dovecots, logs, mode, transport, version):
    """And then does."""
    dovecot, context = dovecots[mode], trusting_context()
    context.minimum_version = context.maximum_version = VERSIONS[version]
    flood = Flood(dovecot, transport, context)
    flood.fill()
    flood.read_all()
    flood.client.login()
    go_on(flood.client)
    logs[mode].expect(flood.client)


@pytest.mark.parametrize("transport", TLS)
def test_a_client_that_never_reads(rawtap_binary, mode, transport):
    """It is thrown out. What OpenSSL took is there, whether the client got it or not."""
    dovecot = login_dovecot(mode=MODES[mode])
    dovecot.user = dovecot.add_user("user")
    with dovecot:
        with record_logins(dovecot, mode=MODES[mode], binary=rawtap_binary) as logs:
            flood = Flood(dovecot, transport, trusting_context())
            flood.fill()
            flood.send(50)
            dovecot.wait_clients_gone("imap-login")
            client = flood.client
            try:
                client.read_to_end()
            except ConnectionResetError:
                client.was_reset = True
            client.close()
        (recorded_in, recorded_out), = logs.contents()
    rawlogs.assert_same(recorded_in, bytes(client.sent), "rawtap's .in")
    rawlogs.assert_starts_with(recorded_out, bytes(client.received), "rawtap's .out")
    assert logs.tap.status == 0, logs.tap.stderr
