# SPDX-License-Identifier: MIT
"""The file system that hangs on demand does so, for whom it is told to, and lets go."""

import errno
import os
import signal
import subprocess
from pathlib import Path

import pytest

from hangfs import KINDS
from rawlogs import wait_until

WRITER = """
import os, sys
file = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
try:
    sys.exit(sum(os.write(file, word) - 3 for word in (b"one", b"two")) and 2)
finally:
    os.close(file)
"""


A, B = (5000, 5001), (5002, 5003)       # uid, gid


@pytest.fixture
def directories(hangfs):
    return [hangfs.make_dir(name, *owner) for name, owner in (("a/logs", A), ("b/logs", B))]


def write(path, owner):
    """A process that creates the file and writes to it."""
    return subprocess.Popen(
        ["setpriv", "--reuid", str(owner[0]), "--regid", str(owner[1]), "--clear-groups",
         "/usr/bin/python3", "-c", WRITER, path], cwd="/", stderr=subprocess.PIPE, text=True)


def end(process, status=0):
    """What it said, which is nothing where it succeeds."""
    errors = process.communicate(timeout=20)[1]
    assert process.returncode == status, errors
    return errors


def state(process):
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_files_are_the_callers(hangfs, directories):
    end(write(directories[0] / "file", A))
    file = hangfs.behind(directories[0]) / "file"
    assert file.read_bytes() == b"onetwo"
    status = file.stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (*A, 0o600)
    assert "PermissionError" in end(write(directories[1] / "file", A), 1)


@pytest.mark.parametrize("kind", KINDS)
def test_one_directory_hangs(hangfs, directories, kind):
    """Nothing can end a process that waits for it; others are served."""
    hangfs.hang(kind, directories[0])
    process = write(directories[0] / "file", A)
    hangfs.wait_hanging()
    end(write(directories[1] / "file", B))
    process.send_signal(signal.SIGKILL)
    wait_until(lambda: state(process) == "D", "it to be in state D")
    hangfs.release()
    end(process, -signal.SIGKILL)
    assert hangfs.hanging() == 0


def test_many_wait_and_go_on(hangfs, directories):
    processes = []
    for i in range(20):     # in one directory, one would wait for the other
        directory = hangfs.make_dir(f"many{i}/logs", *A)
        hangfs.hang("any", directory)
        processes.append(write(directory / "file", A))
    hangfs.wait_hanging(20)
    hangfs.release()
    for process in processes:
        end(process)


def test_other_faults(hangfs, directories):
    hangfs.fail("write", directories[0], errno.EDQUOT)
    assert os.strerror(errno.EDQUOT) in end(write(directories[0] / "failed", A), 1)
    hangfs.release()
    hangfs.cut_writes(directories[0], 2)
    end(write(directories[0] / "cut", A), 2)
    assert (hangfs.behind(directories[0]) / "cut").read_bytes() == b"ontw"


def test_the_end_releases_all(new_hangfs):
    with new_hangfs() as hangfs:
        directory = hangfs.make_dir("a", *A)
        hangfs.hang("any", directory)
        process = write(directory / "file", A)
        hangfs.wait_hanging()
    process.communicate(timeout=20)     # with an error, if the program was gone by then
    assert process.returncode in (0, 1)
    assert str(hangfs.root) not in Path("/proc/self/mounts").read_text()
    assert not hangfs.root.exists()
