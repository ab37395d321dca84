# SPDX-License-Identifier: MIT
"""rawtap for arm64, on Debian's kernel 6.12 and with Debian 12's Dovecot: built here, run in a VM.
Takes minutes."""

import os
import re
import shutil
import subprocess
from itertools import product
from pathlib import Path

import pytest

from guest import BACKENDS, VM, Guest
from tracee import CFLAGS, SOURCES

REPOSITORY = VM.parents[1]
KERNEL = "linux-image-6.12-arm64"
OUTPUT = REPOSITORY / ".output-arm64"
ROOT = Path(os.environ.get("RAWTAP_KERNELS") or REPOSITORY / ".kernels") / "root-arm64"
TOOLS = ["qemu-system-aarch64", "clang", "ld.lld", "bpftool"]
MODULE = "/usr/lib/dovecot/modules/libssl_iostream_openssl.so"
LIMIT = 2000                    # seconds, on a busy machine
ENVIRONMENT = {
    "RAWTAP": str(OUTPUT / "rawtap"),
    "PROGRAMS": str(OUTPUT / "programs"),
    "PYTHONPATH": str(REPOSITORY / "tests" / "lib"),
    "PYTHONDONTWRITEBYTECODE": "1",
    "RAWTAP_PATIENCE": "10",
}
# What the scripts of Debian's packages would make, which in that root are unpacked only.
USERS = {"root": 0, "dovecot": 101, "dovenull": 102, "nobody": 65534}
# All system calls and buffers; what can't be had; the ends of processes.
KERNEL_TESTS = ["tests/kernel/test_calls.py", *(
    f"tests/kernel/test_sessions.py::{name}" for name in (
        "test_bytes_from_a_file", "test_several_messages_in_one_call",
        "test_received_and_thrown_away", "test_recording_goes_on_after_kills",
        "test_child_goes_on_with_the_socket"))]
# Every protocol, with TLS and without. Beside rawtap stand the client's transcript and, but for
# the first and the last, native rawlog.
CASES = ("imap-plain-fetch_parts", "imap-tls-fetch_parts",
         "pop3-plain-every_command", "pop3-starttls-every_command")
RELAY_CASE = "in turn-tls-starttls-several_mails"
DOVECOT_TESTS = [f"tests/e2e/{test}" for test in (
    *(f"test_transcript.py::{name}[alone-{case}]"
      for name, case in product(("test_in", "test_out"), CASES)),
    "test_transcript.py::test_nothing_lost[alone]",
    *(f"test_rawlog_dir_referee.py::{name}[{case}-both]"
      for name, case in product(("test_in", "test_out", "test_name"), CASES)),
    "test_rawlog_dir_referee.py::test_nothing_lost[both]",
    *(f"test_lmtp.py::test_what_was_said[in turn-{transport}-data]"
      for transport in ("plain", "starttls", "tls", "unix")),
    "test_lmtp.py::test_nothing_else[in turn]",
    "test_lmtp.py::test_nothing_lost[in turn]",
    *(f"test_submission.py::{name}[{RELAY_CASE}]"
      for name in ("test_client_leg", "test_relay_leg", "test_nothing_else")),
    "test_submission.py::test_nothing_lost[in turn]",
    "test_prelogin_tls.py::test_version[imap-tls-1.3]",
    "test_prelogin_tls.py::test_version[pop3-starttls-1.2]")]


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
    for file, line in ("passwd", "{0}:x:{1}:{1}::/:/bin/false\n"), ("group", "{0}:x:{1}:\n"):
        (ROOT / "etc" / file).write_text("".join(
            line.format(*user) for user in USERS.items()))
    programs = OUTPUT / "programs"
    programs.mkdir(exist_ok=True)
    make("clang", "--target=aarch64-linux-gnu", f"--sysroot={ROOT}", "-fuse-ld=lld",
         *CFLAGS, "-o", programs / "dovecot", *SOURCES)
    shutil.copy(programs / "dovecot", programs / "imap")
    return Guest(KERNEL)


def run(guest, *command, limit, **env):
    return guest.run(*command, limit=limit, env=ENVIRONMENT | env, cwd=REPOSITORY)


def run_tests(guest, backend, *arguments):
    tested = run(guest, "python3", "-m", "pytest", "-q", "-p", "no:cacheprovider",
                 f"--timeout={LIMIT}", *arguments, limit=LIMIT, RAWTAP_BACKEND=backend)
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert " passed" in tested.stdout and "skipped" not in tested.stdout


def test_check(guest):
    """Both backends work, and every function of OpenSSL's is found. No Dovecot runs yet."""
    checked = run(guest, OUTPUT / "rawtap", "check", limit=LIMIT)
    assert checked.stderr == ""
    said = [line.partition(" ")[::2] for line in checked.stdout.splitlines()]
    *works, probes = [what.strip() for word, what in said if word == "ok"]
    assert works == ["privileges", "kernel type information (/sys/kernel/btf/vmlinux)",
                     "backend sock (this one is used)", "backend fexit"]
    assert re.fullmatch(rf"TLS probes: {MODULE}: (\w+ at 0x\w+ \(PLT\)(, |$)){{6}}", probes), probes


@pytest.mark.parametrize("backend", BACKENDS)
def test_kernel_side(guest, backend):
    """The files hold the bytes that the tracee moved, and tell what they don't."""
    run_tests(guest, backend, "--noconftest", "-p", "cross_place", *KERNEL_TESTS)


@pytest.mark.parametrize("backend", BACKENDS)
def test_dovecot(guest, backend):
    """The files hold what clients of a real Dovecot said and got, by each of the protocols."""
    run_tests(guest, backend, *DOVECOT_TESTS)
