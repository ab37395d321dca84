# SPDX-License-Identifier: MIT
"""--rawlog-dir: names, what is in a file already, chroots, and what is refused at start."""

import grp
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import differences
import rawlogs
from dirstage import EACH, PROTOCOLS, WRITERS, both, contents, dovecot_of, make_dir, option, place, \
    user_with_dirs
from mailclient import TRANSPORTS
from private_dovecot import PrivateDovecot
from rawlogs import wait_until
from taps import Tap, assert_one_line, log_in, say, talk, transcripts

UID = 5500
GROUPS = 5700                   # the first of some numbers


# Many connections of one process

@pytest.fixture
def one_process(root):
    """One process of each protocol serves everybody: imap and submission side by side, pop3
    one by one. They have not served anybody yet."""
    with dovecot_of(EACH, services={
            "imap": {"service_count": 0, "client_limit": 10, "process_limit": 1},
            "submission": {"service_count": 0, "client_limit": 10, "process_limit": 1},
            "pop3": {"service_count": 0, "client_limit": 1, "process_limit": 1}}) as dovecot:
        dovecot.wait_sessions_over = lambda: None       # the processes stay
        yield dovecot


def wait_written(dovecot, *clients):
    """Until each of the two has written all of it; the processes do not end with their
    sessions, so nothing else tells that these are over."""
    users = {client.user.name: client.user for client in clients}
    for user in users.values():
        expected = sorted(transcripts(*(client for client in clients if client.user is user)), key=str)
        wait_until(lambda: [sorted(found.values(), key=str) for found in both(dovecot, user)]
                   == [expected] * 2,
                   "all to be written")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_one_after_another(one_process, record, protocol):
    user = user_with_dirs(one_process, "one-by-one")
    with record(one_process, *option(one_process, EACH)):
        clients = []
        for i in range(5):
            clients.append(talk(one_process, user, protocol, TRANSPORTS[i % 3], word=f"w{i}"))
            wait_written(one_process, *clients)
    native, rawtaps = both(one_process, user)
    assert rawtaps == native
    pid = one_process.wait_login(user).pid
    assert list(rawtaps) == [(pid, number) for number in range(1, 6)]


@pytest.mark.parametrize("protocol", ["imap", "submission"])
def test_side_by_side(one_process, record, protocol):
    """Who is counted first?"""
    users = [user_with_dirs(one_process, f"side{i}", uid=UID, gid=UID) for i in range(3)]
    with record(one_process, *option(one_process, EACH)):
        clients = [log_in(one_process, users[i % 3], protocol, TRANSPORTS[i // 3])
                   for i in range(9)]
        for turn in range(3):
            for i, client in enumerate(clients):
                say(client, f"c{i}x{turn}")
        for client in reversed(clients):
            client.logout()
        wait_written(one_process, *clients)
    numbers = []
    for user in users:
        native, rawtaps = both(one_process, user)
        assert rawtaps == native
        numbers += [number for _, number in rawtaps]
    assert sorted(numbers) == list(range(1, 10))


def test_all_at_once(one_process, record):
    """Nine clients that do not wait for each other."""
    users = [user_with_dirs(one_process, f"once{i}", uid=UID, gid=UID) for i in range(9)]
    with record(one_process, *option(one_process, EACH)):
        with ThreadPoolExecutor(9) as pool:
            clients = list(pool.map(lambda user: talk(one_process, user), users))
        wait_written(one_process, *clients)
    found = [both(one_process, user) for user in users]
    assert [rawtaps for _, rawtaps in found] == [native for native, _ in found]
    assert sorted(number for _, rawtaps in found for _, number in rawtaps) == list(range(1, 10))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_who_is_counted(one_process, record, protocol):
    """lib/iostream-rawlog.c counts a connection also if the files can't be made; before 2.4.2 only when
    the directory is there."""
    users = {name: user_with_dirs(one_process, name, uid=UID, gid=UID)
             for name in ("first", "missing", "not-writable", "second")}
    for who in WRITERS:
        place(one_process, users["missing"], who).rmdir()
        os.chown(place(one_process, users["not-writable"], who), 0, 0)
    with record(one_process, *option(one_process, EACH)):
        clients = [talk(one_process, user, protocol) for user in users.values()]
        wait_written(one_process, clients[0])
        wait_written(one_process, clients[-1])
    found = {name: both(one_process, user) for name, user in users.items()}
    for native, rawtaps in found.values():
        assert rawtaps == native
    numbers = {name: [number for _, number in rawtaps] for name, (_, rawtaps) in found.items()}
    last = 3 + (protocol in differences.said("protocols that count who has no directory"))
    assert numbers == {"first": [1], "missing": [], "not-writable": [], "second": [last]}


# A file of that name is there already

def test_an_existing_file_stays_as_it_is(one_process, record):
    user = user_with_dirs(one_process, "again")
    directory = place(one_process, user, "rawtap")
    with record(one_process, *option(one_process, EACH)):
        wait_written(one_process, talk(one_process, user))
        pid = one_process.wait_login(user).pid
        first = {path.name for path in directory.iterdir()}
        for second in range(60):
            name = time.strftime("%Y%m%d-%H%M%S", time.localtime(time.time() + second))
            for direction in "in", "out":
                path = directory / f"{name}.{pid}.2.{direction}"
                path.write_bytes(BEFORE)
                os.chown(path, user.uid, user.gid)
        before = {path.name for path in directory.iterdir()} - first
        client = talk(one_process, user, word="again")
        wait_until(lambda: list(besides(directory).values()) == transcripts(client),
                   "the log beside it")
    assert {path.name for path in directory.iterdir()} - first - before \
        == {f"{name}-2.{direction}" for name in besides(directory) for direction in ("in", "out")}
    assert len(before) == 120
    assert {(directory / name).read_bytes() for name in before} == {BEFORE}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_in_the_directory_that_dovecot_writes_to(root, record, protocol):
    """Second, pid and number are the same as well."""
    template = "{root}/logs/%u"
    with dovecot_of(template) as dovecot:
        user = dovecot.add_user("shared")
        directory = make_dir(dovecot.root / "logs" / user.name, user)
        with record(dovecot, *option(dovecot, template)) as rawtap:
            clients = [talk(dovecot, user, protocol, transport, word=transport)
                       for transport in TRANSPORTS]
        own = directory.parent / "rawtap's own"
        own.mkdir()
        besides_it = besides(directory)
        for name in besides_it:
            for direction in "in", "out":
                (directory / f"{name}-2.{direction}").rename(own / f"{name}.{direction}")
        assert contents(own) == contents(directory)
        assert sorted(besides_it.values()) == transcripts(*clients)
        assert rawtap.status == 0


BEFORE = b"1.000001 before\n"


def besides(directory):
    """{NAME: (.in, .out)}, where the name was taken and it is NAME-2, the stamps taken away."""
    return {path.name.removesuffix("-2.in"):
            tuple(rawlogs.split_timestamps(path.with_suffix(suffix).read_bytes())[1]
                  for suffix in (".in", ".out"))
            for path in directory.glob("*-2.in")}


# chroot

@pytest.mark.parametrize("template", ["/{who}", "/link/{who}", "%h/../{who}", "../{who}",
                                      "/../../{who}"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_chrooted_process_looks_inside(root, record, protocol, template):
    with dovecot_of(template, config="valid_chroot_dirs = {root}\n") as dovecot:
        inside = dovecot.root / "jail"
        user = dovecot.add_user("jailed", home=inside / "home", maildir=inside / "mail",
                                fields={"chroot": str(inside), "mail": "maildir:/mail"})
        inside.chmod(0o755)
        line = user.passwd_line().replace(f"::{user.home}::", "::/home::")
        (dovecot.passwd_dir / user.name).write_text(line)
        (inside / "link").symlink_to("/")       # stays inside
        for who in WRITERS:
            make_dir(inside / who, user)
        with record(dovecot, "-D", *option(dovecot, template)) as rawtap:
            client = talk(dovecot, user, protocol)
        native, rawtaps = (contents(inside / who) for who in WRITERS)
        assert list(native.values()) == transcripts(client)
        assert rawtaps == native, rawtap.stderr


# Who writes: the mail process's groups count

@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("groups", ["games", ""])
def test_a_directory_of_a_group(root, record, protocol, groups):
    with dovecot_of(EACH, config=f"mail_access_groups = {groups}\n") as dovecot:
        user = user_with_dirs(dovecot, "joe")
        for who in WRITERS:
            os.chown(place(dovecot, user, who), 0, grp.getgrnam("games").gr_gid)
            place(dovecot, user, who).chmod(0o2770)     # its group goes to the files
        with record(dovecot, "-D", *option(dovecot, EACH)) as rawtap:
            client = talk(dovecot, user, protocol)
        native, rawtaps = both(dovecot, user)
        assert list(native.values()) == (transcripts(client) if groups else [])
        assert rawtaps == native, rawtap.stderr
        owners = [sorted((path.stat().st_uid, path.stat().st_gid)
                         for path in place(dovecot, user, who).iterdir()) for who in WRITERS]
        assert owners[1] == owners[0]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("count", [1, 60, 1000])
def test_its_process_is_gone(root, rawtap_binary, protocol, count):
    """Its groups count, though nobody can be asked for them any more: the last one, too."""
    groups = range(GROUPS, GROUPS + count)
    config = f"mail_access_groups = {','.join(map(str, groups))}\n"
    with dovecot_of(EACH, config=config) as dovecot:
        user = user_with_dirs(dovecot, "joe")
        for who in WRITERS:
            os.chown(place(dovecot, user, who), 0, groups[-1])
            place(dovecot, user, who).chmod(0o2770)
        with Tap("--base-dir", dovecot.base_dir, *option(dovecot, EACH),
                 binary=rawtap_binary) as rawtap:
            rawtap.process.send_signal(signal.SIGSTOP)
            client = talk(dovecot, user, protocol)
            dovecot.wait_sessions_over()
            rawtap.process.send_signal(signal.SIGCONT)
            rawtap.stop()
        native, rawtaps = both(dovecot, user)
        assert list(native.values()) == transcripts(client)
        assert rawtaps == native, rawtap.stderr


# Refused at start, in one line

@pytest.mark.parametrize("word, reason", [
    ("/x/%{nonsense}", "nonsense"), ("/x/%{lport}", "lport"), ("/x/%k", "%k"), ("/x/%{user", "user"),
    ("imap=/x/%{nonsense}", "nonsense"), ("", "--rawlog-dir"), ("imap=", "--rawlog-dir"),
    ("smtp=/x", "smtp"), ("tcp:no.such.host.invalid:4000", "no.such.host.invalid")])
def test_refused(run, word, reason):
    result = run("--rawlog-dir", word)
    assert_one_line(result, 1 if word.startswith("tcp:") else 2, reason)


def test_refused_by_dovecot_as_well(root, record):
    """So that what is refused here is really what breaks logins there."""
    with dovecot_of("{root}/{who}/%{nonsense}") as dovecot:
        user = dovecot.add_user("nonsense")
        client = log_in(dovecot, user)
        assert b"BYE" in client.read_line()
        wait_until(lambda: differences.said("an unknown variable") in dovecot.log(),
                   "the reason in Dovecot's log")


def test_without_native(root, record):
    with PrivateDovecot() as dovecot:
        user = dovecot.add_user("alone")
        make_dir(place(dovecot, user, "rawtap"), user)
        with record(dovecot, *option(dovecot, EACH)) as rawtap:
            clients = [talk(dovecot, user, protocol, transport)
                       for protocol in ("imap", "pop3") for transport in TRANSPORTS]
        assert sorted(contents(place(dovecot, user, "rawtap")).values()) == transcripts(*clients)
        assert rawtap.status == 0
