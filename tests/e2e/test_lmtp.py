# SPDX-License-Identifier: MIT
"""lmtp_rawlog_dir: the same LMTP connections, recorded by Dovecot and by rawtap."""

import time
from contextlib import contextmanager

import pytest

import librawlogs
import rawlogs
from lmtp_sessions import ALICE, BOB, CASES, TRANSPORTS
from private_dovecot import PrivateDovecot, make_message
from smtp_stage import Modes, play, recording
from rawlogs import wait_until
from smtppeers import lmtp

SETTING = "lmtp_rawlog_dir"
STARTTLS = [case for case in CASES if "starttls" in str(case)]


@contextmanager
def lmtp_dovecot(*, native=True, **service):
    """native: does it record by itself? service: settings of service lmtp."""
    dovecot = PrivateDovecot(protocols=("imap", "lmtp"), services={
        "lmtp": {"service_count": 0} | service})
    modes = Modes(dovecot, SETTING)
    dovecot.config += "login_trusted_networks = 127.0.0.1\n" + (modes.config if native else "")
    with dovecot:
        for name in ("alice", "bob"):
            dovecot.add_user(f"{name}@example.org")
        yield dovecot, modes


@contextmanager
def play_cases(cases, *, binary, at_once=1, native=True):
    """at_once > 1: several processes, each with many connections in turn."""
    with lmtp_dovecot(native=native) as (dovecot, modes):
        def run(case, outcome):
            outcome.client = lmtp(dovecot, case.transport, name=str(case))
            case.script.run(outcome.client)

        with recording(dovecot, modes, binary=binary) as stage:
            play(stage, cases, run, lambda: dovecot.wait_lmtp_over(len(cases)), at_once)
        yield stage


@pytest.fixture(scope="module", params=[1, 3], ids=["in turn", "at once"])
def stage(request, rawtap_binary, wanted_cases):
    with play_cases(wanted_cases(request), binary=rawtap_binary, at_once=request.param) as stage:
        yield stage


@pytest.fixture(scope="module")
def starttls(rawtap_binary):
    """Not recorded by Dovecot, which in 2.4 spoils the handshake when it does that."""
    with play_cases(STARTTLS, binary=rawtap_binary, native=False) as stage:
        yield stage


def find(stage, kind, case):
    """The keys of the case's pairs, one list for each stream."""
    client, pairs = stage.client(case), stage.pairs(kind, SETTING)
    return [librawlogs.assert_has(pairs, content, f"{kind} {case}", complete=client.ended)
            for content in client.pairs]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_was_said(stage, case):
    """In the same files, too: process and number."""
    assert find(stage, "rawtap", case) == find(stage, "native", case)


def test_nothing_else(stage):
    rawtap, native = (stage.pairs(kind, SETTING) for kind in ("rawtap", "native"))
    librawlogs.assert_same_names(rawtap, native, SETTING)
    unsent = {key for case in stage.outcomes if not stage.client(case).ended
              for keys in find(stage, "native", case) for key in keys}
    librawlogs.assert_same_contents(rawtap, native, SETTING, unsent=unsent)


def test_owner_and_mode(stage):
    """root's, and of the group of whom the process delivered to last."""
    rawtap, native = (stage.pairs(kind, SETTING) for kind in ("rawtap", "native"))
    librawlogs.assert_same_attributes(rawtap, native, SETTING)


def test_timestamps(stage):
    librawlogs.assert_stamps(stage.pairs("rawtap", SETTING), stage.started, stage.over)


def test_nothing_lost(stage):
    assert stage.status == 0, stage.stderr


@pytest.mark.parametrize("case", STARTTLS, ids=str)
def test_starttls(starttls, case):
    found = find(starttls, "rawtap", case)
    assert len(found) == 1 or {(pid, number + 1) for pid, number in found[0]} <= set(found[1])


def test_starttls_and_nothing_else(starttls):
    pairs = starttls.pairs("rawtap", SETTING)
    assert len(pairs) == sum(len(starttls.client(case).pairs) for case in STARTTLS)
    assert starttls.status == 0, starttls.stderr


# One process, many connections

def test_numbers_count_the_streams_of_a_process(rawtap_binary):
    """One for a connection; STARTTLS begins a second."""
    with lmtp_dovecot(process_limit=1) as (dovecot, modes):
        clients = []
        with recording(dovecot, modes, binary=rawtap_binary) as stage:
            for transport in TRANSPORTS * 2:
                clients.append(lmtp(dovecot, transport, name=f"number{len(clients)}.example"))
                clients[-1].greet()
                clients[-1].quit()
            dovecot.wait_lmtp_over(len(clients))
        streams = [content for client in clients for content in client.pairs]
        for kind in "native", "rawtap":
            pairs = stage.pairs(kind, SETTING)
            assert [number for _, number in sorted(pairs)] == [*range(1, len(streams) + 1)]
            assert [pair.content for _, pair in sorted(pairs.items())] == streams


def test_clients_at_once_in_one_process(rawtap_binary):
    """Their TLS, too, is told apart."""
    with lmtp_dovecot(process_limit=1, client_limit=20) as (dovecot, modes):
        with recording(dovecot, modes, binary=rawtap_binary) as stage:
            clients = [lmtp(dovecot, transport, name=f"{transport}{number}")
                       for number in range(3) for transport in TRANSPORTS]
            for turn in clients, clients[::-1], clients:
                for client in turn:
                    client.greet()
                for client in turn:
                    client.send(b"NOOP %s\r\nMAIL FR" % client.name.encode())
                for client in turn:
                    client.send(b"OM:<%s@example.org>\r\n" % client.name.encode())
                for client in turn:
                    client.read_reply()
                    client.read_reply()
                    client.command("RSET")
            for client in clients:
                client.send_mail([ALICE, BOB], make_message(50_000), replies=2)
            for client in clients:
                client.quit()
            dovecot.wait_lmtp_over(len(clients))
        assert stage.status == 0, stage.stderr
        rawtap, native = (stage.pairs(kind, SETTING) for kind in ("rawtap", "native"))
        assert len({pid for pid, _ in native}) == 1
        librawlogs.assert_same_names(rawtap, native, SETTING)
        librawlogs.assert_same_contents(rawtap, native, SETTING)
        librawlogs.assert_same_attributes(rawtap, native, SETTING)
        for client in clients:
            for content in client.pairs:
                librawlogs.assert_has(rawtap, content, client.name)


def test_the_group_is_of_the_last_delivery(rawtap_binary):
    with lmtp_dovecot(process_limit=1) as (dovecot, modes):
        alice, bob = (dovecot.users[name] for name in (ALICE, BOB))
        mails = [[ALICE], [BOB], [BOB, ALICE], []]
        with recording(dovecot, modes, binary=rawtap_binary) as stage:
            for recipients in mails:
                client = lmtp(dovecot, "plain")
                client.greet()
                if recipients:
                    client.send_mail(recipients, make_message(100), replies=len(recipients))
                client.quit()
            dovecot.wait_lmtp_over(len(mails))
        for kind in "rawtap", "native":
            attributes = [pair.attributes
                          for _, pair in sorted(stage.pairs(kind, SETTING).items())]
            assert attributes == [[(0, gid, "-rw-------")] * 2
                                  for gid in (0, alice.gid, bob.gid, alice.gid)]


# The directory

@pytest.fixture(scope="module")
def silent(root):
    """A Dovecot that records nothing by itself."""
    with PrivateDovecot(protocols=("imap", "lmtp"),
                        services={"lmtp": {"service_count": 0, "process_limit": 1}}) as dovecot:
        dovecot.add_user(ALICE)
        yield dovecot


@pytest.fixture
def directory(silent):
    return silent.root / f"directory{len(list(silent.root.iterdir()))}"


def deliver(dovecot, transport="plain"):
    """A mail, to the end of its connection."""
    over = dovecot.lmtp_over()
    client = lmtp(dovecot, transport)
    client.greet()
    client.send_mail([ALICE], make_message(100))
    client.quit()
    dovecot.wait_lmtp_over(over + 1)
    return client


def test_a_percent_sign_is_literal(silent, record, directory):
    directory = directory.with_name("100%_%u_%%_%{home}")
    directory.mkdir()
    with record(silent, "--lmtp-rawlog-dir", directory) as rawtap:
        client = deliver(silent)
    assert librawlogs.contents(directory) == client.pairs
    assert rawtap.status == 0


def test_a_symbolic_link_is_followed(silent, record, directory):
    target = directory.with_suffix(".target")
    target.mkdir()
    directory.symlink_to(target)
    with record(silent, "--lmtp-rawlog-dir", directory):
        client = deliver(silent, "starttls")
    assert librawlogs.contents(target) == client.pairs


def test_a_missing_directory(silent, record, directory):
    """Nothing; and from when it is there, the connections that begin then."""
    with record(silent, "-D", "--lmtp-rawlog-dir", directory) as rawtap:
        deliver(silent)
        wait_until(lambda: f"{directory} doesn't exist" in rawtap.stderr, "rawtap to look for it")
        directory.mkdir()
        client = deliver(silent, "tls")
    assert librawlogs.contents(directory) == client.pairs
    assert rawtap.status == 0


def test_a_file_instead(silent, record, directory):
    directory.write_text("a file")
    with record(silent, "--lmtp-rawlog-dir", directory) as rawtap:
        deliver(silent)
    assert directory.read_text() == "a file"
    assert (rawtap.status, rawtap.count("the files could not be created")) == (3, 1)


def test_an_existing_file_stays_as_it_is(silent, record, directory):
    """Unlike native, which appends: it can be the one who writes there."""
    deliver(silent)
    pid, = silent.processes("lmtp")
    directory.mkdir()
    now = int(time.time())
    for second in range(now, now + 120):
        name = time.strftime("%Y%m%d-%H%M%S", time.localtime(second))
        for direction in "in", "out":
            (directory / f"{name}.{pid}.1.{direction}").write_text("1.000001 before\n")
    with record(silent, "--lmtp-rawlog-dir", directory):
        client = deliver(silent)
    (sent, received), = client.pairs
    for direction, data in ("in", sent), ("out", received):
        path, = directory.glob(f"*.{pid}.1-2.{direction}")
        assert rawlogs.split_timestamps(rawlogs.read(path))[1] == data
    assert {path.read_text() for path in directory.glob(f"*.{pid}.1.*")} == {"1.000001 before\n"}
    assert len(list(directory.iterdir())) == 242


# Older than rawtap

@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_connection_from_before_is_not_recorded(silent, record, directory, transport):
    """The next one in the same process is."""
    directory.mkdir()
    over = silent.lmtp_over()
    older = lmtp(silent, transport)
    older.greet()
    pid, = silent.processes("lmtp")
    with record(silent, "-D", "--lmtp-rawlog-dir", directory) as rawtap:
        older.send_mail([ALICE], make_message(100))
        older.quit()
        silent.wait_lmtp_over(over + 1)
        client = deliver(silent, transport)
    assert librawlogs.contents(directory) == client.pairs
    assert {key[0] for key in librawlogs.find_pairs(directory)} == {pid}
    assert "not recorded: it was open before rawtap started" in rawtap.stderr
    assert rawtap.status == 0, rawtap.stderr


def test_starttls_in_a_connection_from_before(silent, record, directory):
    """Its text can't be told by the sockets alone, and is nobody else's."""
    directory.mkdir()
    over = silent.lmtp_over()
    older = lmtp(silent, "plain")
    older.greet()
    with record(silent, "--lmtp-rawlog-dir", directory) as rawtap:
        older.starttls()
        older.greet()
        older.send_mail([ALICE], make_message(100))
        older.quit()
        silent.wait_lmtp_over(over + 1)
        client = deliver(silent, "starttls")
    assert librawlogs.contents(directory) == client.pairs
    assert rawtap.status == 0, rawtap.stderr
