# SPDX-License-Identifier: MIT
"""Each system call on a log, and on the saved stream, can fail or hang: nothing crashes, what did not
reach the file is told, in the summary and by the exit status, and the logs of others are whole."""

import errno
import os
import re
import signal
import subprocess

import pytest

from house import IN_TIME, is_named, said, stop
from private_dovecot import PrivateDovecot
from rawlogs import find_pairs, wait_until
from recorder import REPOSITORY
from taps import (Tap, assert_one_line, log_in, only_pair, recorded, recorded_user, say, talk,
                  transcripts, wait_recorded)

ERRORS = [errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EINTR, errno.EACCES, errno.ESTALE]
NOT_FOUND = "its log directory could not be examined"
NOT_CREATED = "the files could not be created"
CUT_OFF = "logs could not be written to the end"
# Where rawtap calls: (what the summary says of the log, errors that are none there).
CALLS = {
    "openat2:/home/{user}": (NOT_FOUND, ()),
    "openat:dovecot.rawlog": (NOT_FOUND, ()),
    "fstat:/dovecot.rawlog": (NOT_FOUND, ()),
    "openat:.in": (NOT_CREATED, ()),
    "openat:.out": (NOT_CREATED, ()),
    "writev:.in": (CUT_OFF, {errno.EINTR}),
    "writev:.out": (CUT_OFF, {errno.EINTR}),
    # NFS and quotas tell only then that a write did not succeed
    "close:.in": (CUT_OFF, {errno.EINTR}),
    "close:.out": (CUT_OFF, {errno.EINTR}),
    "close:/dovecot.rawlog": (None, ERRORS),
}


@pytest.fixture(scope="module")
def faults(tmp_path_factory):
    library = tmp_path_factory.mktemp("faults") / "faults.so"
    subprocess.run(["cc", "-std=gnu11", "-D_GNU_SOURCE", "-shared", "-fPIC", "-O1", "-o", library,
                    REPOSITORY / "tests/programs/faults.c", "-ldl"], check=True)
    return library


@pytest.fixture(scope="module")
def dovecot(root):
    with PrivateDovecot() as dovecot:
        yield dovecot


@pytest.fixture
def hits(shared_path):
    """Has a byte for each fault that there was, which may be one of a user's."""
    path = shared_path / "hits"
    path.touch()
    path.chmod(0o666)
    return path


@pytest.fixture
def environment(faults, hits):
    def environment(**fault):
        return os.environ | {"LD_PRELOAD": str(faults), "FAULT_HITS": str(hits),
                             **{f"FAULT_{key.upper()}": str(value) for key, value in fault.items()}}
    return environment


@pytest.fixture
def user(dovecot):
    return recorded_user(dovecot, f"user{len(dovecot.users)}")


@pytest.fixture
def other(dovecot, user):
    return recorded_user(dovecot, f"other{len(dovecot.users)}")


@pytest.fixture
def play(dovecot, rawtap_binary, environment, hits, user, other):
    """Two sessions, one after the other, and how rawtap ended. The fault is in the first one's log,
    which is where it is at the first call."""
    def play(calls, **fault):
        env = environment(calls=calls.format(user=user.name), **fault)
        with Tap("--base-dir", dovecot.base_dir, binary=rawtap_binary, env=env) as rawtap:
            client = log_in(dovecot, user)
            say(client, "one")
            say(client, "two")
            client.logout()
            dovecot.wait_sessions_over()
            wait_until(hits.read_bytes, "the fault", IN_TIME)
            second = talk(dovecot, other, word="three")
            dovecot.wait_sessions_over()
            rawtap.stop()
        assert recorded(other) == transcripts(second)
        return client, second, rawtap
    return play


def assert_counted(rawtap, users, clients):
    """What is in files, and what is known to be missing there, is all that was said."""
    in_files = {direction: sum(len(pair.read(direction)) for user in users
                               for pair in find_pairs(user.rawlog_dir))
                for direction in ("in", "out")}
    assert {direction: rawtap.count(f"bytes {direction}") for direction in in_files} == in_files
    lost = rawtap.count("bytes lost")
    assert sum(in_files.values()) + lost <= said(*clients)
    return lost


@pytest.mark.parametrize("error", ERRORS, ids=os.strerror)
@pytest.mark.parametrize("calls", CALLS)
def test_error(play, hits, user, other, calls, error):
    what, harmless = CALLS[calls]
    client, second, rawtap = play(calls, error=error, times=1)
    assert hits.read_bytes() == b"x"
    if error in harmless:
        assert recorded(user) == transcripts(client)
        assert (rawtap.status, rawtap.count("bytes lost")) == (0, 0)
        return
    assert rawtap.status == 3
    assert is_named(rawtap, user)
    assert os.strerror(error) in rawtap.stderr
    assert rawtap.count(what) == 1
    if what != CUT_OFF:                 # not one file of the two is left
        assert list(user.rawlog_dir.iterdir()) == []
        assert rawtap.count("sessions recorded") == 1
        return
    lost = assert_counted(rawtap, [user, other], [client, second])
    if calls.startswith("close"):       # here nothing really was missing
        assert recorded(user) == transcripts(client)
    else:
        assert only_pair(user).read(calls.split(".")[1]) == b""
        assert lost > 0


@pytest.mark.parametrize("error", [errno.ENOBUFS, errno.EPIPE, errno.ETIME], ids=os.strerror)
@pytest.mark.parametrize("calls", ["writev:.out", "openat:.in"])
def test_errors_of_odd_file_systems(play, user, calls, error):
    """FUSE can return any; they are told as they are."""
    _, _, rawtap = play(calls, error=error, times=1)
    assert re.search(rf"\({user.name}\)<.*: {os.strerror(error)}", rawtap.stderr)
    assert rawtap.status == 3


def test_a_file_that_cannot_be_removed(play, hits, user):
    """The .in file, when there could be no .out file."""
    _, _, rawtap = play("openat:.out,unlinkat:.in", error=errno.ESTALE, times=2)
    assert hits.read_bytes() == b"xx"
    assert [path.suffix for path in user.rawlog_dir.iterdir()] == [".in"]
    assert rawtap.status == 3
    assert rawtap.count(NOT_CREATED) == 1


@pytest.mark.parametrize("fault", [{"error": errno.EINTR, "times": 3}, {"error": 0}],
                         ids=["interrupted", "short"])
@pytest.mark.parametrize("name", [".in", ".out"])
def test_interrupted_and_short_writes(play, hits, user, name, fault):
    """These are no errors."""
    client, _, rawtap = play("writev:" + name, **fault)
    assert len(hits.read_bytes()) >= 3
    assert recorded(user) == transcripts(client)
    assert rawtap.status == 0


@pytest.mark.parametrize("calls", CALLS)
def test_hang(dovecot, rawtap_binary, environment, hits, shared_path, user, other, calls):
    """Others are recorded meanwhile; and it, when the call has returned."""
    until = shared_path / "until"
    env = environment(calls=calls.format(user=user.name), until=until, times=1)
    with Tap("--base-dir", dovecot.base_dir, binary=rawtap_binary, env=env) as rawtap:
        try:
            client = talk(dovecot, user)
            dovecot.wait_sessions_over()
            wait_until(hits.read_bytes, "the call", IN_TIME)
            second = talk(dovecot, other)
            wait_until(lambda: recorded(other) == transcripts(second), "the other's logs", IN_TIME)
        finally:
            until.touch()
        wait_recorded(client)
        stop(rawtap, signal.SIGINT)
    assert (rawtap.status, rawtap.count("bytes lost")) == (0, 0)


# The saved stream. What stdio calls by itself can't be replaced: there the file system fails.

@pytest.mark.parametrize("error", ERRORS, ids=os.strerror)
def test_save_cannot_be_created(dovecot, run, rawtap_binary, environment, hits, tmp_path, error):
    env = environment(calls="open:stream", error=error)
    ended = run("--base-dir", dovecot.base_dir, "--save", tmp_path / "stream", env=env)
    assert hits.read_bytes()
    assert_one_line(ended, 1, "--save", os.strerror(error))


@pytest.fixture
def saving(dovecot, rawtap_binary, hangfs, user):
    """saving(fault): a rawtap that saves a stream where fault(directory) is; all is recorded."""
    def saving(fault):
        directory = hangfs.make_dir("root/saved", 0, 0)
        fault(directory)
        with Tap("--base-dir", dovecot.base_dir, "--save", directory / "stream",
                 binary=rawtap_binary) as rawtap:
            client = talk(dovecot, user)
            dovecot.wait_sessions_over()
            rawtap.stop()
        assert recorded(user) == transcripts(client)
        assert rawtap.count("bytes lost") == 0
        return rawtap, hangfs.behind(directory) / "stream"
    return saving


@pytest.mark.parametrize("error", ERRORS, ids=os.strerror)
@pytest.mark.parametrize("kind", ["write", "close"])
def test_save_fails(saving, hangfs, kind, error):
    """It is told; the sessions are recorded all the same."""
    rawtap, _ = saving(lambda directory: hangfs.fail(kind, directory, error))
    if (kind, error) == ("close", errno.EINTR):
        return                          # the descriptor is closed, and nothing missing: close(2)
    assert rawtap.status == 3
    told = [line for line in rawtap.stderr.splitlines() if line.startswith("rawtap: error: ")]
    assert len(told) == 1 and os.strerror(error) in told[0] and "sav" in told[0], rawtap.stderr


def test_short_writes_of_the_stream(saving, hangfs, run, tmp_path, user):
    """These are no errors."""
    rawtap, stream = saving(lambda directory: hangfs.cut_writes(directory, 1000))
    assert rawtap.status == 0
    (tmp_path / "tree").mkdir()
    assert run("replay", stream, "--root", tmp_path / "tree").returncode == 0
    replayed = tmp_path / "tree" / user.rawlog_dir.relative_to("/")
    assert sorted(path.read_bytes() for path in replayed.iterdir()) == \
        sorted(path.read_bytes() for path in user.rawlog_dir.iterdir())


@pytest.mark.parametrize("error, status", [(errno.E2BIG, 3), (errno.EEXIST, 0)],
                         ids=["full", "seen already"])
def test_a_process_that_cannot_be_tracked(dovecot, rawtap_binary, environment, hits, error, status):
    """Of those that run before: nothing of it will come."""
    env = environment(calls="bpf:noexist", error=error)
    with Tap("--base-dir", dovecot.base_dir, binary=rawtap_binary, env=env) as rawtap:
        rawtap.stop()
    refused = rawtap.count("map updates refused") if status else 0
    assert (rawtap.status, refused) == (status, len(hits.read_bytes()) if status else 0)
    assert hits.read_bytes()
