# SPDX-License-Identifier: MIT
"""The runner itself: scripts/vm.sh."""

import os
import signal
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from guest import PACKAGES, VM
from rawlogs import wait_until

VISIT = r"""
echo "kernel $(uname -r)"
echo "user $(id -u)"
echo "directory $PWD"
echo "greeting $GREETING"
echo "unseen ${UNSEEN-unset}"
echo on stderr >&2
echo changed >kept
echo new >added
echo "kept $(cat kept)"
echo result >"$1/result"
printf 'no newline'
exit 7
"""


@pytest.fixture(scope="module")
def visit(guest, tmp_path_factory):
    """One run with a bit of everything, and what it left on the host."""
    host = tmp_path_factory.mktemp("it's the host")
    (host / "kept").write_text("as it was\n")
    results = host / "results, all"
    run = guest.run("bash", "-c", VISIT, "bash", results, cwd=host, output=results,
                    env={"GREETING": "it's\n\"näh\" $HOME"})
    return SimpleNamespace(kernel=guest.kernel, host=host, results=results, run=run)


def test_kernel(visit):
    assert f"kernel {visit.kernel}." in visit.run.stdout
    assert "user 0\n" in visit.run.stdout


def test_status(visit):
    assert visit.run.returncode == 7
    assert visit.run.stderr == ""


def test_streams(visit):
    assert "on stderr\n" in visit.run.stdout
    assert visit.run.stdout.endswith("\nno newline")


def test_working_directory(visit):
    assert f"directory {visit.host}\n" in visit.run.stdout


def test_environment(visit):
    assert "greeting it's\n\"näh\" $HOME\n" in visit.run.stdout


def test_host_is_as_before(visit):
    assert "kept changed\n" in visit.run.stdout
    assert (visit.host / "kept").read_text() == "as it was\n"
    assert sorted(visit.host.iterdir()) == [visit.host / "kept", visit.results]


def test_output_directory(visit):
    assert [path.name for path in visit.results.iterdir()] == ["result"]
    assert (visit.results / "result").read_text() == "result\n"


def test_much_output(any_guest):
    """Complete, though something that still runs could write more."""
    run = any_guest.run("sh", "-c", "sleep 1000 & head -c 1000001 /dev/zero | tr '\\0' x")
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout == "x" * 1000001


def test_kernel_warning(any_guest):
    run = any_guest.run("sh", "-c", "echo '<4>WARNING: a test' >/dev/kmsg")
    assert run.returncode == 123
    assert run.stderr.endswith("WARNING: a test\n")


def test_panic(any_guest):
    run = any_guest.run("sh", "-c", "echo c >/proc/sysrq-trigger")
    assert run.returncode == 125
    assert "Kernel panic" in run.stderr
    assert "trying again" not in run.stderr


def processes_in(directory):
    """Their names."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if Path(os.readlink(process / "cwd")).is_relative_to(directory):
                found.append((process / "comm").read_text())
        except OSError:
            pass  # it has ended
    return found


def assert_nothing_left(directory):
    assert list(directory.iterdir()) == []
    wait_until(lambda: not processes_in(directory), "QEMU to end", timeout=2)


def test_time_limit(any_guest, tmp_path):
    start = time.monotonic()
    run = any_guest.run("sleep", "1000", limit=5, env={"TMPDIR": str(tmp_path)})
    assert run.returncode == 124
    assert run.stderr.endswith("vm: time limit (5 s)\n")
    assert 5 <= time.monotonic() - start < 15
    assert_nothing_left(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal(any_guest, tmp_path, number):
    """To all of the job, as a terminal does it."""
    with subprocess.Popen(any_guest.command("sleep", "1000"), start_new_session=True,
                          stderr=subprocess.DEVNULL,
                          env=os.environ | {"TMPDIR": str(tmp_path)}) as vm:
        wait_until(lambda: any(name.startswith("qemu") for name in processes_in(tmp_path)),
                   "QEMU to run")
        os.killpg(vm.pid, number)
        assert vm.wait(10) == 128 + number
    assert_nothing_left(tmp_path)


def test_lost_boot(any_guest, tmp_path):
    """QEMU ends before the command starts: one more try, and no more."""
    qemu = tmp_path / "qemu-system-x86_64"
    qemu.write_text(f"#!/bin/sh\necho x >>'{tmp_path}/tries'\n")
    qemu.chmod(0o755)
    run = any_guest.run("true", env={"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert run.returncode == 125
    assert "trying again" in run.stderr
    assert (tmp_path / "tries").read_text() == "x\nx\n"


@pytest.mark.parametrize("arguments, message", [
    ([], "usage"),
    (["run"], "no command"),
    (["run", "-k", "1.0", "--", "true"], "there is no kernel 1.0"),
    (["run", "-t", "1h", "--", "true"], "-t 1h"),
])
def test_refusal(arguments, message):
    run = subprocess.run([VM, *arguments], capture_output=True, text=True)
    assert run.returncode == 125
    assert run.stderr.startswith(f"vm: {message}")
    assert run.stderr.count("\n") == 1


def test_fetched_once(kernels):
    """What is there needs no network."""
    subprocess.run(["unshare", "-n", VM, "fetch", *PACKAGES.values()], check=True)
    listed = subprocess.run([VM, "list"], check=True, capture_output=True, text=True)
    for kernel in kernels:
        assert f"\n{kernel}." in "\n" + listed.stdout
