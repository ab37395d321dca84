# SPDX-License-Identifier: MIT
"""Several Dovecots, and one that starts, stops and reloads while rawtap runs.

Without --base-dir rawtap records every Dovecot on the host: these tests then name their
users with -u."""

import os
import re
import shutil
import signal
import subprocess
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from mailclient import connect
from private_dovecot import PrivateDovecot
from rawlogs import wait_until
from recorder import REPOSITORY
from taps import (assert_one_line, files, log_in, mail_pid, recorded, recorded_user, say, talk,
                  transcripts, wait_recorded)

MASK = "*@instances.example"


@pytest.fixture
def second(root):
    with PrivateDovecot() as dovecot:
        yield dovecot


@pytest.fixture
def tap(start_tap):
    return partial(start_tap, "-D")


@pytest.fixture
def user(dovecot):
    return recorded_user(dovecot, f"user{len(dovecot.users)}@instances.example")


# Which

@pytest.mark.alone
def test_several_instances(dovecot, second, tap, user):
    other = recorded_user(second, "other@instances.example")
    rawtap = tap("-u", MASK)
    clients = [talk(dovecot, user), talk(second, other), talk(second, other, "pop3", "tls")]
    for running in (dovecot, second):
        running.wait_sessions_over()
    assert rawtap.stop()[0] == 0
    assert recorded(user) == transcripts(clients[0])
    assert recorded(other) == transcripts(*clients[1:])


UNKNOWN = "kernel: .* [1-9]\\d* TLS bytes whose connection is not known"


@pytest.mark.parametrize("wanted", [True, False])
def test_tls_of_an_unknown_connection(start_tap, dovecot, shared_path, wanted):
    """As of a login process that copies what it receives before OpenSSL gets it: that can't be
    recorded, which is told. What is left out is no loss."""
    library = shared_path / "copied_read.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library,
                    REPOSITORY / "tests/programs/copied_read.c"], check=True)
    preloaded = f"import_environment = $import_environment LD_PRELOAD={library}\n"
    with PrivateDovecot(config=preloaded) as other:
        user = recorded_user(other, "user")
        rawtap = start_tap("-D", "--base-dir", (other if wanted else dovecot).base_dir, "-R", "rawlogs")
        client = connect(other, "imap", "starttls", user)
        client.command("NOOP")
        client.login()
        client.logout()
        other.wait_sessions_over()
        status, said = rawtap.stop()
    assert re.search(UNKNOWN, said) or not wanted   # rawtap forgets the process, maybe before
    assert ("bytes of connections whose beginning was not seen" in said) == wanted
    assert status == (3 if wanted else 0)


@pytest.mark.alone
def test_id_of_anothers_process(dovecot, second, start_tap, user):
    """rawtap hears of a process that it leaves alone when another one has its id."""
    other = recorded_user(second, "other@instances.example")
    rawtap = start_tap("-D", "--base-dir", dovecot.base_dir, "--rawlog")
    rawtap.process.send_signal(signal.SIGSTOP)
    left_out = log_in(second, other)
    pid = mail_pid(second, other)
    left_out.logout()
    second.wait_sessions_over()
    for count in range(1, 50):
        client = connect(dovecot, "imap", "plain", user)
        client.protocol = "imap"
        Path("/proc/sys/kernel/ns_last_pid").write_text(str(pid - 1))
        client.login()
        if mail_pid(dovecot, user, count) == pid:
            break
        client.logout()
        dovecot.wait_sessions_over()
    else:
        pytest.skip("too many other processes begin")
    rawtap.process.send_signal(signal.SIGCONT)
    wait_recorded(client)
    say(client, "after")
    client.logout()
    dovecot.wait_sessions_over()
    assert rawtap.stop()[0] == 0
    assert transcripts(client)[0] in recorded(user)


def test_base_dir_restricts(dovecot, second, record, user):
    other = recorded_user(second, "other@instances.example")
    with record(dovecot) as rawtap:
        client = talk(dovecot, user)
        talk(second, other)
        second.wait_sessions_over()
    assert recorded(user) == transcripts(client)
    assert files(other) == []
    assert rawtap.count("sessions recorded") == 1


def test_base_dir_by_another_name(dovecot, tap, user, tmp_path):
    (tmp_path / "link").symlink_to(dovecot.base_dir)
    tap("--base-dir", f"{tmp_path}/./link/")
    wait_recorded(talk(dovecot, user))


def test_base_dir_is_asked_for_at_the_start(run, tmp_path):
    assert_one_line(run("--base-dir", tmp_path / "missing"), 1, tmp_path / "missing",
                    "No such file")


@pytest.mark.alone
def test_instance_that_starts_later(tap):
    rawtap = tap("-u", MASK)
    with PrivateDovecot() as late:
        user = recorded_user(late, "late@instances.example")
        client = talk(late, user, transport="tls")
        late.wait_sessions_over()
        assert rawtap.stop()[0] == 0
        assert recorded(user) == transcripts(client)


# Start, stop, reload

def end_session(leader):
    """At once; an orderly stop takes Dovecot seconds. The leader's exit status is not ours."""
    os.kill(leader, signal.SIGKILL)
    for entry in os.listdir("/proc"):
        try:
            if entry.isdigit() and os.getsid(int(entry)) == leader:
                os.kill(int(entry), signal.SIGKILL)
        except ProcessLookupError:
            pass


def shut_down(dovecot):
    end_session(dovecot.process.pid)
    dovecot.process.wait(20)
    for leftover in (dovecot.base_dir, dovecot.root / "state"):     # sockets, locks
        shutil.rmtree(leftover)


def restart(dovecot):
    """With the same configuration, on other ports."""
    shut_down(dovecot)
    dovecot.log_file.unlink()
    dovecot.start()


def test_dovecot_restarts(second, tap):
    user = recorded_user(second, "restart")
    rawtap = tap("--base-dir", second.base_dir)
    clients = []
    for _ in range(3):
        clients.append(talk(second, user, "imap", "starttls", word=f"x{len(clients)}"))
        wait_recorded(*clients)
        restart(second)
    clients.append(talk(second, user, "pop3"))
    wait_recorded(*clients)
    assert rawtap.stop()[0] == 0


def test_session_that_outlives_its_dovecot(second, tap):
    """Dovecot's mail processes take ten seconds to notice. The master may be gone before
    rawtap has looked at its first session."""
    user = recorded_user(second, "outlives")
    rawtap = tap("--base-dir", second.base_dir)
    client = log_in(second, user)
    second.process.send_signal(signal.SIGQUIT)
    second.process.wait(20)
    say(client, "after")
    client.logout()
    wait_recorded(client)
    assert rawtap.stop()[0] == 0
    assert rawtap.count("not ended") == 0


def reload(dovecot):
    before = dovecot.log().count("SIGHUP received")
    subprocess.run(["doveadm", "-c", dovecot.config_file, "reload"], check=True)
    wait_until(lambda: dovecot.log().count("SIGHUP received") > before, "Dovecot to reload")


@pytest.mark.parametrize("transport", ["plain", "tls"])
def test_dovecot_reloads(second, tap, transport):
    user = recorded_user(second, "reload")
    rawtap = tap("--base-dir", second.base_dir)
    across = log_in(second, user, "imap", transport)
    say(across, "before")
    reload(second)
    say(across, "after")
    new = talk(second, user, "imap", transport, word="new")
    say(across, "later")
    across.logout()
    wait_recorded(across, new)
    assert rawtap.stop()[0] == 0


# What was there before

@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_processes_that_wait_for_a_session(root, tap, protocol):
    """Forked before rawtap started, used afterwards."""
    with PrivateDovecot(services={protocol: {"process_min_avail": 3}}) as dovecot:
        user = recorded_user(dovecot, "forked")
        waiting = wait_until(lambda: (found := dovecot.processes(protocol))[2:] and found,
                             "processes in advance")
        rawtap = tap("--base-dir", dovecot.base_dir)
        clients = [talk(dovecot, user, protocol, transport, word=f"x{i}")
                   for i, transport in enumerate(("plain", "tls") * 3)]
        wait_recorded(*clients)
        assert rawtap.stop()[0] == 0
        assert set(waiting) & {login.pid for login in dovecot.logins()}


def test_process_that_has_served_before(root, tap):
    """Its connection to the auth service is older than rawtap."""
    with PrivateDovecot(services={"imap": {"service_count": 0, "process_limit": 1}}) as dovecot:
        user = recorded_user(dovecot, "served")
        talk(dovecot, user)
        rawtap = tap("--base-dir", dovecot.base_dir)
        clients = [talk(dovecot, user, word=f"x{i}") for i in range(3)]
        wait_recorded(*clients)
        assert rawtap.stop()[0] == 0
        assert len({login.pid for login in dovecot.logins()}) == 1


# Without -F: the child of the one that was called is the master

@contextmanager
def in_the_background(dovecot):
    subprocess.run(["dovecot", "-c", dovecot.config_file], check=True)
    wait_until(lambda: "starting up for" in dovecot.log(), "Dovecot to start")
    try:
        yield
    finally:
        end_session(os.getsid(int((dovecot.base_dir / "master.pid").read_text())))


@pytest.fixture
def stopped(second):
    """Configured, and not running."""
    shut_down(second)
    second.log_file.unlink()
    second.base_dir.mkdir(0o755)
    return second


def test_daemon_that_ran_before(stopped, tap):
    user = recorded_user(stopped, "daemon")
    with in_the_background(stopped):
        rawtap = tap("--base-dir", stopped.base_dir)
        wait_recorded(talk(stopped, user, transport="tls"))
        assert rawtap.stop()[0] == 0


def test_daemon_that_starts_later(stopped, tap):
    user = recorded_user(stopped, "daemon")
    rawtap = tap("--base-dir", stopped.base_dir)
    with in_the_background(stopped):
        wait_recorded(talk(stopped, user, transport="tls"))
        assert rawtap.stop()[0] == 0
