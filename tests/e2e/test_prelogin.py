# SPDX-License-Identifier: MIT
"""The referee is Dovecot itself: the same connections are recorded by the login processes' own
-R and by rawtap -R at the same time, in two directories. In the clear both must have written
the same; with STARTTLS, where Dovecot 2.3 goes on with ciphertext, until TLS starts."""

import stat

import pytest

import rawlogs
from login_stage import FAST, SECURE, LoginLogs, cases, login_dovecot, play, record_logins
from mailclient import TRANSPORTS, connect

MODES = {"secure": SECURE, "fast": FAST}
CASES = cases("plain")
STARTTLS_CASES = cases("starttls")


@pytest.fixture(scope="module", params=MODES)
def stage(request, rawtap_binary, wanted_cases):
    with play(wanted_cases(request), mode=MODES[request.param], binary=rawtap_binary) as stage:
        yield stage


@pytest.mark.parametrize("case", CASES, ids=str)
def test_in(stage, case):
    rawlogs.assert_same(stage.read("rawtap", case, "in"), stage.read("native", case, "in"),
                        "rawtap's .in")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_out(stage, case):
    rawtap, native = stage.read("rawtap", case, "out"), stage.read("native", case, "out")
    if stage.client(case).was_reset:
        # By design: native has what Dovecot meant to send, rawtap what the kernel took.
        rawlogs.assert_starts_with(native, rawtap, "native's .out")
    else:
        rawlogs.assert_same(rawtap, native, "rawtap's .out")


@pytest.mark.parametrize("case", STARTTLS_CASES, ids=str)
def test_until_tls_starts(stage, case):
    sent, received = stage.client(case).tls_start
    for direction, until in ("in", sent), ("out", received):
        rawlogs.assert_same(stage.read("rawtap", case, direction)[:until],
                            stage.read("native", case, direction)[:until],
                            f"rawtap's .{direction}")


@pytest.mark.parametrize("case", CASES + STARTTLS_CASES, ids=str)
def test_owner_and_mode(stage, case):
    def attributes(pair):
        status = {direction: path.stat() for direction, path in pair.files.items()}
        return {direction: (s.st_uid, s.st_gid, stat.filemode(s.st_mode))
                for direction, s in status.items()}
    native = attributes(stage.pair("native", case))
    assert set(native) == {"in", "out"}
    assert attributes(stage.pair("rawtap", case)) == native


def test_names(stage):
    """All of them, and no other."""
    def names(by):
        return [(pair.pid, pair.serial) for pair in stage.pairs(by)]
    assert sorted(names("rawtap")) == sorted(names("native"))


def test_nothing_lost(stage):
    assert stage.status == 0, stage.stderr


# What no script of logins.py does

@pytest.fixture
def beside_native(rawtap_binary):
    """A Dovecot that logs by itself, and how to have rawtap log beside it."""
    dovecot = login_dovecot(log_to="native")
    dovecot.passdb_alone = dovecot.root / "passdb"
    dovecot.passdb_alone.mkdir()
    dovecot.config += f"passdb {{\n  driver = passwd-file\n  args = {dovecot.passdb_alone}/%u\n}}\n"
    dovecot.native_logs = LoginLogs(dovecot.make_login_dir("native"))
    dovecot.record = lambda: record_logins(dovecot, binary=rawtap_binary)
    with dovecot:
        yield dovecot


def test_commands_after_starttls(beside_native):
    """In the same segment, in the clear: an attempt to have them taken for the TLS client's.
    Dovecot takes them for TLS, which they are not."""
    user = beside_native.add_user("user")
    with beside_native.record() as logs:
        client = connect(beside_native, "imap", "plain", user)
        client.send(b"p1 STARTTLS\r\np2 NOOP\r\n")
        client.read_to_end()
        client.close()
    assert logs.contents() == beside_native.native_logs.contents()
    assert logs.contents()[0][0] == b"p1 STARTTLS\r\np2 NOOP\r\n"
    assert logs.tap.status == 0, logs.tap.stderr


@pytest.fixture
def half_known(beside_native):
    """A user whom passdb knows, and userdb does not."""
    user = beside_native.add_user("half-known")
    (beside_native.passwd_dir / user.name).rename(beside_native.passdb_alone / user.name)
    return user


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_login_that_fails_after_the_password(beside_native, half_known, transport):
    """The mail process refuses. What it says itself, if that gets through, is not the login
    process's; what that one says then is."""
    with beside_native.record() as logs:
        client = connect(beside_native, "imap", transport, half_known)
        client.send_login(f"a1 LOGIN {half_known.name} {half_known.password}\r\n".encode())
        client.read_to_end()
        client.close()
    assert "Internal login failure" in beside_native.log()
    (recorded_in, recorded_out), = logs.contents()
    rawlogs.assert_same(recorded_in, bytes(client.sent), "rawtap's .in")
    rawlogs.assert_starts_with(recorded_out, client.login_out, "rawtap's .out")
    assert b"a1 " not in recorded_out[len(client.login_out):]
    # The login process says it to a socket that is shut down already: native still took it.
    if transport == "plain":
        (native_in, native_out), = beside_native.native_logs.contents()
        rawlogs.assert_same(recorded_in, native_in, "rawtap's .in")
        rawlogs.assert_starts_with(native_out, recorded_out, "native's .out")
    assert logs.tap.status == 0, logs.tap.stderr


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_open_before_rawtap_started(beside_native, transport):
    """Nothing of it is logged, least of all ciphertext; what comes later is."""
    user = beside_native.add_user("user")
    old = connect(beside_native, "imap", transport, user)
    with beside_native.record() as logs:
        new = connect(beside_native, "imap", transport, user)
        for client in old, new:
            client.login()
            client.logout()
    logs.assert_all(new)
