# SPDX-License-Identifier: MIT
"""No process but Dovecot's ever takes a trap: the kernel counts the runs of rawtap's TLS programs
while another program talks TLS through the same libssl."""

import json
import platform
import re
import shutil
import struct
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from login_stage import FAST, SECURE, log_in, login_dovecot, record_logins
from logins import go_on
from mailclient import connect
from rawlogs import wait_until
from taps import Tap

STATS = Path("/proc/sys/kernel/bpf_stats_enabled")
MODULE = "libssl_iostream_openssl.so"
ROUNDS = 200

# A program that is not Dovecot's: both ends of a TLS connection. It tells which libssl it maps.
STRANGER = """
import socket, ssl, sys, threading

server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
server.load_cert_chain(sys.argv[1], sys.argv[2])
client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
client.check_hostname = False
client.verify_mode = ssl.CERT_NONE
ends = socket.socketpair()

def serve():
    with server.wrap_socket(ends[0], server_side=True) as tls:
        while data := tls.recv(4096):
            tls.sendall(data)
        tls.unwrap()

thread = threading.Thread(target=serve)
thread.start()
with client.wrap_socket(ends[1]) as tls:
    for i in range(int(sys.argv[3])):
        tls.sendall(b"x" * 1000)
        left = 1000
        while left:
            left -= len(tls.recv(left))
    tls.unwrap()
thread.join()
print(next(line.split()[-1] for line in open("/proc/self/maps") if "/libssl." in line))
"""


@pytest.fixture
def counting(root):
    """The kernel counts the runs of all BPF programs."""
    before = STATS.read_text()
    STATS.write_text("1")
    yield
    STATS.write_text(before)


@pytest.fixture(scope="module")
def dovecot(root):
    dovecot = login_dovecot()
    dovecot.user = dovecot.add_user("user")
    with dovecot:
        yield dovecot


def tls_runs(tap):
    """How often the programs of rawtap that are attached to code have run: {id: count}."""
    programs = json.loads(subprocess.run(["bpftool", "-j", "prog", "show"], check=True,
                                         capture_output=True).stdout)
    own = set()
    for entry in Path(f"/proc/{tap.pid}/fdinfo").iterdir():
        with suppress(FileNotFoundError):       # closed meanwhile
            own.update(map(int, re.findall(r"^prog_id:\s*(\d+)", entry.read_text(), re.M)))
    return {program["id"]: program.get("run_cnt", 0) for program in programs
            if program["id"] in own and program["type"] == "kprobe"}


def talk_elsewhere(dovecot):
    """The libssl through which a stranger talked."""
    return subprocess.run(
        [sys.executable, "-c", STRANGER, dovecot.root / "cert.pem", dovecot.root / "key.pem",
         str(ROUNDS)], check=True, capture_output=True, text=True).stdout.strip()


def mapped(pid, name):
    lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    return {line.split()[-1] for line in lines if name in line}


def test_nobody_else_takes_a_trap(dovecot, rawtap_binary, counting):
    """Other Dovecots on this host may be counted at any moment, so the stranger talks until one
    talk goes uncounted. Would it be counted, each talk would."""
    with record_logins(dovecot, binary=rawtap_binary) as logs:
        libssls = set()

        def uncounted():
            before = tls_runs(logs.tap)
            assert before
            libssls.add(talk_elsewhere(dovecot))
            return tls_runs(logs.tap) == before
        wait_until(uncounted, "a stranger's talk that no program sees", timeout=60)
        before = tls_runs(logs.tap)
        client = connect(dovecot, "imap", "tls", dovecot.user)
        # Dovecot talks through the same library, by way of its module.
        login_pid = dovecot.wait_serving(client, "imap-login")
        assert mapped(login_pid, "/libssl.") == libssls
        assert mapped(login_pid, MODULE)
        client.login()
        go_on(client)
        dovecot.wait_gone("imap-login")
        after = tls_runs(logs.tap)
        # The counters count: each program had something to do.
        assert all(after[program] > before[program] for program in before), (before, after)
        # Nor is it counted after Dovecot has talked.
        wait_until(uncounted, "a stranger's talk that no program sees", timeout=60)
    logs.assert_all(client)


def test_no_probes_where_no_mode_needs_them(dovecot, rawtap_binary, counting):
    """--rawlog sees what was decrypted on its way to the mail process."""
    with Tap("--base-dir", dovecot.base_dir, "--rawlog", binary=rawtap_binary) as tap:
        assert tls_runs(tap) == {}
        tap.stop()


def without_plt(module, run):
    """The module with its stubs in a form that is right, and that no linker writes: with a prefix
    that changes nothing. The loader has filled the slots, so what follows the jump is never run."""
    code = bytearray(module.read_bytes())
    for place in re.findall(r" at 0x([0-9a-f]+) \(PLT\)", run("check").stdout):
        at = int(place, 16)
        assert code[at:at + 2] == b"\xff\x25"  # jmp *slot(%rip)
        slot, = struct.unpack_from("<i", code, at + 2)
        code[at:at + 7] = b"\x48\xff\x25" + struct.pack("<i", slot - 1)
    assert code != module.read_bytes()
    return code


# Every program that uses libssl runs into these probes, the clients of other tests too.
@pytest.mark.alone
@pytest.mark.skipif(platform.machine() != "x86_64", reason="the module is changed by hand: x86-64")
def test_without_a_plt(rawtap_binary, mounts, run, tmp_path):
    """Then the functions themselves are probed, which is said, and the logs are the same."""
    module, = Path("/usr/lib/dovecot/modules").glob(MODULE)
    changed = tmp_path / MODULE
    changed.write_bytes(without_plt(module, run))
    changed.chmod(0o644)
    # Only this Dovecot has it: in a mount namespace of its own.
    command = ("unshare", "-m", "sh", "-c",
               f"mount --bind {changed} {module} && exec dovecot \"$@\"", "dovecot")
    dovecot = login_dovecot(mode=FAST, command=command)
    user = dovecot.add_user("user")
    with dovecot:
        # It is found where a process maps it.
        wait_until(lambda: any(mapped(pid, MODULE) for pid in dovecot.processes("imap-login")),
                   "the module")
        with record_logins(dovecot, binary=rawtap_binary, mode=FAST) as logs:
            clients = [log_in(dovecot, protocol, transport, user)
                       for protocol in ("imap", "pop3") for transport in ("tls", "starttls")]
        logs.assert_all(*clients)
        for function in ("SSL_read", "SSL_write"):
            assert re.search(rf"warning: {function} is probed in .*/libssl\.so",
                             logs.tap.stderr), logs.tap.stderr


def test_a_module_that_is_replaced(rawtap_binary, mounts, tmp_path):
    """An upgrade, and nobody has restarted Dovecot: processes that start from then on have the new
    module. It is told. Below a mount that only this Dovecot and this rawtap see."""
    module, = Path("/usr/lib/dovecot/modules").glob(MODULE)
    modules = shutil.copytree(module.parent, tmp_path / "modules", symlinks=True)
    command = ("unshare", "-m", "sh", "-c",
               f"mount --bind {modules} {module.parent} && exec dovecot \"$@\"", "dovecot")
    dovecot = login_dovecot(mode=SECURE, command=command)
    user = dovecot.add_user("user")
    with dovecot:
        beside = tmp_path / "rawtap"
        beside.write_text(f"#!/bin/sh\nexec nsenter -t {dovecot.pid} -m {rawtap_binary} \"$@\"\n")
        beside.chmod(0o755)
        with record_logins(dovecot, binary=beside, mode=SECURE) as logs:
            logs.expect(log_in(dovecot, "imap", "tls", user))
            assert "is new" not in logs.tap.stderr
            shutil.copy2(modules / MODULE, modules / "new")
            (modules / "new").rename(modules / MODULE)
            for _ in range(3):
                log_in(dovecot, "imap", "tls", user)
            wait_until(lambda: f"warning: {module} is new" in logs.tap.stderr, "the warning")
    assert logs.tap.stderr.count(" is new") == 1


def test_check_shows_the_places(dovecot, run):
    result = run("check", "--base-dir", dovecot.base_dir)
    assert result.returncode == 0, result.stdout + result.stderr
    places = [line for line in result.stdout.splitlines() if "TLS" in line or MODULE in line]
    assert places and all(line.startswith("ok ") for line in places), result.stdout
    text = "\n".join(places)
    assert MODULE in text
    for function in ("SSL_read", "SSL_write", "BIO_write", "SSL_set_bio", "BIO_new_bio_pair"):
        assert function in text


@pytest.mark.parametrize("options, status", [((), 0), (("--rawlog",), 0), (("-R", "x"), 1),
                                             (("--lmtp-rawlog-dir", "/x"), 1)])
def test_check_counts_probes_that_are_needed(dovecot, rawtap_binary, mounts, options, status):
    module, = Path("/usr/lib/dovecot/modules").glob(MODULE)
    result = subprocess.run(
        ["unshare", "-m", "sh", "-c", f"mount --bind /dev/null {module} && exec \"$@\"", "sh",
         rawtap_binary, "check", "--base-dir", dovecot.base_dir, *options],
        capture_output=True, text=True)
    assert re.search(rf"^NO +TLS probes: {re.escape(str(module))}", result.stdout, re.M), result.stdout
    assert result.returncode == status, result.stdout + result.stderr
