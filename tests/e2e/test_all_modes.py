# SPDX-License-Identifier: MIT
"""Every documented mode at once, on one Dovecot that serves every protocol: each byte that was
said is in the files where it belongs, and in no other.

What belongs where is known from the clients and servers alone, so each directory's contents are
compared as a whole: what is missing, and what should not be there, both make a difference."""

import shutil
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import dialect
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
# The clients' or, where Dovecot is the client, its own.
WORDS = {None: "plain", "starttls": "starttls", "implicit": "tls"}
MODES = {"--rawlog": TRANSPORTS["imap"], "--rawlog-dir": TRANSPORTS["imap"],
         "--login-rawlog-dir": TRANSPORTS["imap"], "--lmtp-rawlog-dir": TRANSPORTS["lmtp"],
         "--lmtp-proxy-rawlog-dir": tuple(WORDS.values()),
         "--submission-relay-rawlog-dir": tuple(WORDS.values())}
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
    client.protocol, client.transport = "imap", transport
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
    client.protocol, client.transport = "pop3", transport
    client.multiline("CAPA")
    client.login()
    client.multiline("RETR 1")
    client.command(f"NOOP {user.name}")
    client.logout()


def submission_session(world, transport, user):
    client = Submission(world.dovecot, transport, user)
    world.clients.append(client)
    client.transport = transport
    client.log_in()
    client.greet()
    client.send_mail([f"for-{user.name}"], make_message(2000), sender=user.name)
    client.quit()


SESSIONS = {"imap": imap_session, "pop3": pop3_session, "submission": submission_session}


def delivery(world, transport, recipients):
    client = lmtp(world.dovecot, transport, name=f"{transport}.{len(recipients)}.example")
    world.deliveries.append(client)
    client.transport = transport
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


def relayed(directory, servers):
    """What the logs of the connections to them hold. With TLS from the start, a pair is begun
    before it, and stays empty."""
    for tls, server in servers.items():
        for session in server.sessions:
            for pair in ([(b"", b"")] if tls == "implicit" else []) + session.pairs:
                yield WORDS[tls], directory, pair


def before_login(client):
    """To the login, and no further: TLS or not, one pair."""
    return (bytes(client.sent).removesuffix(client.session_in),
            bytes(client.received).removesuffix(client.session_out))


def must_be_in_the_logs(world):
    """{mode: [(transport, directory, (in, out))]}, known from clients and servers alone."""
    def clients(directory, content):
        return [(client.transport, directory(client), content(client)) for client in world.clients]

    def session(client):
        return client.session_in, client.session_out

    return {
        "--rawlog": clients(lambda client: client.user.rawlog_dir, session),
        "--rawlog-dir": clients(lambda client: world.dir(client.protocol), session),
        "--login-rawlog-dir": clients(lambda _: world.login_dir, before_login),
        "--lmtp-rawlog-dir": [(client.transport, world.dir("lmtp"), pair)
                              for client in world.deliveries for pair in client.pairs],
        "--lmtp-proxy-rawlog-dir": [*relayed(world.dir("lmtp-proxy"), world.backends)],
        "--submission-relay-rawlog-dir": [*relayed(world.dir("relay"), world.relays)],
    }


def in_the_logs(directory):
    """How often each pair of contents is there."""
    if directory.name == "dovecot.rawlog":
        return Counter((pair.read("in"), pair.read("out")) for pair in rawlogs.find_pairs(directory))
    return Counter(librawlogs.contents(directory))


def missing(some, others):
    """{directory: what is in these logs, and not in the others}"""
    return {directory: [f"{content!r:.500}" for content in contents - others[directory]]
            for directory, contents in some.items() if contents - others[directory]}


def test_everything_was_played(world):
    assert len(world.clients) == 27
    assert len(world.deliveries) == 24
    for client in world.clients:
        assert len(client.session_in) > 10 and len(client.session_out) > 10
    assert [len(server.sessions) for server in world.relays.values()] == [3] * 3
    assert [len(server.sessions) for server in world.backends.values()] == [8] * 3


@pytest.mark.parametrize("mode, transport", [(mode, transport) for mode in MODES
                                             for transport in MODES[mode]])
def test_mode(world, mode, transport, record_property):
    """Each of these is a cell in docs/DOVECOT.md."""
    record_property("cell", f"{dialect.version()} {mode} {transport}")
    expected = defaultdict(Counter)
    for of, directory, content in must_be_in_the_logs(world)[mode]:
        expected[directory].update([content] if of == transport else [])
    assert any(expected.values())
    assert not missing(expected, {directory: in_the_logs(directory) for directory in expected})


@pytest.mark.parametrize("mode", MODES)
def test_nothing_else_is_there(world, mode):
    expected = defaultdict(Counter)
    for _, directory, content in must_be_in_the_logs(world)[mode]:
        expected[directory].update([content])
    assert not missing({directory: in_the_logs(directory) for directory in expected}, expected)


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
