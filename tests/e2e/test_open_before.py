# SPDX-License-Identifier: MIT
"""Sessions that are open when rawtap starts: recorded from the next byte on, and the log says so."""

import itertools
import os
import threading
from contextlib import contextmanager

import pytest

import librawlogs
import rawlogs
from mailclient import TRANSPORTS, connect
from private_dovecot import PrivateDovecot
from rawlogs import BEGAN, wait_until
from smtppeers import SmtpServer
from taps import Tap, log_in, only_pair, recorded, recorded_user, say, talk

GOES_ON = b"[rawtap: the recording ends here; the end of the connection was not seen]\n"
NOT_TOLD = "it was open before rawtap started, and nothing tells whose it is"
MANY = "mail_max_userip_connections = 0\nprotocol imap {\n  mail_max_userip_connections = 0\n}\n" \
       "protocol pop3 {\n  mail_max_userip_connections = 0\n}\n"
SHARED = {"client_limit": 10, "service_count": 0, "process_limit": 1}


@pytest.fixture(scope="module")
def dovecot(root):
    with PrivateDovecot(config=MANY) as dovecot:
        yield dovecot


@pytest.fixture
def shared(root):
    """Its imap process serves all, who have one uid."""
    with PrivateDovecot(config=MANY, services={"imap": SHARED}) as dovecot:
        yield dovecot


@pytest.fixture
def record_shared(shared, rawtap_binary):
    """Its processes do not end with their sessions."""
    @contextmanager
    def recording(*options):
        with Tap("--base-dir", shared.base_dir, *options, binary=rawtap_binary) as rawtap:
            yield rawtap
            shared.wait_clients_gone("imap", "imap-login")
            rawtap.stop()
    return recording


def virtual(dovecot, *names):
    """Users of one uid."""
    return [recorded_user(dovecot, name, uid=5000, gid=5000) for name in names]


@pytest.fixture
def names():
    return map("user{}".format, itertools.count(1))


class Rest:
    """What a client says and hears from now on."""

    def __init__(self, client):
        self.client = client
        self.begin = len(client.sent), len(client.received)

    @property
    def content(self):
        return tuple(bytes(data[begin:]) for data, begin in
                     zip((self.client.sent, self.client.received), self.begin))


def rests(*clients):
    return [Rest(client) for client in clients]


def contents(user):
    return [tuple(pair.read(direction) for direction in ("in", "out") if direction in pair.files)
            for pair in rawlogs.find_pairs(user.rawlog_dir)]


def logs(user):
    """The user's pairs, which all begin in the middle: what they hold, without the notes."""
    for pair in contents(user):
        assert all(content.startswith(BEGAN) for content in pair), pair
        yield tuple(content.removeprefix(BEGAN) for content in pair)


def assert_logs(user, *rests):
    assert sorted(logs(user)) == sorted(rest.content for rest in rests)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_one(dovecot, record, protocol, transport):
    user = recorded_user(dovecot, f"{protocol}-{transport}")
    client = log_in(dovecot, user, protocol, transport)
    say(client, "before")
    with record(dovecot) as rawtap:
        rest = Rest(client)
        say(client, "after")
        client.logout()
    assert_logs(user, rest)
    assert rawtap.status == 0
    assert rawtap.count("of them were open before: recorded from then on") == 1


def test_idle(dovecot, record):
    """For days, as IDLE is."""
    user = recorded_user(dovecot, "idle")
    client = log_in(dovecot, user)
    client.command("SELECT INBOX")
    tag = client.start_idle()
    with record(dovecot) as rawtap:
        rest = Rest(client)
        dovecot.deliver(user, b"Subject: new\r\n\r\nnew\r\n")
        client.read_until(b"1 EXISTS")
        client.done(tag)
        client.logout()
    assert_logs(user, rest)
    assert rawtap.status == 0


def test_fifty(dovecot, record, names):
    """Idle and busy, plain and with TLS; each goes on in its own file. New ones come in between."""
    kinds = [("imap", transport) for transport in TRANSPORTS] + [("pop3", "plain"), ("pop3", "tls")]
    clients = [log_in(dovecot, recorded_user(dovecot, next(names)), *kind) for kind in kinds * 10]
    stop = threading.Event()

    def talk_on(client):
        while not stop.wait(0.01):
            client.command("NOOP")

    busy = clients[::3]
    threads = [threading.Thread(target=talk_on, args=[client]) for client in busy]
    for thread in threads:
        thread.start()
    with record(dovecot) as rawtap:
        other = talk(dovecot, recorded_user(dovecot, next(names)))
        quiet = rests(*(client for client in clients if client not in busy))
        for rest in quiet:
            say(rest.client, "late")
        stop.set()
        for thread in threads:
            thread.join()
        for client in clients:
            client.logout()
    for rest in quiet:
        assert_logs(rest.client.user, rest)
    for client in busy:     # it is not known which was the first byte that rawtap saw
        (sent, received), = logs(client.user)
        assert sent and client.sent.endswith(sent)
        assert received and client.received.endswith(received)
        assert sent.count(b"NOOP") > 3
    assert recorded(other.user) == [(other.session_in, other.session_out)]
    assert rawtap.status == 0
    assert rawtap.count("of them were open before: recorded from then on") == 50


def test_stopped_and_started(dovecot, start_tap):
    """What passed meanwhile is lost, and each log says where it is cut."""
    user = recorded_user(dovecot, "twice")
    client = log_in(dovecot, user, transport="tls")
    parts = []
    for _ in range(2):
        rawtap = start_tap("--base-dir", dovecot.base_dir)
        rest = Rest(client)
        say(client, "seen")
        whole = tuple(BEGAN + content for content in rest.content)
        wait_until(lambda: whole in contents(user), "the bytes")
        parts.append(rest.content)
        assert rawtap.stop()[0] == 0
        assert rawtap.count("not ended") == 1
        say(client, "missed")
    client.logout()
    pairs = rawlogs.find_pairs(user.rawlog_dir)
    assert len(pairs) == 2
    for pair in pairs:
        for path in pair.files.values():
            assert path.read_bytes().startswith(BEGAN)
            assert path.read_bytes().endswith(b"\r\n" + GOES_ON)
    assert sorted(logs(user)) == sorted(parts)


def test_the_end_is_no_cut(dovecot, record):
    """A session that has ended has no such note."""
    user = recorded_user(dovecot, "whole")
    with record(dovecot):
        talk(dovecot, user)
    for path in only_pair(user).files.values():
        assert b"rawtap" not in path.read_bytes()


@pytest.mark.parametrize("flags", [("-t",), ("-b",), ("-t", "-b", "-I")], ids="".join)
def test_flags(dovecot, record, flags):
    """The notes have their own line, and the address is what Dovecot has."""
    user = recorded_user(dovecot, "flags" + "".join(flags).lower().replace("-", ""))
    client = log_in(dovecot, user, transport="tls")
    with record(dovecot, *flags) as rawtap:
        rest = Rest(client)
        say(client, "after")
        client.logout()
    pair = only_pair(user)
    assert pair.ip == ("127.0.0.1" if "-I" in flags else None)
    for direction, expected in zip(("in", "out"), rest.content):
        content = pair.read(direction)
        if "-t" in flags:
            content = rawlogs.split_timestamps(content.replace(b"<<<\n", b"").replace(b">>>\n", b""))[1]
        else:
            content = content.replace(b"<<<\n", b"").replace(b">>>\n", b"")
        assert content == BEGAN + expected
    assert rawtap.status == 0


def test_rawlog_dir(dovecot, record):
    """Its variables are known as far as Dovecot tells them."""
    user = recorded_user(dovecot, "dir@example.org")
    directory = dovecot.root / "dirs" / "dir@example.org" / "127.0.0.1"
    directory.mkdir(parents=True)
    os.chown(directory, user.uid, user.gid)
    client = log_in(dovecot, user, transport="tls")
    with record(dovecot, "--rawlog-dir", dovecot.root / "dirs" / "%u" / "%r") as rawtap:
        rest = Rest(client)
        say(client, "after")
        client.logout()
    pair, = librawlogs.find_pairs(directory).values()
    assert tuple(content.removeprefix(BEGAN) for content in pair.content) == rest.content
    assert rawtap.status == 0


def test_two_in_one_process(shared, record_shared):
    """Of one user: each in its own file. And a later login of another one, there."""
    user, other = virtual(shared, "one", "other")
    clients = [log_in(shared, user), log_in(shared, user, transport="tls")]
    with record_shared() as rawtap:
        parts = rests(*clients)
        third = talk(shared, other)
        for number, client in enumerate(clients):
            say(client, f"w{number}")
            client.logout()
    assert_logs(user, *parts)
    assert recorded(other) == [(third.session_in, third.session_out)]
    assert rawtap.status == 0


def test_two_users_in_one_process(shared, record_shared):
    """Nothing tells whose is which: neither is recorded, and that is a loss."""
    users = virtual(shared, "first", "second")
    clients = [log_in(shared, user) for user in users]
    with record_shared("-D") as rawtap:
        for client in clients:
            say(client, "after")
            client.logout()
    assert not any(list(user.rawlog_dir.iterdir()) for user in users)
    assert rawtap.status == 3
    assert rawtap.count(NOT_TOLD) == 2


def test_who_is_not_wanted(shared, record_shared):
    """Then it does not matter whose is which."""
    users = virtual(shared, "first", "second")
    clients = [log_in(shared, user) for user in users]
    with record_shared("-u", "somebody") as rawtap:
        for client in clients:
            say(client, "after")
            client.logout()
    assert rawtap.status == 0
    assert rawtap.count("its user does not match -u") == 2


@contextmanager
def first_in_path(directory, text):
    """A program of this text is found as doveadm."""
    program = directory / "doveadm"
    program.write_text(text)
    program.chmod(0o755)
    path = os.environ["PATH"]
    os.environ["PATH"] = f"{directory}:{path}"
    try:
        yield
    finally:
        os.environ["PATH"] = path


@pytest.mark.parametrize("text, why", [
    ("#!/bin/sh\necho it is broken >&2; exit 1\n", "doveadm who: it is broken"),
    ("#!/bin/sh\nexit 0\n", "doveadm who: its answer makes no sense"),
    ("#!/bin/sh\nexec sleep 60\n", "doveadm who: "),
], ids=["fails", "says nothing", "hangs"])
def test_doveadm(dovecot, record, shared_path, text, why):
    """Without its answer such sessions are a loss; others are not touched."""
    user = recorded_user(dovecot, "doveadm" + str(len(text)))
    client = log_in(dovecot, user)
    with first_in_path(shared_path, text), record(dovecot) as rawtap:
        say(client, "after")
        new = talk(dovecot, user)
        client.logout()
    assert recorded(user) == [(new.session_in, new.session_out)]
    assert rawtap.status == 3
    assert rawtap.count(NOT_TOLD) == 1
    assert why in rawtap.stderr


# Answers once somebody has seen that it was asked.
LATE = """#!/bin/sh
case "$*" in *who*) ;; *) exec /usr/bin/doveadm "$@";; esac
answer=$(/usr/bin/doveadm "$@")
touch {dir}/asked
while [ ! -e {dir}/go ]; do sleep 0.02; done
echo "$answer"
"""
HOLDS = """#!/bin/sh
[ $USER = second ] && touch {dir}/held && while [ ! -e {dir}/begin ]; do sleep 0.02; done
exec "$@"
"""
POST_LOGIN = """
service imap {{
  executable = imap imap-postlogin
}}
service imap-postlogin {{
  executable = script-login {script}
  user = root
  unix_listener imap-postlogin {{
    mode = 0666
  }}
}}
"""


def test_one_leaves_meanwhile(root, rawtap_binary, shared_path):
    """Dovecot's answer is about the first user, who has left. The second one, in the same process, is not
    in it: a post-login script holds the login. Nobody's log may get another one's mail."""
    shared_path.chmod(0o777)
    script = shared_path / "post-login"
    script.write_text(HOLDS.format(dir=shared_path))
    script.chmod(0o755)
    config = MANY + POST_LOGIN.format(script=script)
    with PrivateDovecot(config=config, services={"imap": SHARED}) as dovecot:
        users = virtual(dovecot, "first", "second")
        first = log_in(dovecot, users[0])
        second = connect(dovecot, "imap", "plain", users[1])
        second.protocol = "imap"
        second.send(b"x LOGIN second secret\r\n")
        wait_until((shared_path / "held").exists, "the post-login script")

        def leave():
            wait_until((shared_path / "asked").exists, "the question")
            first.logout()
            (shared_path / "go").touch()

        leaving = threading.Thread(target=leave)
        leaving.start()
        with first_in_path(shared_path, LATE.format(dir=shared_path)), \
                Tap("--base-dir", dovecot.base_dir, binary=rawtap_binary) as rawtap:
            leaving.join()
            (shared_path / "begin").touch()
            second.read_until(b"x OK")
            second.read_line()
            say(second, "after")
            second.logout()
            dovecot.wait_clients_gone("imap", "imap-login")
            rawtap.stop()
        assert not any(list(user.rawlog_dir.iterdir()) for user in users)
    assert rawtap.status == 3
    assert rawtap.count(NOT_TOLD) == 1


def test_userdb_does_not_answer(dovecot, record, shared_path):
    """That is no user without a home: the session is a loss."""
    user = recorded_user(dovecot, "untold")
    client = log_in(dovecot, user)
    text = '#!/bin/sh\ncase "$*" in *who*) exec /usr/bin/doveadm "$@";; esac\nexit 75\n'
    with first_in_path(shared_path, text), record(dovecot) as rawtap:
        say(client, "after")
        client.logout()
    assert not list(user.rawlog_dir.iterdir())
    assert rawtap.status == 3
    assert rawtap.count("it was open before rawtap started, and userdb does not tell of its user") == 1


def test_submission(root, record):
    """The connection to the relay is not taken for the client's."""
    with SmtpServer() as relay, PrivateDovecot(
            protocols=("submission",),
            config=f"submission_relay_host = 127.0.0.1\nsubmission_relay_port = {relay.port}\n") as \
            dovecot:
        user = recorded_user(dovecot, "sender")
        client = log_in(dovecot, user, "submission")
        say(client, "before")
        with record(dovecot) as rawtap:
            rest = Rest(client)
            say(client, "after")
            client.logout()
        assert_logs(user, rest)
    assert rawtap.status == 0


def test_saved_and_replayed(dovecot, record, run, tmp_path):
    user = recorded_user(dovecot, "saved")
    client = log_in(dovecot, user)
    with record(dovecot, "--save", tmp_path / "stream") as rawtap:
        say(client, "after")
        client.logout()
    assert rawtap.status == 0
    (tmp_path / "root").mkdir()
    result = run("replay", tmp_path / "stream", "--root", tmp_path / "root")
    assert result.returncode == 0, result.stderr
    for path in only_pair(user).files.values():
        assert (tmp_path / "root" / str(path)[1:]).read_bytes() == path.read_bytes()
