# SPDX-License-Identifier: MIT
"""A file system whose calls hang on demand (programs/hangfs.c): what a dead NFS server is like.

    with HangFs(program) as fs:
        directory = fs.make_dir("alice/logs", user.uid, user.gid)
        fs.hang("write", directory)         # lookup, create, write, close, any
        ...
        fs.wait_hanging()
        fs.release()

What it holds is read at fs.behind(path), where nothing hangs. However it ends, all is released and
nothing stays mounted: the program ends with its standard input.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from rawlogs import wait_until
from recorder import REPOSITORY
from tracee import temporary_directory

KINDS = ("lookup", "create", "write", "close")
SOURCE = REPOSITORY / "tests/programs/hangfs.c"


def build(directory):
    """The program. Skips the test where it can't be made or used."""
    try:
        os.close(os.open("/dev/fuse", os.O_RDWR))
    except OSError as error:
        pytest.skip(f"needs FUSE: {error}")
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "fuse3"],
                           capture_output=True, text=True)
    if flags.returncode:
        pytest.skip("needs libfuse3: scripts/install-deps.sh test")
    program = directory / "hangfs"
    subprocess.run(["cc", "-std=gnu11", "-D_GNU_SOURCE", "-O1", "-Wall", "-Wextra", "-Werror",
                    "-Wno-unused-parameter", "-o", program, SOURCE, *flags.stdout.split()],
                   check=True)
    return program


class HangFs:
    def __init__(self, program):
        self._root = temporary_directory()
        self._backing, self.root = self._root / "backing", self._root / "mounted"
        for directory in self._backing, self.root:
            directory.mkdir()
        self._process = subprocess.Popen(
            [program, self._backing, self.root], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, start_new_session=True)      # Ctrl-C is not for it
        try:
            wait_until(self._has_begun, "hangfs to be mounted")
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Whatever hangs goes on: with an error, if the program has to be killed."""
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        if self._is_mounted():
            subprocess.run(["umount", "-l", self.root], check=True)
        shutil.rmtree(self._root)

    def _has_begun(self):
        assert self._process.poll() is None, "hangfs could not be mounted"
        return self._is_mounted()

    def _is_mounted(self):
        # not os.path.ismount(), which would ask the file system
        mounts = Path("/proc/self/mounts").read_text().splitlines()
        return any(line.split()[1] == str(self.root) for line in mounts)

    # Directories

    def make_dir(self, name, uid, gid):
        """For logs of this user, whose its parents are, too. Returns it as others see it."""
        path = self._backing / name
        for part in reversed([path, *path.parents]):
            if part.is_relative_to(self._backing) and not part.exists():
                part.mkdir(0o700)
                os.chown(part, uid, gid)
        return self.root / name

    def behind(self, path):
        return self._backing / Path(path).relative_to(self.root)

    # Faults

    def hang(self, kind, path):
        self._command("hang", kind, self._inside(path))

    def slow(self, kind, path, milliseconds):
        self._command("slow", kind, self._inside(path), milliseconds)

    def fail(self, kind, path, error):
        self._command("fail", kind, self._inside(path), error)

    def cut_writes(self, path, size):
        self._command("short", "write", self._inside(path), size)

    def release(self):
        """No fault any more, and what hangs goes on."""
        self._command("release")

    def hanging(self):
        """How many calls hang now."""
        return self._command("waiting")

    def wait_hanging(self, count=1):
        wait_until(lambda: self.hanging() >= count, f"{count} calls to hang")

    def _inside(self, path):
        return "/" + str(Path(path).relative_to(self.root))

    def _command(self, *words):
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()
        answer = int(self._process.stdout.readline())
        assert answer >= 0, (words, answer)
        return answer
