# SPDX-License-Identifier: MIT
"""rawlog_dir of submission and submission_relay_rawlog_dir: submissions and what becomes of them
at the relay, recorded by Dovecot and by rawtap."""

import re
import shutil
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import pytest

import librawlogs
from private_dovecot import PrivateDovecot, make_message
from private_postfix import POSTFIX, PrivatePostfix
from rawlogs import wait_until
from recorder import Rawtap
from smtp_stage import Ways, play, recording
from smtppeers import Faults, SmtpServer, Submission, stuff

CLIENT, RELAY = "rawlog_dir", "submission_relay_rawlog_dir"
FRIEND, OTHER = "friend@far.example", "other@far.example"
SSL = {None: "no", "starttls": "starttls", "implicit": "smtps"}
LARGE = 1_000_000
SCRIPTS = []


@dataclass(frozen=True)
class Relay:
    """A relay, and the settings for who uses it."""
    tls: str | None = None
    server: dict = field(default_factory=dict)
    settings: dict = field(default_factory=dict)


AUTH = {"submission_relay_user": "relayuser", "submission_relay_password": "relaypassword"}


def faulty(tls=None, **faults):
    return Relay(tls, {"faults": Faults(**faults)})


RELAYS = {
    "plain": Relay(),
    "starttls": Relay("starttls"),
    "smtps": Relay("implicit"),
    "auth": Relay(None, {"extra": ["AUTH PLAIN"]}, AUTH),
    "auth-smtps": Relay("implicit", {"extra": ["AUTH PLAIN LOGIN"]}, AUTH),
    "xclient": Relay(None, {"extra": ["XCLIENT ADDR PORT PROTO HELO LOGIN"]},
                     {"submission_relay_trusted": "yes"}),
    "no-chunking": Relay(None, {"lacks": ["CHUNKING"]}),
    # Dovecot connects when it has to.
    "lazy": Relay("starttls", {}, {"submission_backend_capabilities": "CHUNKING,8BITMIME"}),
    "slow": faulty("starttls", byte_by_byte=True),
    "refuses-auth": Relay(None, {"extra": ["AUTH PLAIN"],
                                 "faults": Faults(replies={"AUTH": b"535 5.7.8 No"})}, AUTH),
    "refuses-mail": faulty("implicit", replies={".": b"554 5.6.0 No such mail"}),
    "refuses-rcpt": faulty(replies={"RCPT": b"550 5.1.1 Nobody here"}),
    "refuses-starttls": faulty("starttls", replies={"STARTTLS": b"454 4.7.0 No"}),
    "closes-at-once": faulty(close_at="greeting"),
    "closes-at-end": faulty(close_at="."),
    "closes-at-end-smtps": faulty("implicit", close_at="."),
    "resets-at-rcpt": faulty(reset_at="RCPT"),
    "closes-in-handshake": faulty("starttls", close_at="handshake"),
    "closes-in-handshake-smtps": faulty("implicit", close_at="handshake"),
    "garbage-smtps": faulty("implicit", garbage=True),
    "untrusted": Relay("starttls", {}, {"submission_relay_ssl_verify": "yes"}),
    "nobody-listens": Relay(),
}
WORKING = ("plain", "starttls", "smtps", "auth", "auth-smtps", "xclient", "no-chunking", "lazy",
           "slow")
# Dovecot still says QUIT then, which this relay does not read.
LEAVES = ("closes", "resets")
BYE = b"221 2.0.0 Bye\r\n"


# Sessions: from the login on

def session(*relays, transports=("plain",), abrupt=False):
    """abrupt: Dovecot does not read what the relay says to its QUIT."""
    def register(run):
        SCRIPTS.append((run, relays or ("plain",), transports, abrupt))
        return run
    return register


@session(*WORKING)
def one_mail(client, sender):
    client.log_in()
    client.greet()
    client.send_mail([FRIEND], make_message(1000), sender=sender)
    client.quit()


@session("plain", "smtps", transports=("starttls", "tls"))
def one_mail_by_tls(client, sender):
    one_mail(client, sender)


@session("plain", "starttls", transports=("plain", "tls"))
def several_mails(client, sender):
    client.log_in()
    client.greet()
    for number in range(1, 4):
        client.send_mail([FRIEND, OTHER][:number], make_message(number * 100), sender=sender)
    client.command("RSET")
    client.quit()


@session("plain", "starttls", "smtps", "no-chunking")
def bdat(client, sender):
    client.log_in()
    client.greet()
    client.envelope([FRIEND], sender=sender)
    client.bdat(b"Subject: chunks\r\n", b"\r\nabc", b"def", b"no line end")
    client.quit()


@session("plain", "smtps", "no-chunking")
def dots(client, sender):
    client.log_in()
    client.greet()
    lines = b"Subject: dots\r\n\r\n.\r\n..\r\n.begins so\r\n"
    client.send_mail([FRIEND], lines + bytes(range(128, 256)) + b"\r\n", sender=sender)
    client.quit()


@session("plain", "smtps", transports=("plain", "tls"))
def large(client, sender):
    client.log_in()
    client.greet()
    client.send_mail([FRIEND], make_message(LARGE), sender=sender)
    client.envelope([FRIEND], sender=sender)
    client.bdat(make_message(LARGE), make_message(1000))
    client.quit()


@session("plain", "starttls", "lazy", transports=("plain", "starttls", "tls"))
def pipelined_with_auth(client, sender):
    """The login process hands these bytes on."""
    client.log_in(pipelined=b"NOOP\r\nMAIL FROM:<%s>\r\nRCPT TO:<%s>\r\nDA"
                  % (sender.encode(), FRIEND.encode()))
    for _ in range(3):
        client.read_reply()
    client.send(b"TA\r\n")
    client.read_reply(b"354")
    client.send(stuff(make_message(300)) + b".\r\nQUIT\r\n")
    client.read_reply()
    client.read_reply(b"221")
    client.read_to_end()
    client.close()


@session("plain", "smtps")
def every_command(client, sender):
    client.log_in()
    client.greet()
    client.command("VRFY friend")
    client.command("NOOP")
    client.command("HELP", expect=b"500")
    client.command("STARTTLS", expect=b"502")
    client.command("BOGUS", expect=b"500")
    client.envelope([FRIEND], sender=sender)
    client.command("BURL imap://localhost/INBOX/;uid=1 LAST", expect=b"5")
    client.quit()


@session("plain", "starttls", "lazy")
def no_mail(client, sender):
    client.log_in()
    client.quit()


@session("plain", "smtps", abrupt=True)
def closes(client, sender):
    client.log_in()
    client.greet()
    client.envelope([FRIEND], sender=sender)
    client.close()


@session("plain", "smtps", abrupt=True)
def closes_in_data(client, sender):
    client.log_in()
    client.greet()
    client.envelope([FRIEND], sender=sender)
    client.command("DATA", expect=b"354")
    client.send(make_message(50_000))
    client.close()


@session("refuses-rcpt")
def recipient_refused(client, sender):
    client.log_in()
    client.greet()
    client.envelope([(FRIEND, b"550")], sender=sender)
    client.quit()


@session("refuses-mail")
def mail_refused(client, sender):
    client.log_in()
    client.greet()
    client.send_mail([FRIEND], make_message(100), sender=sender, expect=b"554")
    client.quit()


@session("resets-at-rcpt", abrupt=True)
def lost_at_recipient(client, sender):
    client.log_in()
    client.greet()
    client.envelope([(FRIEND, b"421")], sender=sender)
    client.read_to_end()
    client.close()


@session("closes-at-end", "closes-at-end-smtps", abrupt=True)
def lost_at_end(client, sender):
    client.log_in()
    client.greet()
    client.send_mail([FRIEND], make_message(100), sender=sender, expect=b"421")
    client.read_to_end()
    client.close()


@session("refuses-auth", "refuses-starttls", "closes-at-once", "closes-in-handshake",
         "closes-in-handshake-smtps", "garbage-smtps", "untrusted", "nobody-listens", abrupt=True)
def no_relay(client, sender):
    client.log_in()
    client.read_reply(b"421")
    client.read_to_end()
    client.close()


@dataclass(frozen=True)
class Case:
    run: object
    relay: str
    transport: str
    abrupt: bool

    def __str__(self):
        return f"{self.transport}-{self.relay}-{self.run.__name__}"

    @property
    def user(self):
        return f"{self}@example.org"

    @property
    def sender(self):
        return f"{self}@sender.example"


CASES = [Case(run, relay, transport, abrupt) for run, relays, transports, abrupt in SCRIPTS
         for relay in relays for transport in transports]


def start_relays(dovecot):
    with ExitStack() as stack:
        relays = {}
        for name, relay in RELAYS.items():
            relays[name] = stack.enter_context(SmtpServer(
                tls=relay.tls, certificate=dovecot.root, **relay.server))
        relays["nobody-listens"].stop_listening()
        return relays, stack.pop_all()


def add_user(dovecot, case, port):
    """Fields of userdb override settings."""
    relay = RELAYS[case.relay]
    return dovecot.add_user(case.user, fields={
        "submission_relay_port": port, "submission_relay_ssl": SSL[relay.tls],
        "submission_relay_ssl_verify": "no", **relay.settings})


@contextmanager
def submission_dovecot(config="", **options):
    dovecot = PrivateDovecot(protocols=("imap", "submission"), **options)
    ways = Ways(dovecot, CLIENT, RELAY)
    dovecot.config += ways.config + "submission_relay_host = 127.0.0.1\n" + config
    with dovecot:
        yield dovecot, ways


@contextmanager
def play_cases(cases, *, binary, at_once=1):
    with submission_dovecot() as (dovecot, ways):
        relays, stack = start_relays(dovecot)

        def run(case, outcome):
            user = add_user(dovecot, case, relays[case.relay].port)
            outcome.client = Submission(dovecot, case.transport, user)
            case.run(outcome.client, case.sender)

        with stack, recording(dovecot, ways, binary=binary) as stage:
            play(stage, cases, run, dovecot.wait_sessions_over, at_once)
            for relay in relays.values():
                relay.wait_over()
        stage.relays = relays
        yield stage


@pytest.fixture(scope="module", params=[1, 4], ids=["in turn", "at once"])
def stage(request, rawtap_binary, wanted_cases):
    with play_cases(wanted_cases(request), binary=rawtap_binary, at_once=request.param) as stage:
        yield stage


def of_process(stage, kind, setting, case):
    """{key: pair} of the case's process: it serves one client."""
    client = stage.client(case)
    pid = stage.dovecot.wait_login(client.user).pid
    return {key: pair for key, pair in stage.pairs(kind, setting).items() if key[0] == pid}


def find_client(stage, kind, case):
    pairs, client = of_process(stage, kind, CLIENT, case), stage.client(case)
    content = client.session_in, client.session_out
    return librawlogs.assert_has(pairs, content, f"{kind} {case}", complete=client.ended)


def find_relay(stage, kind, case):
    """The keys of the pairs of the case's connection to its relay, one list for each stream."""
    pairs = of_process(stage, kind, RELAY, case)
    sessions = [session for session in stage.relays[case.relay].sessions
                if b"<%s>" % case.sender.encode() in session.received]
    return [librawlogs.assert_has(pairs, content, f"{kind} {case}, the relay",
                                  complete=not case.abrupt)
            for session in sessions
            for content in session.pairs_without(BYE if case.abrupt else b"")]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_client_leg(stage, case):
    assert find_client(stage, "rawtap", case) == find_client(stage, "native", case)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_relay_leg(stage, case):
    assert find_relay(stage, "rawtap", case) == find_relay(stage, "native", case)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_nothing_else(stage, case):
    """Numbers, contents, owners and modes of all pairs of the case."""
    for setting in CLIENT, RELAY:
        rawtap, native = (of_process(stage, kind, setting, case) for kind in ("rawtap", "native"))
        librawlogs.assert_same_names(rawtap, native, setting)
        # By design: what the process wanted to say, and what the kernel took.
        unsent = native if case.abrupt else {}
        librawlogs.assert_same_contents(rawtap, native, setting, unsent=unsent)
        librawlogs.assert_same_attributes(rawtap, native, setting)
        for key in librawlogs.without_handshake(native):
            assert rawtap[key].content == (b"", b"")


def test_no_other_process(stage):
    for setting in CLIENT, RELAY:
        rawtap, native = (stage.pairs(kind, setting) for kind in ("rawtap", "native"))
        librawlogs.assert_same_names(rawtap, native, setting)
        librawlogs.assert_stamps(rawtap, stage.started, stage.over)


def test_nothing_lost(stage):
    assert stage.status == 0, stage.stderr


# One promise each

@pytest.fixture(scope="module")
def relay():
    """For all who don't care."""
    with SmtpServer() as relay:
        yield relay


@contextmanager
def both(rawtap_binary, relay, native, options, **services):
    """(A Dovecot with the settings native, which may name {root}; a function that ends the
    rawtap with these options when all sessions are over.)"""
    dovecot = PrivateDovecot(protocols=("imap", "submission"), services=services)
    dovecot.config += (f"submission_relay_host = 127.0.0.1\nsubmission_relay_port = {relay.port}\n"
                       + native.format(root=dovecot.root))
    with dovecot:
        with Rawtap("--base-dir", dovecot.base_dir,
                    *(option.format(root=dovecot.root) for option in options),
                    binary=rawtap_binary) as rawtap:
            def over(wait=dovecot.wait_sessions_over):
                wait()
                status, stderr = rawtap.stop()
                assert status == 0, stderr
            yield dovecot, over


def submit(dovecot, user):
    client = Submission(dovecot, "plain", user)
    client.log_in()
    client.greet()
    client.send_mail([FRIEND], make_message(100), sender=user.name)
    client.quit()
    return client


def shared(path, owner):
    path.mkdir(parents=True)
    shutil.chown(path, owner.uid, owner.gid)


VARIABLES = "%u/%n-%d-%s-%Us-%r-%l-%i"


def test_variables_of_the_relay_s_directory(rawtap_binary, relay):
    with both(rawtap_binary, relay,
              f"submission_relay_rawlog_dir = {{root}}/native/{VARIABLES}\n",
              ["--submission-relay-rawlog-dir", f"{{root}}/rawtap/{VARIABLES}"]) as (dovecot, over):
        user = dovecot.add_user("carol@example.org")
        expanded = (f"{user.name}/carol-example.org-submission-SUBMISSION-127.0.0.1-127.0.0.1-"
                    f"{user.uid}")
        dirs = [dovecot.root / kind / expanded for kind in ("native", "rawtap")]
        for path in dirs:
            shared(path, user)
            path.parent.parent.chmod(0o755)
        submit(dovecot, user)
        over()
        native, rawtap = map(librawlogs.find_pairs, dirs)
        assert len(native) == 1
        librawlogs.assert_same_names(rawtap, native, expanded)
        librawlogs.assert_same_contents(rawtap, native, expanded)


@pytest.mark.parametrize("native, option", [("~/native", "~/rawtap"), ("%h/native", "%h/rawtap"),
                                            ("native", "rawtap")],
                         ids=["tilde", "variable", "relative"])
def test_the_relay_s_directory_in_the_home(rawtap_binary, relay, native, option):
    with both(rawtap_binary, relay, f"submission_relay_rawlog_dir = {native}\n",
              ["--submission-relay-rawlog-dir", option]) as (dovecot, over):
        user = dovecot.add_user("dave@example.org")
        dirs = [user.home / kind for kind in ("native", "rawtap")]
        for path in dirs:
            shared(path, user)
        submit(dovecot, user)
        over()
        pairs = dict(zip(("native", "rawtap"), map(librawlogs.find_pairs, dirs)))
        # Its number is 1: the client's connection is not recorded.
        assert [number for _, number in pairs["native"]] == [1]
        librawlogs.assert_same_names(pairs["rawtap"], pairs["native"], option)
        librawlogs.assert_same_contents(pairs["rawtap"], pairs["native"], option)
        librawlogs.assert_same_attributes(pairs["rawtap"], pairs["native"], option)


def test_a_missing_directory_counts_nothing(rawtap_binary, relay):
    """And one that the user must not write to counts."""
    with both(rawtap_binary, relay,
              "protocol submission {{\n  rawlog_dir = %h/first-native\n}}\n"
              "submission_relay_rawlog_dir = %h/native\n",
              ["--rawlog-dir", "%h/first-rawtap", "--submission-relay-rawlog-dir",
               "%h/rawtap"]) as (dovecot, over):
        missing, denied = (dovecot.add_user(f"{name}@example.org") for name in ("erin", "frank"))
        for user in missing, denied:
            for kind in "native", "rawtap":
                shared(user.home / kind, user)
                if user is denied:
                    (user.home / f"first-{kind}").mkdir(mode=0o755)
            submit(dovecot, user)
        over()
        for user, number in (missing, 1), (denied, 2):
            native, rawtap = (librawlogs.find_pairs(user.home / kind)
                              for kind in ("native", "rawtap"))
            assert [key[1] for key in native] == [number]
            librawlogs.assert_same_names(rawtap, native, user.name)
            librawlogs.assert_same_contents(rawtap, native, user.name)


def test_clients_at_once_in_one_process(rawtap_binary, relay):
    """One sequence of numbers; each relay connection is its own client's."""
    with both(rawtap_binary, relay,
              "protocol submission {{\n  rawlog_dir = {root}/native/%n\n}}\n"
              "submission_relay_rawlog_dir = {root}/native/%n\n",
              ["--rawlog-dir", "{root}/rawtap/%n",
               "--submission-relay-rawlog-dir", "{root}/rawtap/%n"],
              submission={"service_count": 0, "client_limit": 10, "process_limit": 1}) \
            as (dovecot, over):
        users = [dovecot.add_user(f"at-once-{number}@example.org", uid=5000)
                 for number in range(4)]
        for user in users:
            for kind in "native", "rawtap":
                path = dovecot.root / kind / user.name.partition("@")[0]
                shared(path, user)
                path.parent.chmod(0o755)
        clients = [Submission(dovecot, ("plain", "tls")[number % 2], user)
                   for number, user in enumerate(users)]
        for client in clients:
            client.log_in()
            client.greet()
        for client in clients:
            client.envelope([FRIEND], sender=client.user.name)
        for client in reversed(clients):
            client.data(make_message(300))
        for client in clients:
            client.quit()
        # The process stays.
        over(lambda: wait_until(
            lambda: dovecot.log().count("Info: Disconnected: Logged out") == len(clients),
            "the sessions to end"))
        for user in users:
            native, rawtap = (librawlogs.find_pairs(dovecot.root / kind / user.name.split("@")[0])
                              for kind in ("native", "rawtap"))
            librawlogs.assert_same_names(rawtap, native, user.name)
            librawlogs.assert_same_contents(rawtap, native, user.name)


# A real relay

@pytest.fixture(scope="module")
def postfix_stage(rawtap_binary):
    """Mails through a Postfix, over each kind of connection; by user."""
    if not POSTFIX.exists():
        pytest.skip("needs postfix")
    with submission_dovecot() as (dovecot, ways), \
            PrivatePostfix(certificate=dovecot.root) as postfix:
        settings = {
            "plain": ("smtp", {"submission_relay_ssl": "no"}),
            "starttls": ("smtp", {"submission_relay_ssl": "starttls"}),
            "smtps": ("smtps", {"submission_relay_ssl": "smtps"}),
            "xclient": ("smtp", {"submission_relay_ssl": "starttls",
                                 "submission_relay_trusted": "yes"}),
        }

        def run(case, outcome):
            port, fields = settings[case]
            user = dovecot.add_user(f"{case}@example.org", fields={
                "submission_relay_port": postfix.ports[port],
                "submission_relay_ssl_verify": "no", **fields})
            outcome.client = Submission(dovecot, "tls", user)
            outcome.client.log_in()
            outcome.client.greet()
            for size in 100, 100_000:
                outcome.client.send_mail([FRIEND, OTHER], make_message(size), sender=user.name)
            outcome.client.quit()

        with recording(dovecot, ways, binary=rawtap_binary) as stage:
            play(stage, list(settings), run, dovecot.wait_sessions_over, at_once=2)
        stage.log = postfix.log()
        yield stage


@pytest.mark.parametrize("case", ["plain", "starttls", "smtps", "xclient"])
def test_postfix(postfix_stage, case):
    find_client(postfix_stage, "rawtap", case)
    rawtap, native = (of_process(postfix_stage, kind, RELAY, case)
                      for kind in ("rawtap", "native"))
    librawlogs.assert_same_names(rawtap, native, case)
    librawlogs.assert_same_contents(rawtap, native, case)
    librawlogs.assert_same_attributes(rawtap, native, case)
    assert len(native) == {"plain": 1, "starttls": 2, "smtps": 2, "xclient": 2}[case]
    said = b"".join(pair.content[0] for _, pair in sorted(rawtap.items()))
    assert said.startswith(b"220 relay.example ESMTP Postfix")
    # And Postfix has these mails.
    queued = re.findall(rb"^250 2.0.0 Ok: .*queued as (\w+)\r$", said, re.MULTILINE)
    assert len(queued) == 2
    for name in queued:
        assert f": {name.decode()}: client=" in postfix_stage.log


def test_nothing_lost_with_postfix(postfix_stage):
    assert postfix_stage.status == 0, postfix_stage.stderr
