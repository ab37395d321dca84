# SPDX-License-Identifier: MIT
"""Each system call on a log can fail: nothing crashes, what did not reach the file is told, in the
summary and by the exit status, and the logs of others are whole."""

import errno
import os
import subprocess

import pytest

from private_dovecot import PrivateDovecot
from recorder import REPOSITORY
from taps import Tap, log_in, only_pair, recorded, recorded_user, say, talk, transcripts


@pytest.fixture(scope="module")
def faults(tmp_path_factory):
    library = tmp_path_factory.mktemp("faults") / "faults.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library,
                    REPOSITORY / "tests/programs/faults.c", "-ldl"], check=True)
    return library


@pytest.fixture(scope="module")
def dovecot(root):
    with PrivateDovecot() as dovecot:
        yield dovecot


@pytest.fixture
def play(dovecot, rawtap_binary, faults):
    """Two sessions, one after the other, and how rawtap ended. The fault is in the first one's log."""
    def play(**fault):
        env = os.environ | {"LD_PRELOAD": str(faults),
                            **{f"FAULT_{key.upper()}": str(value) for key, value in fault.items()}}
        users = [recorded_user(dovecot, f"user{len(dovecot.users)}") for _ in range(2)]
        with Tap("--base-dir", dovecot.base_dir, binary=rawtap_binary, env=env) as rawtap:
            client = log_in(dovecot, users[0])
            say(client, "one")
            say(client, "two")
            client.logout()
            dovecot.wait_sessions_over()
            other = talk(dovecot, users[1], word="three")
            dovecot.wait_sessions_over()
            rawtap.stop()
        assert recorded(users[1]) == transcripts(other)
        return users, client, rawtap
    return play


@pytest.mark.parametrize("error", [errno.EIO, errno.EDQUOT, errno.ENOSPC])
@pytest.mark.parametrize("name", [".in", ".out"])
def test_close(play, error, name):
    """NFS and quotas tell only then that a write did not succeed."""
    (user, _), client, rawtap = play(call="close", error=error, name=name, times=1)
    assert recorded(user) == transcripts(client)    # here nothing really was missing
    assert rawtap.status == 3
    assert f"failed: {os.strerror(error)}" in rawtap.stderr
    assert rawtap.count("logs could not be written to the end") == 1


@pytest.mark.parametrize("error", [errno.EIO, errno.EDQUOT, errno.ENOSPC, errno.EFBIG])
def test_write(play, error):
    """The summary counts what is in the file, and as lost what is known to be missing there."""
    users, _, rawtap = play(call="write", error=error, name=".out", times=1)
    assert only_pair(users[0]).read("out") == b""
    assert rawtap.status == 3
    assert rawtap.count("logs could not be written to the end") == 1
    for direction in "in", "out":
        size = sum(len(only_pair(user).read(direction)) for user in users)
        assert rawtap.count(f"bytes {direction}") == size
    assert rawtap.count("bytes lost") > 0


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EMFILE, errno.EACCES, errno.EIO])
@pytest.mark.parametrize("name", [".in", ".out"])
def test_create(play, error, name):
    """Not one file of the two is left."""
    (user, _), _, rawtap = play(call="openat", error=error, name=name, times=1)
    assert list(user.rawlog_dir.iterdir()) == []
    assert rawtap.status == 3
    assert rawtap.count("the files could not be created") == 1


@pytest.mark.parametrize("name", [".in", ".out"])
def test_interrupted_and_short_writes(play, name):
    """These are no errors."""
    for fault in {"error": errno.EINTR, "times": 3}, {"error": 0}:
        (user, _), client, rawtap = play(call="write", name=name, **fault)
        assert recorded(user) == transcripts(client)
        assert rawtap.status == 0
