# SPDX-License-Identifier: MIT
"""rawlog_dir of submission and submission_relay_rawlog_dir: submissions and what becomes of them
at the relay, recorded by Dovecot and by rawtap."""

import re
import shutil
from contextlib import ExitStack, contextmanager

import pytest

import librawlogs
from mailclient import connect
from private_dovecot import PrivateDovecot, make_message
from rawlogs import wait_until
from recorder import Rawtap
from smtp_stage import Modes, play, recording
from smtppeers import SmtpServer, Submission
from relay_sessions import BYE, CASES, FRIEND, RELAYS

CLIENT, RELAY = "rawlog_dir", "submission_relay_rawlog_dir"
SSL = {None: "no", "starttls": "starttls", "implicit": "smtps"}


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
    modes = Modes(dovecot, CLIENT, RELAY)
    dovecot.config += modes.config + "submission_relay_host = 127.0.0.1\n" + config
    with dovecot:
        yield dovecot, modes


@contextmanager
def play_cases(cases, *, binary, at_once=1):
    with submission_dovecot() as (dovecot, modes):
        relays, stack = start_relays(dovecot)

        def run(case, outcome):
            user = add_user(dovecot, case, relays[case.relay].port)
            outcome.client = Submission(dovecot, case.transport, user)
            case.run(outcome.client, case.sender)

        with stack, recording(dovecot, modes, binary=binary) as stage:
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
            def over(wait=dovecot.wait_sessions_over, expected=0):
                wait()
                status, stderr = rawtap.stop()
                assert status == expected, stderr
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
        over(expected=3)        # of what the user must not write to
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


def test_burl(rawtap_binary):
    """The mail goes to the relay alone: Dovecot fetches it from the user's mailbox."""
    config = "imap_urlauth_host = localhost\nmail_attribute_dict = file:%h/attributes\n"
    with SmtpServer() as relay, submission_dovecot(config) as (dovecot, modes):
        user = dovecot.add_user("gina", fields={"submission_relay_port": relay.port})
        message = make_message(2000)
        dovecot.deliver(user, message)
        with recording(dovecot, modes, binary=rawtap_binary) as stage:
            imap = connect(dovecot, "imap", "plain", user)
            imap.login()
            imap.command("SELECT INBOX")
            reply = imap.command('GENURLAUTH "imap://gina@localhost/INBOX/;uid=1;'
                                 'urlauth=submit+gina" INTERNAL')
            imap.logout()
            url = re.search(rb"imap://\S+", reply)[0]
            client = Submission(dovecot, "tls", user)
            client.log_in()
            client.greet()
            client.envelope([FRIEND])
            client.command(b"BURL " + url + b" LAST")
            client.quit()
            dovecot.wait_sessions_over()
            relay.wait_over()
        assert stage.status == 0, stage.stderr
        for setting in CLIENT, RELAY:
            rawtap, native = (stage.pairs(kind, setting) for kind in ("rawtap", "native"))
            librawlogs.assert_same_names(rawtap, native, setting)
            librawlogs.assert_same_contents(rawtap, native, setting)
        assert sorted(librawlogs.contents(stage.dirs[CLIENT].rawtap)) == sorted(
            (each.session_in, each.session_out) for each in (imap, client))
        relayed, = librawlogs.contents(stage.dirs[RELAY].rawtap)
        assert [relayed] == relay.sessions[0].pairs
        assert message in relayed[1] and message not in client.session_in
