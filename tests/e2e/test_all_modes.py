# SPDX-License-Identifier: MIT
"""Every documented mode at once, on one Dovecot that serves every protocol: each byte that was
said is in the files where it belongs, and in no other.

What belongs where is known from the clients and servers alone, so each directory's contents are
compared as a whole: what is missing, and what should not be there, both make a difference."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import librawlogs
import rawlogs
from mailclient import PROTOCOLS as MAIL, connect
from private_dovecot import PrivateDovecot, make_message
from recorder import Rawtap
from smtppeers import SmtpServer, Submission, lmtp

PROTOCOLS = (*MAIL, "lmtp")
# TLS of a server: (what userdb says for the relay, what passdb says for the LMTP proxy)
LEGS = {
    None: ("no", {}),
    "starttls": ("starttls", {"starttls": "any-cert"}),
    "implicit": ("smtps", {"ssl": "any-cert"}),
}
TRANSPORTS = {"imap": ("plain", "starttls", "tls"), "pop3": ("plain", "starttls", "tls"),
              "submission": ("plain", "starttls", "tls"),
              "lmtp": ("plain", "starttls", "tls", "unix")}
LOGIN_USER = "dovenull"


@dataclass
class World:
    dovecot: PrivateDovecot
    relays: dict = field(default_factory=dict)      # by TLS
    backends: dict = field(default_factory=dict)
    clients: list = field(default_factory=list)     # that logged in
    deliveries: list = field(default_factory=list)
    status: int | None = None
    stderr: str = ""

    def dir(self, name):
        return self.dovecot.root / "logs" / name

    def make_dirs(self):
        for name in (*MAIL, "lmtp", "lmtp-proxy", "relay"):
            self.dir(name).mkdir(parents=True)
            self.dir(name).chmod(0o777)
        self.login_dir.mkdir()
        shutil.chown(self.login_dir, LOGIN_USER, LOGIN_USER)

    @property
    def login_dir(self):
        return self.dovecot.base_dir / "login" / "rawlogs"

    @property
    def options(self):
        return ["--rawlog", "--rawlog-dir", self.dir("%s"), "-R", "rawlogs",
                "--lmtp-rawlog-dir", self.dir("lmtp"),
                "--lmtp-proxy-rawlog-dir", self.dir("lmtp-proxy"),
                "--submission-relay-rawlog-dir", self.dir("relay")]


# Sessions. Each says words that no other says.

def imap_session(world, transport, user):
    client = connect(world.dovecot, "imap", transport, user)
    world.clients.append(client)
    client.protocol = "imap"
    client.command("CAPABILITY")
    client.command(f"LOGIN {user.name} wrong-{user.password}", expect=b"NO")
    client.login()
    client.append(make_message(2000) + f"{user.name} appends\r\n".encode())
    client.command("SELECT INBOX")
    client.command("FETCH 1:* BODY[]")
    client.logout()


def pop3_session(world, transport, user):
    client = connect(world.dovecot, "pop3", transport, user)
    world.clients.append(client)
    client.protocol = "pop3"
    client.multiline("CAPA")
    client.login()
    client.multiline("RETR 1")
    client.command(f"NOOP {user.name}")
    client.logout()


def submission_session(world, transport, user):
    client = Submission(world.dovecot, transport, user)
    world.clients.append(client)
    client.log_in()
    client.greet()
    client.send_mail([f"for-{user.name}"], make_message(2000), sender=user.name)
    client.quit()


SESSIONS = {"imap": imap_session, "pop3": pop3_session, "submission": submission_session}


def delivery(world, transport, recipients):
    client = lmtp(world.dovecot, transport, name=f"{transport}.{len(recipients)}.example")
    world.deliveries.append(client)
    client.greet()
    client.send_mail(recipients, make_message(2000), replies=len(recipients),
                     sender=f"{transport}-{recipients[0]}")
    client.quit()


def sessions(world):
    """[(function, arguments)]"""
    dovecot = world.dovecot
    for tls, (told, passdb) in LEGS.items():
        leg = tls or "plain"
        backend = dovecot.add_user(f"backend-{leg}@example.org", passdb={
            "proxy": "y", "host": "127.0.0.1", "port": world.backends[tls].port,
            "protocol": "lmtp", **passdb})
        for protocol in MAIL:
            for transport in TRANSPORTS[protocol]:
                name = f"{protocol}-{transport}-{leg}@example.org"
                user = dovecot.add_user(name, password=f"secret-{protocol}-{transport}-{leg}",
                                        fields={"submission_relay_port": world.relays[tls].port,
                                                "submission_relay_ssl": told,
                                                "submission_relay_ssl_verify": "no"})
                dovecot.make_rawlog_dir(user)
                dovecot.deliver(user, make_message(1500) + f"for {name} alone\r\n".encode())
                yield SESSIONS[protocol], (transport, user)
        for transport in TRANSPORTS["lmtp"]:
            yield delivery, (transport, [backend.name])
            yield delivery, (transport, ["local@example.org", backend.name])


@contextmanager
def servers(dovecot, **options):
    with ExitStack() as stack:
        yield {tls: stack.enter_context(SmtpServer(tls=tls, certificate=dovecot.root, **options))
               for tls in LEGS}


@pytest.fixture(scope="module")
def world(rawtap_binary):
    dovecot = PrivateDovecot(protocols=PROTOCOLS, config=(
        "lmtp_proxy = yes\nsubmission_relay_host = 127.0.0.1\n"))
    world = World(dovecot)
    with (dovecot, servers(dovecot) as world.relays,
          servers(dovecot, protocol="lmtp", answers_quit=False) as world.backends):
        dovecot.add_user("local@example.org")
        world.make_dirs()
        todo = list(sessions(world))
        with Rawtap("--base-dir", dovecot.base_dir, "--ring-size", "128M", *world.options,
                    binary=rawtap_binary) as rawtap, ThreadPoolExecutor(4) as pool:
            for played in [pool.submit(run, world, *arguments) for run, arguments in todo]:
                played.result()
            dovecot.wait_sessions_over()
            dovecot.wait_gone("imap-login", "pop3-login", "submission-login")
            dovecot.wait_lmtp_over(len(world.deliveries))
            for server in (*world.relays.values(), *world.backends.values()):
                server.wait_over()
            world.status, world.stderr = rawtap.stop()
        yield world


def assert_holds(directory, expected):
    """The pairs of the directory hold this and nothing else: [(in, out)]."""
    found = librawlogs.contents(directory)
    for content in expected:
        assert content in found, f"{directory}: missing: {content!r:.500}"
        found.remove(content)
    assert not found, f"{directory}: should not be there: {found!r:.1000}"


def streams(servers):
    """What the logs of the connections to them hold. With TLS from the start, a pair is begun
    before it, and stays empty."""
    for tls, server in servers.items():
        for session in server.sessions:
            if tls == "implicit":
                yield b"", b""
            yield from session.pairs


def test_everything_was_played(world):
    assert len(world.clients) == 27
    assert len(world.deliveries) == 24
    for client in world.clients:
        assert len(client.session_in) > 10 and len(client.session_out) > 10
    assert [len(server.sessions) for server in world.relays.values()] == [3] * 3
    assert [len(server.sessions) for server in world.backends.values()] == [8] * 3


@pytest.mark.parametrize("protocol", MAIL)
def test_rawlog_dir(world, protocol):
    assert_holds(world.dir(protocol), [(client.session_in, client.session_out)
                                       for client in world.clients if client.protocol == protocol])


def test_the_home_rule(world):
    for client in world.clients:
        pair, = rawlogs.find_pairs(client.user.rawlog_dir)
        rawlogs.assert_same(pair.read("in"), client.session_in, f"{client.user.name}'s .in")
        rawlogs.assert_same(pair.read("out"), client.session_out, f"{client.user.name}'s .out")


def test_pre_login(world):
    """One pair a connection, TLS or not; to the login, and no further."""
    assert_holds(world.login_dir, [
        (bytes(client.sent).removesuffix(client.session_in),
         bytes(client.received).removesuffix(client.session_out)) for client in world.clients])


def test_lmtp(world):
    assert_holds(world.dir("lmtp"), [pair for client in world.deliveries for pair in client.pairs])


def test_lmtp_proxy(world):
    assert_holds(world.dir("lmtp-proxy"), list(streams(world.backends)))


def test_relay(world):
    assert_holds(world.dir("relay"), list(streams(world.relays)))


def test_credentials_are_in_the_pre_login_logs_alone(world):
    everything = [path for path in Path(world.dovecot.root).rglob("*.in")
                  if path.parent != world.login_dir]
    login = b"".join(path.read_bytes() for path in world.login_dir.iterdir())
    assert len(everything) > 100
    for client in world.clients:
        secret = client.user.password.encode()
        assert client.protocol == "submission" or secret in login
        for path in everything:
            assert secret not in path.read_bytes(), path


def test_owners(world):
    """The user's, dovenull's, root's."""
    for client in world.clients:
        for path in client.user.rawlog_dir.iterdir():
            assert (path.stat().st_uid, path.stat().st_gid) == (client.user.uid, client.user.gid)
    assert {path.owner() for path in world.login_dir.iterdir()} == {LOGIN_USER}
    for name in "lmtp", "lmtp-proxy":
        assert {path.stat().st_uid for path in world.dir(name).iterdir()} == {0}
    users = {client.user.uid for client in world.clients if client.protocol == "submission"}
    for name in "submission", "relay":
        assert {path.stat().st_uid for path in world.dir(name).iterdir()} == users


def test_numbers_are_counted_by_process(world):
    """Over all modes: no number twice, none left out."""
    numbers = {}
    for name in (*MAIL, "lmtp", "lmtp-proxy", "relay"):
        for pid, number in librawlogs.find_pairs(world.dir(name)):
            numbers.setdefault(pid, []).append(number)
    for pid, found in numbers.items():
        assert sorted(found) == [*range(1, len(found) + 1)], f"process {pid}"


def test_nothing_lost(world):
    assert world.status == 0, world.stderr
