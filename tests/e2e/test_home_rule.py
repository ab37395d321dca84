# SPDX-License-Identifier: MIT
"""Who is recorded: users with a directory dovecot.rawlog in the home that userdb returned."""

import os
import re
import socket
import stat

import pytest

import rawlogs
from mailclient import TRANSPORTS
from private_dovecot import PrivateDovecot
from rawlogs import wait_until
from taps import files, log_in, mail_pid, recorded, recorded_user, say, talk, transcripts


# Where the home comes from

@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_home_of_userdb(dovecot, record, protocol, transport):
    user = recorded_user(dovecot, f"{protocol}-{transport}@example.org")
    with record(dovecot) as rawtap:
        client = talk(dovecot, user, protocol, transport)
    assert recorded(user) == transcripts(client)
    assert rawtap.status == 0


def test_mail_home_does_not_count(root, record):
    dovecot = PrivateDovecot()
    dovecot.config = f"mail_home = {dovecot.root}/home/%u"
    with dovecot:
        # The directory is where mail_home points; userdb returns a home for one of the two.
        with_home, without = (recorded_user(dovecot, name) for name in ("with", "without"))
        line = without.passwd_line().replace(str(without.home), "")
        (dovecot.passwd_dir / without.name).write_text(line)
        with record(dovecot, "-D") as rawtap:
            client = talk(dovecot, with_home)
            talk(dovecot, without)
        assert recorded(with_home) == transcripts(client)
        assert files(without) == []
        assert rawtap.said(without) == ["not recorded: userdb returned no home directory"]


def test_relative_home(dovecot, record):
    user = dovecot.add_user("relative")
    line = user.passwd_line().replace(str(user.home), "home/relative")
    (dovecot.passwd_dir / user.name).write_text(line)
    with record(dovecot) as rawtap:
        log_in(dovecot, user).read_to_end()     # Dovecot does not want it either
    assert "not an absolute path" in rawtap.said(user)[0]


@pytest.mark.parametrize("home", ["two words", "tab\there", "back\\slash", "'quote\"", "J\u00fcrgen",
                                  "..x/./y"])
def test_home_with_odd_characters(dovecot, record, home):
    user = recorded_user(dovecot, f"odd{abs(hash(home))}", home=dovecot.root / "home" / home)
    with record(dovecot) as rawtap:
        client = talk(dovecot, user)
    assert recorded(user) == transcripts(client), rawtap.stderr


# What is there: lstat() decides, and so does native

def missing(user):
    user.rawlog_dir.rmdir()


def regular_file(user):
    missing(user)
    user.rawlog_dir.touch()


def link_to_directory(user):
    user.rawlog_dir.rename(user.home / "elsewhere")
    user.rawlog_dir.symlink_to("elsewhere")


def dangling_link(user):
    missing(user)
    user.rawlog_dir.symlink_to("nowhere")


def home_is_missing(user):
    missing(user)
    user.home.rmdir()


def home_through_a_link(user):
    real = user.home.with_name("real-" + user.home.name)
    user.home.rename(real)
    user.home.symlink_to(real)


def home_not_searchable(user):
    user.home.chmod(0)


def not_writable(user):
    user.rawlog_dir.chmod(0o500)


def of_another(user):
    os.chown(user.rawlog_dir, 0, 0)


def writable_for_its_group(user):
    """Not the user's, but open to the primary group."""
    os.chown(user.rawlog_dir, 0, user.gid)
    user.rawlog_dir.chmod(0o770)


def not_searchable(user):
    user.rawlog_dir.chmod(0o600)


def not_readable(user):
    user.rawlog_dir.chmod(0o300)


def open_to_all(user):
    user.rawlog_dir.chmod(0o777)


DOES_NOT_EXIST = r"rawlog: {dir} doesn't exist"
NOT_A_DIRECTORY = r"rawlog: {dir} is not a directory"
NOT_CREATED = r"creat\({dir}/\d{{8}}-\d{{6}}-\d+\) failed: Permission denied"
CASES = {
    missing: DOES_NOT_EXIST,
    regular_file: NOT_A_DIRECTORY,
    link_to_directory: NOT_A_DIRECTORY,
    dangling_link: NOT_A_DIRECTORY,
    home_is_missing: DOES_NOT_EXIST,
    home_through_a_link: None,
    home_not_searchable: r"lstat\(\) failed for {dir}: Permission denied",
    not_writable: NOT_CREATED,
    of_another: NOT_CREATED,
    writable_for_its_group: None,
    not_searchable: NOT_CREATED,
    not_readable: None,
    open_to_all: None,
}


@pytest.fixture(params=CASES, ids=lambda case: case.__name__)
def case(request):
    return request.param


def user_of(dovecot, case):
    user = recorded_user(dovecot, f"{case.__name__}-{len(dovecot.users)}@example.org")
    case(user)
    return user


def rawlog_pairs(user):
    """Also where the directory has become something else."""
    directories = [path for path in user.home.glob("*") if path.is_dir()]
    return [pair for directory in directories for pair in rawlogs.find_pairs(directory)]


def test_verdict(dovecot, record, case):
    user = user_of(dovecot, case)
    with record(dovecot, "-D") as rawtap:
        client = talk(dovecot, user)       # is undisturbed
    reason = CASES[case]
    if reason is None:
        assert recorded(user) == transcripts(client)
    else:
        assert rawlog_pairs(user) == []
        said, = rawtap.said(user)
        assert re.fullmatch("not recorded: " + reason.format(dir=re.escape(str(user.rawlog_dir))),
                            said)
    # a directory that there is not is as its user wants it
    assert rawtap.status == (3 if reason and "failed" in reason else 0)


def test_same_verdict_as_native(native_dovecot, record, case):
    user = user_of(native_dovecot, case)
    with record(native_dovecot):
        talk(native_dovecot, user)
    mail = mail_pid(native_dovecot, user)
    pairs = rawlog_pairs(user)
    assert [pair.pid == mail for pair in pairs].count(True) \
        == [pair.pid != mail for pair in pairs].count(True) == (CASES[case] is None)


@pytest.fixture(scope="module")
def native_dovecot(root):
    with PrivateDovecot(native="binary") as dovecot:
        yield dovecot


@pytest.mark.parametrize("case", [not_writable, home_not_searchable], ids=lambda case: case.__name__)
def test_what_the_admin_has_to_mend_is_said_without_debug(dovecot, record, case):
    user = user_of(dovecot, case)
    with record(dovecot) as rawtap:
        talk(dovecot, user)
    assert len(rawtap.said(user)) == 1
    assert "rawtap: warning: imap(" in rawtap.stderr


@pytest.mark.parametrize("case", [missing, link_to_directory], ids=lambda case: case.__name__)
def test_what_is_usual_is_said_with_debug_alone(dovecot, record, case):
    user = user_of(dovecot, case)
    with record(dovecot) as rawtap:
        talk(dovecot, user)
    assert rawtap.said(user) == []
    assert rawtap.count({missing: "its log directory does not exist",
                         link_to_directory: "dovecot.rawlog is not a directory"}[case]) == 1


# chroot

@pytest.fixture(scope="module")
def chroot_dovecot(root):
    dovecot = PrivateDovecot()
    dovecot.config = f"valid_chroot_dirs = {dovecot.root}"
    with dovecot:
        yield dovecot


def chroot_user(dovecot, name, home="/home"):
    """userdb returns home as seen from inside."""
    inside = dovecot.root / "jail" / name
    user = recorded_user(dovecot, name, home=inside / "home", maildir=inside / "mail",
                         fields={"chroot": str(inside), "mail": "maildir:/mail"})
    for path in (inside, inside.parent):
        path.chmod(0o755)
    line = user.passwd_line().replace(f"::{user.home}::", f"::{home}::")
    (dovecot.passwd_dir / name).write_text(line)
    return user


def test_chroot_is_honoured(chroot_dovecot, record):
    """The home is below the chroot, as for everything else in Dovecot. Native looks for
    HOME/dovecot.rawlog in the real root: script-login removes RESTRICT_CHROOT, so that the
    code in rawlog.c that would put it in front of the home never runs. The manual speaks of
    the user's home directory, and that is where rawtap looks."""
    user = chroot_user(chroot_dovecot, "jailed")
    with record(chroot_dovecot, "-D") as rawtap:
        client = talk(chroot_dovecot, user)
    assert recorded(user) == transcripts(client), rawtap.stderr


def test_links_in_a_chroot_stay_in_it(chroot_dovecot, record):
    user = chroot_user(chroot_dovecot, "linked", home="/link")
    (user.home.parent / "link").symlink_to("/home")
    with record(chroot_dovecot, "-D") as rawtap:
        client = talk(chroot_dovecot, user)
    assert recorded(user) == transcripts(client), rawtap.stderr


def test_message_names_the_real_path(chroot_dovecot, record):
    user = chroot_user(chroot_dovecot, "nothing-there")
    user.rawlog_dir.rmdir()
    with record(chroot_dovecot, "-D") as rawtap:
        talk(chroot_dovecot, user)
    assert rawtap.said(user) == [f"not recorded: rawlog: {user.rawlog_dir} doesn't exist"]


# The files

def test_files_are_the_users_own(dovecot, record):
    user = recorded_user(dovecot, "owner", gid=5999)
    with record(dovecot):
        talk(dovecot, user)
    assert len(files(user)) == 2
    for path in user.rawlog_dir.iterdir():
        status = path.stat()
        assert (status.st_uid, status.st_gid) == (user.uid, 5999)
        assert stat.S_IMODE(status.st_mode) == 0o600


def test_ids_of_mail_uid_and_mail_gid(root, record):
    with PrivateDovecot(config="mail_uid = 5300\nmail_gid = 5301") as dovecot:
        user = recorded_user(dovecot, "global", uid=5300, gid=5301)
        line = user.passwd_line().replace(":5300:5301:", ":::")
        (dovecot.passwd_dir / user.name).write_text(line)
        with record(dovecot) as rawtap:
            client = talk(dovecot, user)
        assert recorded(user) == transcripts(client), rawtap.stderr
        for path in user.rawlog_dir.iterdir():
            assert (path.stat().st_uid, path.stat().st_gid) == (5300, 5301)


@pytest.mark.parametrize("name", [
    "o+neil&tag=1@ex-ample.org", "a{b}%u@x", "J\u00fcrgen@m\u00fcnchen.example", "<x>(y)",
    "$HOME`id`;*?"])
def test_user_names_with_odd_characters(odd_dovecot, record, name):
    user = recorded_user(odd_dovecot, name.lower(), home=odd_dovecot.root / "home" / str(len(name)))
    with record(odd_dovecot, "-D") as rawtap:
        client = log_in(odd_dovecot, user, method="login_literals")
        client.logout()
    assert recorded(user) == transcripts(client), rawtap.stderr


@pytest.fixture(scope="module")
def odd_dovecot(root):
    with PrivateDovecot(config="auth_username_chars =") as dovecot:
        yield dovecot


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="this host has no ::1")
def test_ipv6(root, record):
    with PrivateDovecot(listen=("127.0.0.1", "::1")) as dovecot:
        user = recorded_user(dovecot, "six")
        with record(dovecot, "-I") as rawtap:
            clients = [talk(dovecot, user, "imap", transport, host=host)
                       for host in ("127.0.0.1", "::1") for transport in TRANSPORTS]
        assert recorded(user) == transcripts(*clients), rawtap.stderr
        assert sorted(pair.ip for pair in rawlogs.find_pairs(user.rawlog_dir)) \
            == ["127.0.0.1"] * 3 + ["::1"] * 3


# Many connections of one process

def several_in_a_second(user):
    """(time, pid) of pairs -> their serial numbers; true if any time had two."""
    groups = {}
    for pair in rawlogs.find_pairs(user.rawlog_dir):
        groups.setdefault((pair.time, pair.pid), []).append(pair.serial or 1)
    for serials in groups.values():
        assert sorted(serials) == list(range(1, len(serials) + 1))
    return any(len(serials) > 1 for serials in groups.values())


@pytest.fixture(scope="module")
def one_process(root):
    """One imap process serves everybody, side by side; one pop3 process, one by one."""
    with PrivateDovecot(services={
            "imap": {"service_count": 0, "client_limit": 10, "process_limit": 1},
            "pop3": {"service_count": 0, "client_limit": 1, "process_limit": 1}}) as dovecot:
        yield dovecot


@pytest.fixture
def record_alone(record):
    """record(), where mail processes do not end with their sessions."""
    class Ended:
        def __init__(self, dovecot):
            self.base_dir = dovecot.base_dir

        def wait_sessions_over(self):
            pass

    return lambda dovecot, *options: record(Ended(dovecot), *options)


def test_one_after_another_in_one_process(one_process, record_alone):
    user = recorded_user(one_process, "one-after-another")
    clients = []
    with record_alone(one_process):
        while not several_in_a_second(user):
            clients += [talk(one_process, user, "pop3", word=f"w{len(clients)}") for _ in range(5)]
            wait_until(lambda: recorded(user) == transcripts(*clients), "all to be recorded")
    assert len({pair.pid for pair in rawlogs.find_pairs(user.rawlog_dir)}) == 1


def test_side_by_side_in_one_process(one_process, record_alone):
    user = recorded_user(one_process, "side-by-side")
    closed = []
    with record_alone(one_process):
        while not several_in_a_second(user):
            clients = [log_in(one_process, user, "imap", TRANSPORTS[i % 3]) for i in range(6)]
            for turn in range(3):
                for i, client in enumerate(clients):
                    say(client, f"c{len(closed)}x{i}x{turn}")
            for client in clients:
                client.logout()
            closed += clients
            wait_until(lambda: recorded(user) == transcripts(*closed), "all to be recorded")
    assert len({pair.pid for pair in rawlogs.find_pairs(user.rawlog_dir)}) == 1


# Who is not recorded costs one verdict

def unrecorded_session(dovecot, record, user, commands):
    with record(dovecot, "-D") as rawtap:
        client = log_in(dovecot, user)
        wait_until(lambda: rawtap.said(user), "the verdict")
        for _ in range(commands):
            client.command("NOOP")
        client.logout()
    return rawtap


def test_users_without_the_directory_cost_one_verdict(dovecot, record):
    user = dovecot.add_user("unrecorded")
    few, many = (unrecorded_session(dovecot, record, user, count) for count in (10, 3000))
    for rawtap in (few, many):
        assert rawtap.count("sessions recorded") == 0
        assert rawtap.count("its log directory does not exist") == 1
        assert rawtap.count("sockets given the verdict 'not recorded'") >= 1
    more = 2 * (3000 - 10)      # a read and a write for each command
    assert many.count("of them skipped by a verdict") - few.count("of them skipped by a verdict") \
        >= more - 10
    # Not at all, were it not for what other Dovecots on this host do meanwhile.
    assert many.count("records written to the ring") - few.count("records written to the ring") \
        < more / 10


def test_users_with_the_directory_cost_a_record_for_each_operation(dovecot, record):
    """So that the test above can fail."""
    user = recorded_user(dovecot, "costly")
    with record(dovecot) as rawtap:
        client = log_in(dovecot, user)
        for _ in range(1000):
            client.command("NOOP")
        client.logout()
    assert rawtap.count("records written to the ring") >= 2000
