# SPDX-License-Identifier: MIT
"""The local time in the names of files is the one that Dovecot's own rawlog has."""

import os
import shutil
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from private_dovecot import PrivateDovecot
from rawlogs import wait_until
from taps import Tap, recorded_user, talk

ZONE = "Asia/Tokyo"             # 9 hours east of UTC
CONFIG = "protocol imap {\n  rawlog_dir = %h/native\n}\n"


def times(directory):
    return [datetime.strptime(path.name[:15], "%Y%m%d-%H%M%S")
            for path in sorted(Path(directory).iterdir())]


def make_dirs(user, *names):
    for name in names:
        shutil.copytree(user.rawlog_dir, user.home / name)
        shutil.chown(user.home / name, user.uid, user.gid)


def near(some, others):
    return all(abs(a - b) < timedelta(minutes=5) for a, b in zip(some, others, strict=True))


def play(record, config):
    """When native's files, and rawtap's of rawlog_dir and of --rawlog, say that they were made."""
    with PrivateDovecot(config=CONFIG + config) as dovecot:
        user = recorded_user(dovecot, "joe")
        make_dirs(user, "native", "ours")
        with record(dovecot, "--rawlog", "--rawlog-dir", "imap=%h/ours") as rawtap:
            talk(dovecot, user)
        assert rawtap.status == 0
        return [times(user.home / name) for name in ("native", "ours", "dovecot.rawlog")]


def test_zone_of_import_environment(root, record):
    native, ours, of_the_program = play(
        record, f"import_environment = $import_environment TZ={ZONE}\n")
    assert near(native, ours)
    assert near(of_the_program, [datetime.now()] * 2)       # script-login removes TZ
    assert not near(native, of_the_program)                 # so this test can fail


def test_no_zone(root, record):
    native, ours, of_the_program = play(record, "")
    assert near(native, ours) and near(of_the_program, [datetime.now()] * 2)


def test_both_have_the_same_variable(root, record, monkeypatch):
    monkeypatch.setenv("TZ", ZONE)      # this process does not look at it again
    native, ours, _ = play(record, "")
    assert near(native, ours) and not near(native, [datetime.now()] * 2)


# In a mount namespace /etc/localtime is another file

@pytest.fixture
def zone(tmp_path):
    """That file. libc takes one of the same second for unchanged: it is old."""
    path = Path(shutil.copy(f"/usr/share/zoneinfo/{ZONE}", tmp_path / "zone"))
    os.utime(path, (0, 0))
    return path


@pytest.fixture
def in_zone(mounts, tmp_path, zone):
    """in_zone(program): a program that runs this one there."""
    def wrap(program):
        path = tmp_path / f"in-zone-{Path(program).name}"
        path.write_text("#!/bin/sh\nexec unshare -m sh -c '"
                        "mount --bind \"$0\" $(readlink -f /etc/localtime) && exec \"$@\"' "
                        f"{zone} {program} \"$@\"\n")
        path.chmod(0o755)
        return path
    return wrap


def test_the_zone_of_the_host_is_set(dovecot, rawtap_binary, zone, in_zone):
    def has_moved():
        talk(dovecot, user)
        return any(near([time], [datetime.now()]) for time in times(user.rawlog_dir))
    user = recorded_user(dovecot, "moves")
    with Tap("--base-dir", dovecot.base_dir, binary=in_zone(rawtap_binary)):
        talk(dovecot, user)
        wait_until(lambda: times(user.rawlog_dir), "a log")
        assert not has_moved()
        zone.write_bytes(Path("/etc/localtime").read_bytes())
        wait_until(has_moved, "the names to have the new local time")


def test_login_processes_in_their_chroot(rawtap_binary, in_zone):
    """There is no /etc/localtime, so native's names have UTC; rawtap's have local time."""
    with PrivateDovecot(command=(in_zone("dovecot"),), services={
            "imap-login": {"executable": "imap-login -R native"}}) as dovecot:
        user = dovecot.add_user("joe")
        native, ours = (dovecot.make_login_dir(name) for name in ("native", "ours"))
        with Tap("--base-dir", dovecot.base_dir, "-R", "ours", binary=in_zone(rawtap_binary)):
            talk(dovecot, user)
            wait_until(lambda: len(times(ours)) == 2, "a log")
        utc = datetime.now(timezone.utc).replace(tzinfo=None)
        assert near(times(native), [utc] * 2)
        assert near(times(ours), [utc + timedelta(hours=9)] * 2)
