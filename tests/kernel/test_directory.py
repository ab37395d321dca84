# SPDX-License-Identifier: MIT
"""Where files are made: with the user's rights, and only where the user could have made them."""

import os
import resource
import struct
import subprocess
import time

import pytest

import rawlogs
from rawlogs import wait_until
from streamabi import NUMBERS, saved_records
from tracee import GID, GROUP, UID, VICTIM, own, reply, run_refused, tree

NOT_A_DIRECTORY = "dovecot.rawlog is not a directory"


def replace_log_dir(place, how):
    place.log_dir.rmdir()
    if how == "file":
        place.log_dir.touch()
    elif how == "fifo":
        os.mkfifo(place.log_dir)
    elif how == "dangling link":
        place.log_dir.symlink_to(place.root / "nothing")
    elif how == "link to an own directory":
        target = place.home / "logs"
        target.mkdir()
        own(target)
        place.log_dir.symlink_to(target)
    elif how == "link to another's directory":
        place.log_dir.symlink_to(place.root / "victim" / "dovecot.rawlog")
    own(place.log_dir)


@pytest.mark.parametrize("how", ["file", "fifo", "dangling link", "link to an own directory",
                                 "link to another's directory"])
def test_not_a_directory(place, victim, how):
    replace_log_dir(place, how)
    run_refused(place, NOT_A_DIRECTORY)


def test_missing(place):
    place.log_dir.rmdir()
    run_refused(place, "dovecot.rawlog doesn't exist")


@pytest.mark.parametrize("owner, mode", [(UID, 0o500), (0, 0o755), (VICTIM, 0o700)])
def test_not_writable(place, owner, mode):
    own(place.log_dir, owner)
    place.log_dir.chmod(mode)
    run_refused(place, "Permission denied", status=3)


def test_another_users_directory_that_everybody_can_write(place):
    own(place.log_dir, VICTIM, VICTIM)
    place.log_dir.chmod(0o777)
    place.run("brief").assert_complete()


def test_home_below_a_private_directory(place):
    """As root one would come through."""
    private = place.root / "private"
    private.mkdir(mode=0o700)
    own(private, VICTIM, VICTIM)
    place.home = place.home.rename(private / "home")
    place.log_dir = place.home / "dovecot.rawlog"
    run_refused(place, "lstat() failed", status=3)


def test_home_that_is_a_link(place):
    link = place.root / "link"
    link.symlink_to("home")
    place.run("brief", reply=reply(link)).assert_complete()


def test_home_that_is_a_link_to_another_users(place, victim):
    link = place.root / "link"
    link.symlink_to("victim")
    run_refused(place, "Permission denied", status=3, reply=reply(link))


def test_home_with_dots(place):
    place.run("brief", reply=reply(f"{place.root}/expect/../home/.")).assert_complete()


# The files

def test_owner_and_mode(place):
    place.run("brief").assert_complete()
    for path in place.files():
        stat = path.stat()
        assert (stat.st_uid, stat.st_gid, stat.st_mode & 0o7777) == (UID, GID, 0o600)


@pytest.mark.parametrize("groups", [(), (GROUP,), (5701, GROUP, 5702)])
def test_supplementary_groups(place, groups):
    """The directory is open to a group that the mail process has beside its first one."""
    own(place.log_dir, 0, GROUP)
    place.log_dir.chmod(0o770)
    if not groups:
        run_refused(place, "Permission denied", status=3)
        return
    place.rawtap("-b")
    tracee = place.tracee("talk", groups=groups)
    tracee.wait_for("ready")
    tracee.say()
    tracee.wait_for("talked")
    wait_until(place.files, "the files")
    tracee.finish()
    place.stop(["-b"]).assert_complete()
    assert {(path.stat().st_uid, path.stat().st_gid) for path in place.files()} == {(UID, GID)}


@pytest.mark.parametrize("count", [1, 32, 33, 1023, 1024, 1025])
def test_groups_in_the_stream(place, count):
    """They are in a record of two sizes, whose header tells how much of it is used."""
    groups = range(GROUP, GROUP + count)
    place.rawtap("-b", "--save", place.root / "stream")
    place.tracee("brief", groups=groups).finish()
    result = place.stop(["-b"])
    result.assert_complete()
    kept = groups[:1024]
    found = {payload for kind, payload in saved_records(place.root / "stream")
             if kind == NUMBERS["RL_GROUPS"]}
    assert struct.pack(f"=II{len(kept)}I", count, 0, *kept) in found    # beside those of others
    assert (f"has {count} supplementary groups" in result.stderr) == (count > 1024)


def names_of_the_next_minute(pid):
    now = time.time()
    return [time.strftime("%Y%m%d-%H%M%S", time.localtime(now + i)) + f"-{pid}"
            for i in range(-1, 60)]


@pytest.mark.parametrize("there", [("in",), ("out",), ("in", "out")])
@pytest.mark.parametrize("how", ["file", "link"])
def test_names_that_are_taken(place, there, how):
    place.rawtap("-b")
    tracee = place.tracee("talk")
    pid = tracee.wait_for("ready")
    taken = [place.log_dir / f"{name}.{direction}"
             for name in names_of_the_next_minute(pid) for direction in there]
    for path in taken:
        if how == "file":
            path.write_text("mine")
        else:
            path.symlink_to(place.home / "created-through-a-link")
    tracee.say()
    tracee.wait_for("talked")
    wait_until(lambda: len(place.files()) == len(taken) + 2, "the files")
    tracee.finish()
    assert all(path.is_symlink() or path.read_text() == "mine" for path in taken)
    for path in taken:
        path.unlink()
    place.stop(["-b"]).assert_complete()
    assert [path.name.split("-", 2)[2] for path in place.files()] == [
        f"{pid}-2.in", f"{pid}-2.out"]
    assert not (place.home / "created-through-a-link").exists()


def test_directory_replaced_by_a_link_meanwhile(place, victim):
    place.rawtap("-b")
    tracee = place.tracee("talk")
    tracee.wait_for("ready")
    tracee.say()
    tracee.wait_for("talked")
    wait_until(lambda: len(place.files()) == 2, "the files")
    before = tree(victim)
    place.log_dir.rename(place.home / "moved")
    place.log_dir.symlink_to(victim / "dovecot.rawlog")
    tracee.say()
    tracee.finish()
    place.log_dir = place.home / "moved"
    place.stop(["-b"]).assert_complete()
    assert tree(victim) == before


# chroot: the home is below it

@pytest.fixture
def jail(place):
    jail = place.root / "jail"
    place.log_dir.rmdir()
    place.home = jail / "home"
    place.log_dir = place.home / "dovecot.rawlog"
    place.log_dir.mkdir(parents=True)
    for directory in (jail, place.home, place.log_dir):
        directory.chmod(0o755)
    own(place.log_dir)
    return jail


def in_jail(jail, home):
    return reply(home, fields=f"\tchroot={jail}")


@pytest.mark.parametrize("home", ["/home", "/../home", "/link", "/home/."])
def test_chroot(place, jail, home):
    (jail / "link").symlink_to("/home")
    place.run("brief", reply=in_jail(jail, home)).assert_complete()


def test_link_out_of_the_chroot(place, jail):
    outside = place.root / "home" / "dovecot.rawlog"
    outside.mkdir()
    own(outside)
    (jail / "link").symlink_to(place.root / "home")
    run_refused(place, "doesn't exist", reply=in_jail(jail, "/link"))


def test_chroot_that_is_missing(place, jail):
    run_refused(place, "doesn't exist", reply=in_jail(place.root / "nothing", "/home"))


# No room

@pytest.fixture
def small_disk(place, mounts):
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size=64k,uid={UID},gid={GID},mode=700",
                    "tmpfs", place.log_dir], check=True)
    yield
    subprocess.run(["umount", place.log_dir], check=True)


def run_short_of_room(place, victim, limit=None):
    """One session has no room for its log; another, later, does."""
    recorder = place.rawtap()
    if limit:
        resource.prlimit(recorder.writer_pid, resource.RLIMIT_FSIZE, (limit, limit))
    place.tracee("sizes:read").finish()
    place.tracee("brief", reply=reply(victim, VICTIM, VICTIM), uid=VICTIM, gid=VICTIM).finish()
    result = place.stop()
    notes = {len(notes.bytes_out): notes for notes in result.notes}
    short, other = notes[max(notes)], notes[min(notes)]
    for actual, moved in zip(result.files[0], (short.bytes_in, short.bytes_out)):
        assert len(actual) < len(moved)
        rawlogs.assert_starts_with(moved, actual, "a log that ends early")
    (pair,) = rawlogs.find_pairs(victim / "dovecot.rawlog")
    assert (pair.read("in"), pair.read("out")) == other.expected(())
    assert result.status == 3
    assert "1 logs could not be written to the end" in result.stderr
    return result


def test_full_disk(place, victim, small_disk):
    result = run_short_of_room(place, victim)
    assert "No space left on device; the log ends there" in result.stderr


def test_file_size_limit(place, victim):
    result = run_short_of_room(place, victim, limit=50000)
    assert "File too large; the log ends there" in result.stderr
