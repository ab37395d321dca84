# SPDX-License-Identifier: MIT
"""lmtp_proxy_rawlog_dir, and lmtp_rawlog_dir at the same time: mails that Dovecot forwards,
recorded on both legs by Dovecot and by rawtap."""

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import pytest

import librawlogs
from private_dovecot import PrivateDovecot, make_message
from smtp_stage import Modes, play, recording
from smtppeers import Faults, SmtpServer, lmtp

CLIENT, PROXY = "lmtp_rawlog_dir", "lmtp_proxy_rawlog_dir"
LOCAL = "local@example.org"
# name: (TLS of the server, how Dovecot is told, what the server does wrong)
SERVERS = {
    "plain": (None, {}, None),
    "starttls": ("starttls", {"starttls": "any-cert"}, None),
    "ssl": ("implicit", {"ssl": "any-cert"}, None),
    "slow": (None, {}, Faults(byte_by_byte=True)),
    "slow-ssl": ("implicit", {"ssl": "any-cert"}, Faults(byte_by_byte=True)),
    "refuses": (None, {}, Faults(replies={"RCPT": b"550 5.1.1 Nobody here"})),
    "refuses-mail": ("starttls", {"starttls": "any-cert"},
                     Faults(replies={".": b"554 5.6.0 No such mail"})),
    "closes-at-once": (None, {}, Faults(close_at="greeting")),
    "closes-at-end": (None, {}, Faults(close_at=".")),
    "closes-at-end-ssl": ("implicit", {"ssl": "any-cert"}, Faults(close_at=".")),
    "resets-at-rcpt": (None, {}, Faults(reset_at="RCPT")),
    "closes-in-handshake": ("starttls", {"starttls": "any-cert"}, Faults(close_at="handshake")),
    "closes-in-handshake-ssl": ("implicit", {"ssl": "any-cert"}, Faults(close_at="handshake")),
    "garbage-ssl": ("implicit", {"ssl": "any-cert"}, Faults(garbage=True)),
    "untrusted": ("starttls", {"starttls": "yes"}, None),
    "untrusted-ssl": ("implicit", {"ssl": "yes"}, None),
    "nobody-listens": (None, {}, None),
}
WORKING = ("plain", "starttls", "ssl")
# Dovecot still says QUIT then, which this server does not read.
LEAVES = ("closes", "resets")


def to(server):
    return f"{server}@example.org"


# Sessions: run(client, sender)

def one_mail(client, sender, server):
    client.send_mail([to(server)], make_message(1000), sender=sender)


def bdat(client, sender, server):
    client.envelope([to(server)], sender=sender)
    client.bdat(b"Subject: chunks\r\n\r\n", b"abc", b"\x00\xff without end")


def large(client, sender, server):
    client.send_mail([to(server)], make_message(1_000_000), sender=sender)


def two_recipients(client, sender, server):
    """One connection for both."""
    client.send_mail([to(server), f"{server}-2@example.org"], make_message(100), sender=sender,
                     replies=2)


def two_mails(client, sender, server):
    """A connection for each."""
    for _ in range(2):
        client.send_mail([to(server)], make_message(100), sender=sender)


def local_too(client, sender, server):
    client.send_mail([LOCAL, to(server)], make_message(100), sender=sender, replies=2)


def given_up(client, sender, server):
    client.envelope([to(server)], sender=sender)
    client.command("RSET")


def everywhere(client, sender, server):
    client.send_mail([*map(to, WORKING), LOCAL], make_message(300), sender=sender, replies=4)


def everywhere_pipelined(client, sender, server):
    """The connections are opened all at once."""
    recipients = [to(leg).encode() for leg in ("ssl", "starttls", "plain")] + [LOCAL.encode()]
    client.send(b"MAIL FROM:<%s>\r\n" % sender.encode()
                + b"".join(b"RCPT TO:<%s>\r\n" % recipient for recipient in recipients))
    for _ in range(5):
        client.read_reply()
    client.data(make_message(300), replies=4)


def fails(client, sender, server):
    """Whatever is answered: nothing of it is a success."""
    client.command(f"MAIL FROM:<{sender}>")
    if client.command(f"RCPT TO:<{to(server)}>", expect=b"").startswith(b"2"):
        client.data(make_message(100), expect=b"")
        assert not client.received.endswith(b"Saved\r\n")
    client.send(b"QUIT\r\n")
    client.read_to_end()
    client.close()


@dataclass(frozen=True)
class Case:
    transport: str
    server: str
    run: object

    def __str__(self):
        return f"{self.transport}-{self.server}-{self.run.__name__}"

    @property
    def sender(self):
        return f"{self}@sender.example"


CASES = [
    *(Case(transport, server, run) for transport in ("plain", "starttls") for server in WORKING
      for run in (one_mail, two_mails, local_too)),
    *(Case("plain", server, run) for server in WORKING
      for run in (bdat, large, two_recipients, given_up)),
    *(Case(transport, "plain", everywhere) for transport in ("plain", "starttls", "tls", "unix")),
    *(Case(transport, "plain", everywhere_pipelined) for transport in ("plain", "tls")),
    *(Case("plain", server, one_mail) for server in ("slow", "slow-ssl")),
    *(Case("plain", server, fails) for server in SERVERS
      if server not in WORKING and not server.startswith("slow"))]


@contextmanager
def proxy_dovecot():
    dovecot = PrivateDovecot(protocols=("imap", "lmtp"))
    modes = Modes(dovecot, CLIENT, PROXY)
    dovecot.config += modes.config + "lmtp_proxy = yes\n"
    with dovecot:
        dovecot.add_user(LOCAL)
        yield dovecot, modes


def start_servers(dovecot):
    """{name: server}, and users whose mails go to them."""
    with ExitStack() as stack:
        servers = {}
        for name, (tls, told, faults) in SERVERS.items():
            # Dovecot closes right after its QUIT: nobody would read the answer.
            servers[name] = stack.enter_context(SmtpServer(
                protocol="lmtp", tls=tls, certificate=dovecot.root, faults=faults,
                answers_quit=False))
            for user in to(name), f"{name}-2@example.org":
                forward(dovecot, user, servers[name].port, told)
        servers["nobody-listens"].stop_listening()
        return servers, stack.pop_all()


def forward(dovecot, user, port, told):
    dovecot.add_user(user, passdb={"proxy": "y", "host": "127.0.0.1", "port": port,
                                   "protocol": "lmtp", **told})


@contextmanager
def play_cases(cases, *, binary, at_once=1):
    with proxy_dovecot() as (dovecot, modes):
        servers, stack = start_servers(dovecot)

        def run(case, outcome):
            outcome.client = lmtp(dovecot, case.transport, name=f"{case}.example")
            outcome.client.greet()
            case.run(outcome.client, case.sender, case.server)
            if case.run is not fails:
                outcome.client.quit()

        def wait_over():
            dovecot.wait_lmtp_over(len(cases))
            for server in servers.values():
                server.wait_over()

        with stack, recording(dovecot, modes, binary=binary) as stage:
            play(stage, cases, run, wait_over, at_once)
        stage.servers = servers
        yield stage


@pytest.fixture(scope="module", params=[1, 3], ids=["in turn", "at once"])
def stage(request, rawtap_binary, wanted_cases):
    with play_cases(wanted_cases(request), binary=rawtap_binary, at_once=request.param) as stage:
        yield stage


def find_client(stage, kind, case):
    """The keys of the client's pairs, one list for each stream."""
    pairs = stage.pairs(kind, CLIENT)
    return [librawlogs.assert_has(pairs, content, f"{kind} {case}")
            for content in stage.client(case).pairs]


def sessions(stage, case):
    """[(name of the server, what it remembers)] of the connections that the case led to."""
    stage.client(case)
    return [(name, session) for name, server in stage.servers.items()
            for session in server.sessions if b"<%s>" % case.sender.encode() in session.received]


def find_proxy(stage, kind, case):
    """The keys of the pairs of the case's connections to servers, one list for each stream. With
    ssl= native begins a pair before TLS that stays empty."""
    pairs, found = stage.pairs(kind, PROXY), []
    for name, session in sessions(stage, case):
        for content in session.pairs:
            keys = librawlogs.assert_has(pairs, content, f"{kind} {case}, {name}",
                                         complete=not name.startswith(LEAVES))
            found.append(keys)
            if SERVERS[name][0] == "implicit":
                for pid, number in keys:
                    assert pairs[pid, number - 1].content == (b"", b"")
    return found


@pytest.mark.parametrize("case", CASES, ids=str)
def test_client_leg(stage, case):
    assert find_client(stage, "rawtap", case) == find_client(stage, "native", case)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_server_leg(stage, case):
    assert find_proxy(stage, "rawtap", case) == find_proxy(stage, "native", case)


def to_nobody(stage):
    """Where the server had left, and the QUIT may have left the process or not."""
    return {key for case in stage.outcomes if case.server.startswith(LEAVES)
            for keys in find_proxy(stage, "native", case) for key in keys}


def test_nothing_else(stage):
    for setting in CLIENT, PROXY:
        rawtap, native = (stage.pairs(kind, setting) for kind in ("rawtap", "native"))
        librawlogs.assert_same_names(rawtap, native, setting)
        unsent = librawlogs.without_handshake(native)
        assert all(rawtap[key].content == (b"", b"") for key in unsent)
        if setting == PROXY:
            unsent |= to_nobody(stage)
        librawlogs.assert_same_contents(rawtap, native, setting, unsent=unsent)


def test_owner_and_mode(stage):
    for setting in CLIENT, PROXY:
        rawtap, native = (stage.pairs(kind, setting) for kind in ("rawtap", "native"))
        librawlogs.assert_same_attributes(rawtap, native, setting)


def test_timestamps(stage):
    for setting in CLIENT, PROXY:
        librawlogs.assert_stamps(stage.pairs("rawtap", setting), stage.started, stage.over)


def test_nothing_lost(stage):
    assert stage.status == 0, stage.stderr


# A real next server

@pytest.mark.parametrize("told, port, pairs", [
    ({}, "lmtp", 1), ({"starttls": "any-cert"}, "lmtp", 2), ({"ssl": "any-cert"}, "lmtps", 1)],
    ids=["plain", "starttls", "ssl"])
def test_a_dovecot_behind_it(rawtap_binary, told, port, pairs):
    """What one Dovecot sent is what the other received: the one behind records that by itself,
    so the two logs of one connection are each other's mirror."""
    behind = PrivateDovecot(protocols=("imap", "lmtp"))
    dirs = librawlogs.TwoDirs(behind.root, CLIENT)
    behind.config += f"{CLIENT} = {dirs.native}\n"
    with behind, proxy_dovecot() as (dovecot, modes):
        behind.add_user("far@example.org")
        forward(dovecot, "far@example.org", behind.ports[port], told)
        with recording(dovecot, modes, binary=rawtap_binary) as stage:
            client = lmtp(dovecot, "tls")
            client.greet()
            client.send_mail(["far@example.org"], make_message(100_000))
            client.quit()
            dovecot.wait_lmtp_over(1)
            behind.wait_lmtp_over(1)
        assert stage.status == 0, stage.stderr
        rawtap, native = (stage.pairs(kind, PROXY) for kind in ("rawtap", "native"))
        librawlogs.assert_same_names(rawtap, native, PROXY)
        librawlogs.assert_same_contents(rawtap, native, PROXY)
        said = [pair.content for _, pair in sorted(rawtap.items())
                if pair.content != (b"", b"")]
        mirror = [pair.content[::-1] for _, pair in sorted(dirs.pairs("native").items())]
        assert len(mirror) == len(said) == pairs
        # The answer to the last QUIT is not waited for.
        assert mirror[-1][0].startswith(said[-1][0])
        assert mirror[-1][0].removeprefix(said[-1][0]) in (b"", b"221 2.0.0 Bye\r\n")
        assert mirror[-1][1] == said[-1][1]
        assert mirror[:-1] == said[:-1]
        assert b" Saved\r\n" in said[-1][0]
