# SPDX-License-Identifier: MIT
"""rawtap for arm64, on Debian's kernel 6.12: built here, run in a VM. Takes minutes."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from guest import VM, Guest
from tracee import CFLAGS, SOURCES

REPOSITORY = VM.parents[1]
KERNEL = "linux-image-6.12-arm64"
OUTPUT = REPOSITORY / ".output-arm64"
ROOT = Path(os.environ.get("RAWTAP_KERNELS") or REPOSITORY / ".kernels") / "root-arm64"
TOOLS = ["qemu-system-aarch64", "clang", "ld.lld", "bpftool"]
ENVIRONMENT = {
    "RAWTAP": str(OUTPUT / "rawtap"),
    "PROGRAMS": str(OUTPUT / "programs"),
    "PYTHONPATH": str(REPOSITORY / "tests" / "lib"),
    "PYTHONDONTWRITEBYTECODE": "1",
}
# All system calls and buffers; what can't be had; the ends of processes.
KERNEL_TESTS = ["tests/kernel/test_calls.py", *(
    f"tests/kernel/test_sessions.py::{name}" for name in (
        "test_bytes_from_a_file", "test_several_messages_in_one_call",
        "test_received_and_thrown_away", "test_recording_goes_on_after_kills",
        "test_child_goes_on_with_the_socket"))]


def make(*command):
    run = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    if "vm: cannot get" in run.stderr:
        pytest.skip(run.stderr.strip())
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.fixture(scope="module")
def guest():
    if os.geteuid() != 0:
        pytest.skip("needs root")
    path = os.environ["PATH"] + ":/usr/sbin"
    missing = [tool for tool in TOOLS if not shutil.which(tool, path=path)]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}: scripts/install-deps.sh build arm64")
    make(VM, "fetch", KERNEL)
    make("make", "-s", "arm64")
    programs = OUTPUT / "programs"
    programs.mkdir(exist_ok=True)
    make("clang", "--target=aarch64-linux-gnu", f"--sysroot={ROOT}", "-fuse-ld=lld",
         *CFLAGS, "-o", programs / "dovecot", *SOURCES)
    shutil.copy(programs / "dovecot", programs / "imap")
    return Guest(KERNEL)


def run(guest, *command, limit):
    return guest.run(*command, limit=limit, env=ENVIRONMENT, cwd=REPOSITORY)


def test_check(guest):
    """Both backends work. Only a Dovecot is missing."""
    checked = run(guest, OUTPUT / "rawtap", "check", limit=120)
    assert checked.stderr == ""
    said = [line.partition(" ")[::2] for line in checked.stdout.splitlines()]
    assert [what.strip() for word, what in said if word == "ok"] == [
        "privileges", "kernel type information (/sys/kernel/btf/vmlinux)",
        "backend sock (this one is used)", "backend fexit"]


def test_kernel_side(guest):
    """The files hold the bytes that the tracee moved, and tell what they don't."""
    tested = run(guest, "python3", "-m", "pytest", "-q", "--noconftest", "-p", "cross_place",
                 "-p", "no:cacheprovider", *KERNEL_TESTS, limit=900)
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert " passed" in tested.stdout and "skipped" not in tested.stdout
