# SPDX-License-Identifier: MIT
"""rawtap runs as root and writes into directories of users: nobody gets more by it than they
have. Who is believed, and whose rights are used."""

import os
import shutil
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from rawlogs import wait_until
from tracee import (GID, GROUP, UID, VICTIM, Place, build_programs, own, reply, run_refused,
                    temporary_directory, tree, wait_stopped)

UNTRUSTED = "is not recorded: its program is not a dovecot that belongs to root"
FORGED = "other ids than the user lookup returned"


@pytest.fixture
def other_programs(programs):
    """The tracee's programs, for a test to spoil."""
    directory = temporary_directory()
    for name in ("dovecot", "imap"):
        shutil.copy2(programs / name, directory / name)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def other_place(programs, rawtap_binary):
    """Where an ordinary user plays Dovecot."""
    with Place(programs, rawtap_binary) as place:
        own(place.base_dir)
        yield place


# The master

def test_without_a_reason_to_refuse_it_is_recorded(place):
    """The control: each test below differs from this in one thing."""
    place.run("brief").assert_complete()


def test_tree_of_an_ordinary_user(place, victim):
    """Programs called dovecot and imap, and a handshake that names another's home."""
    own(place.base_dir)
    run_refused(place, UNTRUSTED, as_uid=UID, uid=0, reply=reply(victim, VICTIM, VICTIM))


def test_tree_of_an_ordinary_user_with_his_own_home(place):
    own(place.base_dir)
    run_refused(place, UNTRUSTED, as_uid=UID, uid=0)


@pytest.mark.alone      # it starts processes for whatever else is called dovecot
@pytest.mark.parametrize("as_uid", [0, UID])
def test_no_process_for_an_ordinary_user(place, tmp_path, monkeypatch, as_uid):
    """Who starts many programs called dovecot has rawtap start none."""
    own(place.base_dir)
    monkeypatch.setenv("LD_DEBUG", "libs")      # each process writes a file
    monkeypatch.setenv("LD_DEBUG_OUTPUT", str(tmp_path / "started"))
    recorder = place.rawtap()
    monkeypatch.undo()
    before = set(tmp_path.iterdir())
    assert before
    place.tracee("brief", as_uid=as_uid, uid=0).finish()
    assert place.stop().status == 0
    started = set(tmp_path.iterdir()) - before
    assert bool(started) == (as_uid == 0), recorder.stderr


@pytest.mark.parametrize("owner, mode", [(UID, 0o755), (0, 0o775), (0, 0o757)])
def test_program_that_others_can_write(place, other_programs, owner, mode):
    own(other_programs / "dovecot", owner, 0)
    (other_programs / "dovecot").chmod(mode)
    run_refused(place, UNTRUSTED, master=[other_programs / "dovecot"])


# A shell that plays the master, under whatever name: it is given the tracee's arguments.
SHELL_MASTER = 'cd "$1" && shift && "$@"; status=$?; read end; exit $status'


def shell_master(place, shell):
    return [shell, "-c", SHELL_MASTER, "dovecot", place.base_dir, place.programs / "imap"]


def test_link_called_dovecot(place, other_programs):
    (other_programs / "dovecot").unlink()
    (other_programs / "dovecot").symlink_to("/bin/sh")
    run_refused(place, UNTRUSTED, master=shell_master(place, other_programs / "dovecot"))


def test_another_program_called_dovecot(place, other_programs):
    shutil.copy2("/bin/sh", other_programs / "dovecot")
    run_refused(place, "its program does not tell --version",
                master=shell_master(place, other_programs / "dovecot"))


# A release that is not known

@contextmanager
def place_of(version, rawtap_binary):
    with build_programs(version) as programs, Place(programs, rawtap_binary) as place:
        yield place


def test_unknown_release_that_is_like_the_next_one(rawtap_binary):
    with place_of("2.2.36", rawtap_binary) as place:
        run = place.run("brief")
        run.assert_complete()
        assert "Dovecot 2.2.36 (tracee) is not known" in run.stderr


def test_unknown_release_that_is_like_none(rawtap_binary):
    with place_of("2.9.0", rawtap_binary) as place:
        run_refused(place, "its Dovecot's release is not known", status=3)


def only_child(pid):
    children = Path(f"/proc/{pid}/task/{pid}/children")
    return int(wait_until(lambda: children.read_text().split(), "a child")[0])


def test_master_in_a_container(place, mounts):
    """Its paths are others, and its root may not be ours."""
    before = tree(place.home)
    place.rawtap()
    unshare = ["unshare", "--pid", "--fork", "--kill-child", place.programs / "dovecot"]
    tracee = place.tracee("brief", master=unshare)
    tracee.finish(f"master process {only_child(tracee.process.pid)}")
    assert place.stop().summary["sessions"] == 0
    assert tree(place.home) == before


@pytest.mark.parametrize("stranger", [False, True])
def test_strangers_do_not_fill_the_ring(place, other_place, stranger):
    """What an ordinary user's imap does costs no recorded session a byte."""
    place.rawtap("-b", "--ring-size", "16M")
    tracee = place.tracee("flood")
    tracee.wait_for("begun")
    wait_until(lambda: len(place.files()) == 2, "the files")
    os.kill(place.recorder.pid, signal.SIGSTOP)
    wait_stopped(place.recorder.pid)
    if stranger:
        other_place.tracee("sizes:read", as_uid=UID, uid=0)
        wait_until(other_place.sessions_ended, "the stranger to end")
    tracee.say()
    tracee.wait_for("flooded")
    os.kill(place.recorder.pid, signal.SIGCONT)
    tracee.finish()
    place.stop(["-b"]).assert_complete()


def test_mail_process_without_a_master(place):
    """Nothing is believed, and nothing is said either: it is nobody's."""
    place.rawtap()
    command = [place.programs / "imap", "--base", place.base_dir, "--expect", place.expect,
               "--reply", reply(place.home), "--uid", str(UID), "--gid", str(GID), "brief"]
    subprocess.run(command, check=True, timeout=60)
    assert place.stop().summary["sessions"] == 0
    assert not place.files()


def test_other_instance(place):
    other = place.root / "other"
    other.mkdir()
    place.recorder = None
    place.base_dir, base_dir = other, place.base_dir
    place.rawtap()
    place.base_dir = base_dir
    tracee = place.tracee("brief")
    tracee.finish()
    place.stop().assert_refused("another instance")
    assert not place.files()


# The handshake

def test_process_that_has_dropped_its_rights_already(place):
    """The control: it may speak for itself."""
    place.run("brief", arguments=["--drop-first"]).assert_complete()


def test_forged_uid(place, victim):
    run_refused(place, FORGED, arguments=["--drop-first"], reply=reply(victim, VICTIM, VICTIM))


def test_forged_uid_with_own_home(place):
    run_refused(place, FORGED, arguments=["--drop-first"], reply=reply(place.home, VICTIM))


def test_forged_gid(place):
    """A group that the process does not have."""
    own(place.log_dir, 0, GROUP)
    place.log_dir.chmod(0o770)
    run_refused(place, FORGED, arguments=["--drop-first"],
                reply=reply(place.home, UID, GROUP))


@pytest.mark.parametrize("answer, reason", [
    ("mailuser\tuid=0\tgid=0\thome={home}", "the user is root"),
    ("mailuser\tuid=5600\tgid=5600\thome=home", "not an absolute path"),
    ("mailuser\tuid=5600\tgid=5600\thome=", "not an absolute path"),
    ("mailuser\tuid=5600\tgid=5600", "no home directory"),
    ("mailuser\tuid=5600\tgid=5600\thome={home}\tchroot=jail", "not an absolute path"),
    ("mailuser\tuid=5600\tgid=5600\thome={home}\tuid=0", "the user is root"),
])
def test_unfit_answers(place, answer, reason):
    run_refused(place, reason, reply=answer.format(home=place.home))


@pytest.mark.parametrize("fields", ["uid=-1\tgid=-1", "uid=4294967295\tgid=5600",
                                    "uid=0x15e0\tgid=5600", "uid=\tgid=5600"])
def test_ids_that_make_no_sense(place, fields):
    """As if none had been returned: those that the process has taken count."""
    place.run("brief", reply=f"mailuser\t{fields}\thome={place.home}").assert_complete()
    assert {(path.stat().st_uid, path.stat().st_gid) for path in place.files()} == {(UID, GID)}


def test_process_that_stays_root(place):
    reason = "uid and gid are not known"
    run_refused(place, reason, uid=0, reply=f"mailuser\thome={place.home}")


@pytest.mark.parametrize("name", [
    "mail\x1b[31muser", "mail\x01nrawtap: forged", "mail\x01ruser", "mail\x07user", "\x7f",
    "x" * 5000, "mail\u009b31muser", "%s%n%u"])
def test_names_cannot_forge_lines(place, name):
    result = place.run("brief", flags=("-b",), name=name)
    result.assert_complete()
    for line in result.stderr.splitlines():
        assert line.startswith("rawtap: ") and not line.startswith("rawtap: forged")
        assert line.isprintable(), ascii(line)


# The recorder itself

def test_capabilities(place):
    """Who reads what others have said can't write to files; who can reads nothing."""
    recorder = place.rawtap()
    dac_read_search, setgid, setuid, sys_ptrace = (1 << bit for bit in (2, 6, 7, 19))
    for pid, allowed in ((recorder.pid, sys_ptrace | dac_read_search),
                         (recorder.writer_pid, dac_read_search | setgid | setuid)):
        with open(f"/proc/{pid}/status") as file:
            status = dict(line.rstrip("\n").split(":\t", 1) for line in file)
        assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == allowed
        assert int(status["CapInh"], 16) == int(status["CapAmb"], 16) == 0
        assert status["NoNewPrivs"] == "1"
    assert place.stop().status == 0


def test_users_have_no_power_over_the_writer(place):
    """Not even while it acts as a user: it gets the user's file system ids alone."""
    recorder = place.rawtap()
    place.tracee("sizes:read").finish()
    tasks = Path(f"/proc/{recorder.writer_pid}/task")
    for task in tasks.iterdir():
        status = dict(line.split(":", 1) for line in (task / "status").read_text().splitlines())
        assert status["Uid"].split()[:3] == status["Gid"].split()[:3] == ["0"] * 3
    assert (tasks.parent / "environ").stat().st_uid == 0
    killed = subprocess.run(["sh", "-c", f"kill -9 {recorder.writer_pid}"], user=UID, group=GID,
                            extra_groups=[], capture_output=True, text=True)
    assert killed.returncode and "not permitted" in killed.stderr.lower()
    place.stop().assert_complete()
