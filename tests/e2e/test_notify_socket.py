# SPDX-License-Identifier: MIT
"""Messages to the service manager: sd_notify(3)'s protocol, on a real $NOTIFY_SOCKET."""

import os
import re
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from manager import READY, STOPPING, Manager
from taps import Tap, recorded, recorded_user, talk, transcripts, wait_recorded

CAP_SYS_PTRACE, CAP_BPF = 19, 39
ADDRESSES = ["path", "abstract"]
LONG = 108      # bytes of an AF_UNIX address; a path needs a NUL besides


@pytest.fixture
def manager(tmp_path):
    """manager(kind): one that listens at a path or at an abstract address."""
    managers = []

    def listen(kind="path"):
        managers.append(Manager(f"{tmp_path}/notify" if kind == "path" else
                                f"@rawtap-test-{os.getpid()}-{len(managers)}"))
        return managers[-1]

    yield listen
    for each in managers:
        each.socket.close()


@pytest.fixture
def tap(rawtap_binary, dovecot):
    """tap(address, *options): a rawtap that is left running until the test ends."""
    taps = []

    def start(address, *options, **env):
        taps.append(Tap("--base-dir", dovecot.base_dir, *options, binary=rawtap_binary,
                        env={**os.environ, "NOTIFY_SOCKET": address, **env}))
        return taps[-1]

    yield start
    for each in taps:
        each.kill()


@pytest.fixture
def user(dovecot):
    return recorded_user(dovecot, f"notify{len(dovecot.users)}")


def capabilities(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^CapEff:\s*(\w+)", status, re.MULTILINE)[1], 16)


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.parametrize("kind", ADDRESSES)
def test_messages(manager, tap, kind, stop):
    """Two datagrams, by rawtap itself, and no more."""
    listening = manager(kind)
    rawtap = tap(listening.address)
    assert listening.receive() == (READY, rawtap.pid)
    assert listening.nothing_more()
    assert rawtap.stop(stop)[0] == 0
    assert listening.receive() == (STOPPING, rawtap.pid)
    assert listening.nothing_more()
    assert "warning" not in rawtap.stderr


def test_ready_when_it_records(dovecot, manager, rawtap_binary, user):
    """From READY=1 on nothing is missed, and the start is over: rawtap is stopped as soon as it
    says so, before it can do anything more."""
    listening = manager()
    process = subprocess.Popen([rawtap_binary, "--base-dir", dovecot.base_dir], env=listening.env,
                               stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        message, pid = listening.receive()
        os.kill(pid, signal.SIGSTOP)
        assert (message, pid) == (READY, process.pid)
        kept = capabilities(pid)
        assert not kept >> CAP_BPF & 1 and kept >> CAP_SYS_PTRACE & 1
        client = talk(dovecot, user)
        os.kill(pid, signal.SIGCONT)
        wait_recorded(client)
        assert recorded(user) == transcripts(client)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        assert "rawtap: recording (backend " in process.stderr.read()
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def test_stopping_before_the_rest(dovecot, manager, tap, user):
    """STOPPING=1 comes at once, the rest of what was recorded is written all the same."""
    listening = manager()
    rawtap = tap(listening.address)
    assert listening.receive()[0] == READY
    client = talk(dovecot, user)
    dovecot.wait_sessions_over()
    rawtap.stop(signal.SIGTERM)
    assert listening.receive() == (STOPPING, rawtap.pid)
    assert recorded(user) == transcripts(client)


@pytest.mark.parametrize("arguments", [["--backend", "none"], ["--base-dir", "/missing"]])
def test_no_message_without_a_start(manager, root, run, arguments):
    listening = manager()
    assert run(*arguments, env=listening.env).returncode == 1
    assert listening.nothing_more()


def test_no_message_of_other_commands(manager, run):
    listening = manager()
    run("check", env=listening.env)
    run("replay", "/missing", env=listening.env)
    assert listening.nothing_more()


# A service manager that can't be reached is no reason not to record.

@pytest.mark.parametrize("address, reason", [
    ("relative/path", "NOTIFY_SOCKET: Invalid argument"),
    ("vsock:2:1234", "NOTIFY_SOCKET: Invalid argument"),
    ("/" + "x" * LONG, "NOTIFY_SOCKET: File name too long"),
    ("/missing/socket", "READY=1: No such file or directory"),
    ("@rawtap-test-nobody", "READY=1: Connection refused"),
])
def test_no_manager(dovecot, tap, user, address, reason):
    rawtap = tap(address)
    client = talk(dovecot, user)
    dovecot.wait_sessions_over()
    status, stderr = rawtap.stop()
    assert status == 0
    assert recorded(user) == transcripts(client)
    reasons = [reason]
    if reason.startswith("READY=1"):
        reasons.append(reason.replace("READY=1", "STOPPING=1"))
    warnings = [line for line in stderr.splitlines() if line.startswith("rawtap: warning: ")]
    assert len(warnings) == len(reasons)
    assert all(each in warning for each, warning in zip(reasons, warnings))


def test_manager_that_reads_nothing(dovecot, manager, tap, user):
    """Its queue is full: rawtap waits a second, and goes on."""
    listening = manager()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.setblocking(False)
        other.connect(listening.address)
        try:
            while other.send(b"X"):
                pass
        except BlockingIOError:
            pass
        rawtap = tap(listening.address)
        client = talk(dovecot, user)
        dovecot.wait_sessions_over()
        status, stderr = rawtap.stop()
    assert status == 0
    assert stderr.count("warning: telling the service manager") == 2
    assert recorded(user) == transcripts(client)


# Only the service itself speaks for the service.

def test_children_do_not_get_it(dovecot, manager, tap, tmp_path):
    """doveconf, which -c runs, sees no NOTIFY_SOCKET, but the rest of the environment."""
    seen = tmp_path / "environment"
    wrapper = tmp_path / "bin" / "doveconf"
    wrapper.parent.mkdir()
    wrapper.write_text(f"#!/bin/sh\nenv >>{seen}\nexec {shutil.which('doveconf')} \"$@\"\n")
    wrapper.chmod(0o755)
    config = tmp_path / "rawlog.conf"
    config.write_text("service imap {\n  executable = imap postlogin\n}\n"
                      "service postlogin {\n  executable = script-login -d rawlog\n"
                      "  unix_listener postlogin {\n  }\n}\n")
    listening = manager()
    rawtap = tap(listening.address, "-c", config,
                 PATH=f"{wrapper.parent}:{os.environ['PATH']}", RAWTAP_TEST="inherited")
    assert listening.receive() == (READY, rawtap.pid)
    assert rawtap.stop()[0] == 0
    assert "RAWTAP_TEST=inherited" in seen.read_text()
    assert "NOTIFY_SOCKET" not in seen.read_text()
