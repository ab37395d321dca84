# SPDX-License-Identifier: MIT
"""rawtap leaves no core dump: it would have what sessions said."""

import os
import re
import resource
import signal
import subprocess

import pytest

from rawlogs import wait_until
from taps import Tap, recorded_user, talk, wait_recorded

NOBODY = 65534
FAULTS = [signal.SIGSEGV, signal.SIGABRT]


def dumps(process, fault):
    """Does this signal end it with a core dump?"""
    process.send_signal(fault)
    how = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert how.si_status == fault
    process.wait()
    return how.si_code == os.CLD_DUMPED


def core_limits(pid):
    text = open(f"/proc/{pid}/limits").read()
    return re.search(r"^Max core file size +(\w+) +(\w+)", text, re.M).groups()


def may_dump(pid):
    """Linux gives root the files of /proc/PID if it may not: proc(5). It runs in group NOBODY."""
    return os.stat(f"/proc/{pid}/environ").st_gid == NOBODY


@pytest.fixture(autouse=True)
def dumping(root, tmp_path, monkeypatch):
    """Programs that are started leave core dumps."""
    monkeypatch.chdir(tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_CORE)
    if limits[1] in (0, 1):
        pytest.skip("the limit of core dumps can't be raised here")
    resource.setrlimit(resource.RLIMIT_CORE, (limits[1], limits[1]))
    try:
        other = subprocess.Popen(["sleep", "1000"], group=NOBODY)
        assert may_dump(other.pid)
        if not dumps(other, signal.SIGSEGV):
            pytest.skip("this host makes no core dump of anything")
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, limits)


@pytest.fixture
def tap(rawtap_binary, dovecot):
    with Tap("--regid", NOBODY, "--clear-groups", rawtap_binary, "--base-dir", dovecot.base_dir,
             binary="setpriv") as rawtap:
        yield rawtap


@pytest.mark.parametrize("fault", FAULTS)
def test_none_of_a_recorder(tap, fault):
    assert not dumps(tap.process, fault)


def test_a_recorder_forbids_it_twice(tap):
    """A limit of 1 is for programs that take core dumps, too: core(5)."""
    for pid in tap.pid, tap.writer_pid:
        assert core_limits(pid) == ("1", "1")
        assert not may_dump(pid)


def test_none_of_a_recorder_that_has_written(dovecot, tap):
    user = recorded_user(dovecot, "alice")
    client = talk(dovecot, user)
    dovecot.wait_sessions_over()
    wait_recorded(client)
    assert not may_dump(tap.pid)
    assert not may_dump(tap.writer_pid)     # it has had the user's ids
    assert not dumps(tap.process, signal.SIGSEGV)


def test_none_of_a_replay(binary):
    process = subprocess.Popen([binary, "replay", "/dev/stdin"], stdin=subprocess.PIPE, group=NOBODY)
    wait_until(lambda: core_limits(process.pid) == ("1", "1"), "the replay to begin")
    assert not may_dump(process.pid)
    assert not dumps(process, signal.SIGSEGV)
