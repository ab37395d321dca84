# SPDX-License-Identifier: MIT
"""Standard descriptors that are closed: no file of rawtap's becomes one, so no message gets into
what is recorded or saved."""

import itertools
import os
import signal
import subprocess

import pytest

from manager import READY, Manager
from taps import recorded, recorded_user, talk, transcripts, wait_recorded

CLOSED = [closed for count in (1, 2, 3) for closed in itertools.combinations(range(3), count)]


@pytest.fixture
def user(dovecot):
    return recorded_user(dovecot, f"user{len(dovecot.users)}")


def without(closed):
    """The beginning of a command that runs the rest with these descriptors closed."""
    return ["sh", "-c", f'exec "$@" {" ".join(f"{fd}>&-" for fd in closed)}', "sh"]


@pytest.mark.parametrize("closed", CLOSED, ids=str)
def test_saved_stream(dovecot, rawtap_binary, run, user, tmp_path, closed):
    stream, tree = tmp_path / "stream", tmp_path / "tree"
    tree.mkdir()
    with Manager(f"{tmp_path}/notify") as manager:
        process = subprocess.Popen(
            [*without(closed), rawtap_binary, "--base-dir", dovecot.base_dir, "-D", "--save",
             stream], env=manager.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        try:
            assert manager.receive()[0] == READY
            assert [os.readlink(f"/proc/{process.pid}/fd/{fd}") for fd in range(3)] == \
                ["/dev/null"] * 3
            client = talk(dovecot, user)
            wait_recorded(client)
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
        finally:
            process.kill()
            process.wait()
    assert b"rawtap: " not in stream.read_bytes()
    replayed = run("replay", stream, "--root", tree)
    assert replayed.returncode == 0, replayed.stderr
    assert sorted(path.read_bytes() for path in tree.rglob("*.in")) == [client.session_in]
    assert sorted(path.read_bytes() for path in tree.rglob("*.out")) == [client.session_out]
    assert recorded(user) == transcripts(client)


@pytest.mark.parametrize("closed", CLOSED, ids=str)
@pytest.mark.parametrize("arguments, status", [(["replay", "/missing"], 1), (["--help"], 0)],
                         ids=lambda value: str(value))
def test_other_commands(binary, closed, arguments, status):
    """What they print goes where it can, and they end as ever."""
    result = subprocess.run([*without(closed), binary, *arguments], capture_output=True, text=True,
                            stdin=subprocess.DEVNULL, timeout=60)
    assert result.returncode == status
    assert bool(result.stdout) == (status == 0 and 1 not in closed)
    assert bool(result.stderr) == (status != 0 and 2 not in closed)
