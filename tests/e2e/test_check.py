# SPDX-License-Identifier: MIT
"""A host that cannot be recorded, for real: each lack is said in one line, with what to do.
`rawtap check` tells all of them; `rawtap` itself the first that stops it."""

import os
import re
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from private_dovecot import PrivateDovecot
from rawlogs import wait_until
from taps import Tap, assert_one_line

NOBODY = 65534


def lines(result, mark):
    """A backend that does not work is no lack if another does."""
    used = "(this one is used)" in result.stdout
    found = [line.removeprefix(mark).strip() for line in result.stdout.splitlines()
             if line.startswith(mark + " ")]
    return [line for line in found if not (used and mark == "NO" and line.startswith("backend "))]


def assert_lacks(result, *words):
    """One line says what is missing, and no other lack is said."""
    line, = lines(result, "NO")
    for word in words:
        assert str(word) in line
    assert (result.returncode, result.stderr) == (1, "")


@pytest.fixture
def inside(binary, mounts):
    """inside(script, *arguments): rawtap, after what the script does first."""
    def running(unshare, script, *arguments):
        return subprocess.run(
            ["unshare", *unshare, "sh", "-c", f'{script} exec "$@"', "sh", binary, *arguments],
            capture_output=True, text=True, timeout=60)
    return running


# A good one

def test_good_host(dovecot, run):
    result = run("check", "--base-dir", dovecot.base_dir)
    assert (result.returncode, result.stderr, lines(result, "NO")) == (0, "", [])
    line, = (line for line in lines(result, "ok") if f"master process {dovecot.pid};" in line)
    assert re.search(rf"Dovecot (2\.\d)\..* in {dovecot.base_dir} .* as in \1\)", line)
    assert any("(this one is used)" in line for line in lines(result, "ok"))


def test_each_line_is_ok_or_no(dovecot, run):
    result = run("check", "--base-dir", dovecot.base_dir)
    assert all(line.startswith(("ok   ", "NO   ")) for line in result.stdout.splitlines())


def test_what_it_names_is_printable(run):
    result = run("check", "--base-dir", "/\x1b[2J\u202e")
    assert r"NO   /\x1b[2J\xe2\x80\xae: " in result.stdout
    assert result.stdout.isascii() and "\x1b" not in result.stdout


def test_every_backend_by_name(dovecot, run):
    found = re.findall(r"^(ok|NO) +backend (\w+)", run("check").stdout, re.M)
    assert ("ok", "sock") in found or ("ok", "fexit") in found
    for mark, name in found:
        result = run("check", "--backend", name, "--base-dir", dovecot.base_dir)
        assert re.findall(r"^(ok|NO) +backend (\w+)", result.stdout, re.M) == [(mark, name)]
        assert result.returncode == (0 if mark == "ok" else 1)


# Privileges

def test_check_as_nobody(dovecot, for_nobody):
    result = subprocess.run([for_nobody, "check"], user=NOBODY, capture_output=True, text=True)
    line = next(line for line in lines(result, "NO") if line.startswith("privileges"))
    assert "root" in line and "cap_bpf" in line and "run it as root" in line
    assert (result.returncode, result.stderr) == (1, "")


def test_record_as_nobody(run, for_nobody):
    result = subprocess.run([for_nobody], user=NOBODY, capture_output=True, text=True)
    assert_one_line(result, 1, "privileges", "cap_bpf", "run it as root")


@pytest.mark.parametrize("lack", ["cap_bpf", "cap_perfmon", "cap_setuid", "cap_sys_ptrace"])
def test_root_without_a_capability(dovecot, binary, lack):
    without = ["setpriv", f"--bounding-set=-{lack[4:]}", f"--inh-caps=-{lack[4:]}", binary]
    check = subprocess.run([*without, "check", "--base-dir", dovecot.base_dir],
                           capture_output=True, text=True)
    assert lines(check, "NO")[0].startswith("privileges") and lack in lines(check, "NO")[0]
    assert check.returncode == 1
    assert_one_line(subprocess.run(without, capture_output=True, text=True), 1, lack)


# The kernel

HIDE_BTF = "mount -t tmpfs none /sys/kernel/btf &&"


def test_check_without_btf(dovecot, inside):
    result = inside(["-m"], HIDE_BTF, "check", "--base-dir", dovecot.base_dir)
    line, *_ = lines(result, "NO")
    assert "/sys/kernel/btf/vmlinux" in line and "CONFIG_DEBUG_INFO_BTF=y" in line
    assert (result.returncode, result.stderr) == (1, "")


def test_record_without_btf(root, inside):
    result = inside(["-m"], HIDE_BTF)
    assert_one_line(result, 1, "/sys/kernel/btf/vmlinux", "CONFIG_DEBUG_INFO_BTF=y")


def test_check_an_unknown_backend(dovecot, run):
    result = run("check", "--backend", "nope", "--base-dir", dovecot.base_dir)
    assert_lacks(result, "backend", "nope")


def test_record_with_an_unknown_backend(root, run):
    assert_one_line(run("--backend", "nope"), 1, "nope")


# The TLS module

OTHER_PIDS = ["--pid", "--fork", "--mount-proc"]
NO_MODULE = "mount -t tmpfs none /usr/lib/dovecot/modules &&"
MAPS_A_MODULE = r"""
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int argc, char *argv[])
{
	if (mmap(0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, open(argv[1], O_RDONLY), 0) ==
	    MAP_FAILED)
		return 1;
	creat(argv[2], 0600);
	return pause();
}
"""


def test_check_without_a_tls_module(dovecot, inside):
    result = inside(["-m", *OTHER_PIDS], NO_MODULE, "check")
    line = next(line for line in lines(result, "NO") if line.startswith("TLS probes"))
    assert "install" in line and "start Dovecot" in line


def test_check_a_tls_module_that_runs_and_is_not_roots(root, inside, shared_path):
    """It is there: to install one is no advice."""
    module, up = shared_path / "libssl_iostream_openssl.so", shared_path / "up"
    module.write_bytes(bytes(4096))
    os.chown(module, NOBODY, NOBODY)
    (shared_path / "imap-login.c").write_text(MAPS_A_MODULE)
    subprocess.run(["gcc", "-o", shared_path / "imap-login", shared_path / "imap-login.c"],
                   check=True)
    script = (f"{NO_MODULE} {{ {shared_path}/imap-login {module} {up} & "
              f"while ! test -e {up}; do sleep 0.01; done; }};")
    result = inside(["-m", *OTHER_PIDS, "--kill-child"], script, "check")
    probes, = (line for line in lines(result, "NO") if line.startswith("TLS probes"))
    assert str(module) in probes and "install" not in probes


# Dovecot


def test_check_without_a_dovecot(root, inside):
    """In a pid namespace of its own, there is none."""
    result = inside(OTHER_PIDS, "", "check")
    assert_lacks(result, "running Dovecot", "start it")


def test_check_a_base_dir_where_none_runs(dovecot, run, tmp_path):
    assert_lacks(run("check", "--base-dir", tmp_path), "running Dovecot")


def test_check_a_missing_base_dir(dovecot, run, tmp_path):
    assert_lacks(run("check", "--base-dir", tmp_path / "missing"), "missing", "No such file")


def test_check_one_of_several(dovecot, run):
    with PrivateDovecot() as second:
        result = run("check", "--base-dir", second.base_dir)
        assert result.returncode == 0
        assert str(second.base_dir) in result.stdout
        assert str(dovecot.base_dir) not in result.stdout


FAKE = r"""
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char *argv[])
{
	if (argc > 1 && strcmp(argv[1], "--version") == 0)
		return puts("2.9.0 (x)") < 0;
	if (chdir(argv[1]))
		return 1;
	puts("up");
	fflush(stdout);
	return pause();
}
"""


@pytest.fixture(scope="module")
def fake_program(root, tmp_path_factory):
    directory = tmp_path_factory.mktemp("fake")
    (directory / "fake.c").write_text(FAKE)
    subprocess.run(["gcc", "-o", directory / "dovecot", directory / "fake.c"], check=True)
    return directory / "dovecot"


@contextmanager
def running(program, base_dir, **options):
    """A process that looks like a Dovecot's master in base_dir."""
    with subprocess.Popen([program, base_dir], stdout=subprocess.PIPE, **options) as process:
        assert process.stdout.readline() == b"up\n"
        try:
            yield process
        finally:
            process.kill()


def test_check_an_unknown_version(fake_program, run, tmp_path):
    with running(fake_program, tmp_path) as fake:
        result = run("check", "--base-dir", tmp_path)
    assert result.returncode == 0
    line, = (line for line in lines(result, "ok") if f"master process {fake.pid}" in line)
    assert "2.9.0 (x)" in line and "as in 2.4, if they are: this release is not known" in line


def test_check_a_program_that_prints_no_version(root, run, tmp_path):
    mute = tmp_path / "dovecot"
    (tmp_path / "mute.c").write_text(FAKE.replace('return puts("2.9.0 (x)") < 0', "return 1"))
    subprocess.run(["gcc", "-o", mute, tmp_path / "mute.c"], check=True)
    with running(mute, tmp_path) as fake:
        result = run("check", "--base-dir", tmp_path)
    assert_lacks(result, f"process {fake.pid}, called dovecot: its program does not tell --version")


def test_check_a_container(fake_program, mounts, run, tmp_path):
    """Neither its version nor its directory is asked for, and so neither is said."""
    with subprocess.Popen(["unshare", "--pid", "--fork", "--kill-child", fake_program, tmp_path],
                          stdout=subprocess.PIPE) as container:
        assert container.stdout.readline() == b"up\n"
        children = Path(f"/proc/{container.pid}/task/{container.pid}/children").read_text()
        result = run("check")
        container.kill()
    line, = (line for line in lines(result, "NO") if f"process {children.strip()}" in line)
    assert line.startswith(f"process {children.strip()}, called dovecot: it runs in a container")


@pytest.mark.alone
def test_record_an_unknown_version(fake_program, dovecot, rawtap_binary, tmp_path):
    """It is said, and the others are recorded."""
    with running(fake_program, tmp_path) as fake, \
            Tap("-u", "nobody-at-all", binary=rawtap_binary) as rawtap:
        told = f"master process {fake.pid}: Dovecot 2.9.0 (x) is not known"
        wait_until(lambda: told in rawtap.stderr, "a word on it")
        assert rawtap.stop()[0] == 0


@pytest.fixture
def not_roots_program(fake_program, shared_path):
    """Whoever owns it could have us run it as root."""
    copy = shutil.copy(fake_program, shared_path / "dovecot")
    os.chown(copy, NOBODY, NOBODY)
    return copy


def test_check_a_program_that_is_not_roots(not_roots_program, run, shared_path):
    with running(not_roots_program, shared_path) as fake:
        result = run("check")
    line, = (line for line in lines(result, "NO") if f"process {fake.pid}," in line)
    assert "belongs to root" in line


def test_program_that_is_not_roots_is_never_run(not_roots_program, run, shared_path):
    """As it would be with --version."""
    witness = shared_path / "it-was-run"
    source = FAKE.replace("return puts", f'return fclose(fopen("{witness}", "w")), puts')
    (shared_path / "fake.c").write_text(source)
    Path(not_roots_program).unlink()
    subprocess.run(["gcc", "-o", not_roots_program, shared_path / "fake.c"], check=True)
    os.chown(not_roots_program, NOBODY, NOBODY)
    with running(not_roots_program, shared_path):
        run("check")
    assert not witness.exists()
    subprocess.run([not_roots_program, "--version"], check=True, capture_output=True)
    assert witness.exists()         # the witness is one


def test_a_good_dovecot_beside_a_stranger(not_roots_program, dovecot, run, shared_path):
    """Whoever may run programs on this host cannot have check fail."""
    with running(not_roots_program, shared_path, user=NOBODY):
        result = run("check", "--base-dir", dovecot.base_dir)
    assert result.returncode == 0, result.stdout
