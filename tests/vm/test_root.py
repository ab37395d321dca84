# SPDX-License-Identifier: MIT
"""The runner for other releases of Debian: scripts/root.sh."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from rawlogs import wait_until
from recorder import REPOSITORY

ROOT = REPOSITORY / "scripts" / "root.sh"


def root_sh(*arguments, **options):
    return subprocess.run([ROOT, *arguments], capture_output=True, text=True, **options)


@pytest.fixture(scope="module")
def release(mounts):
    """A release that has a root."""
    name = root_sh("other").stdout.strip()
    made = root_sh("make", name)
    if made.returncode:
        pytest.skip(made.stderr.strip())
    return name


def inside(release, *command, **options):
    return root_sh("run", release, *command, **options)


def is_running(file):
    """The process whose pid is there. Who has ended may still wait for init."""
    return Path("/proc", file.read_text().strip(), "exe").exists()


def namespaces():
    return {os.readlink(path) for path in Path("/proc").glob("[0-9]*/ns/mnt") if path.exists()}


def test_it_is_another_release(release):
    said = inside(release, "grep", "VERSION_CODENAME", "/etc/os-release")
    assert (said.stdout, said.stderr) == (f"VERSION_CODENAME={release}\n", "")
    assert f"={release}\n" not in Path("/etc/os-release").read_text()


def test_a_command_that_is_called_as_one_of_its_own(release):
    assert inside(release, "make", "--version").stdout.startswith("GNU Make ")


def test_status(release):
    assert inside(release, "sh", "-c", "exit 7").returncode == 7


def test_input_directory_and_arguments(release):
    said = inside(release, "sh", "-c", 'pwd; cat; echo "$*"', "sh", "a b", "$HOME*",
                  input="given\n", cwd=REPOSITORY / "tests")
    assert said.stdout == f"{REPOSITORY}/tests\ngiven\na b $HOME*\n"


def test_the_tree_and_tmp_are_the_same(release, tmp_path):
    inside(release, "cp", REPOSITORY / "Makefile", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == (REPOSITORY / "Makefile").read_bytes()


def test_nothing_stays(release, tmp_path):
    """Neither a process, nor a mount: not even of what was left running."""
    before = namespaces()
    mounted = Path("/proc/mounts").read_text()
    script = f"setsid sleep 1000 & echo $! >{tmp_path}/pid; sleep 1000 & true"
    assert inside(release, "sh", "-c", script).returncode == 0
    assert not is_running(tmp_path / "pid")
    assert namespaces() <= before
    assert Path("/proc/mounts").read_text() == mounted


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_ended_by_a_signal(release, tmp_path, how):
    command = f"echo $$ >{tmp_path}/pid.new; mv {tmp_path}/pid.new {tmp_path}/pid; exec sleep 1000"
    process = subprocess.Popen([ROOT, "run", release, "sh", "-c", command])
    wait_until((tmp_path / "pid").exists, "the command to run")
    assert is_running(tmp_path / "pid")
    process.send_signal(how)
    assert process.wait(20) == 143
    assert not is_running(tmp_path / "pid")


def test_killed(release, tmp_path):
    """It can't clean up: what it has started does, or ends."""
    command = f"setsid sleep 1000 & echo $! >{tmp_path}/pid.new; mv {tmp_path}/pid.new {tmp_path}/pid; wait"
    process = subprocess.Popen([ROOT, "run", release, "sh", "-c", command])
    wait_until((tmp_path / "pid").exists, "the command to run")
    process.kill()
    wait_until(lambda: not is_running(tmp_path / "pid"), "the command to end")
    process.wait()


@pytest.mark.parametrize("arguments, reason", [
    ([], "usage: "), (["make"], "usage: "), (["run"], "usage: "), (["run", "sid"], "no command"),
    (["run", "woody", "true"], "no release 'woody'"), (["run", "sid", "true"], "there is no root of sid yet")])
def test_refused(root, tmp_path, arguments, reason):
    said = root_sh(*arguments, env=os.environ | {"RAWTAP_ROOTS": str(tmp_path)})
    assert (said.returncode, said.stdout) == (125, "")
    assert said.stderr.startswith(f"root: {reason}") and said.stderr.count("\n") == 1


def with_debootstrap(tmp_path, script):
    """An environment."""
    program = tmp_path / "bin" / "debootstrap"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return os.environ | {"RAWTAP_ROOTS": str(tmp_path / "roots"),
                         "PATH": f"{program.parent}:{os.environ['PATH']}"}


def test_killed_while_it_makes_one(mounts, tmp_path):
    """The next one need not wait for what the first has left."""
    began = tmp_path / "began"
    env = with_debootstrap(tmp_path, f"[ ! -e {began} ] || exit 1; touch {began}; sleep 1000 & wait")
    process = subprocess.Popen([ROOT, "make", "sid"], env=env, stdout=subprocess.DEVNULL)
    wait_until(began.exists, "debootstrap to run")
    process.kill()
    process.wait()
    said = root_sh("make", "sid", env=env, timeout=20)
    assert "debootstrap cannot make sid" in said.stderr


@pytest.mark.parametrize("script, reason", [
    ("echo I: Retrieving; echo E: no such mirror; exit 1", "E: no such mirror"),
    ("mkdir $3; echo one; echo two; exit 1", "debootstrap cannot make sid: two")])
def test_a_root_that_is_half_made_is_never_used(mounts, tmp_path, script, reason):
    said = root_sh("make", "sid", env=with_debootstrap(tmp_path, script))
    assert said.returncode == 125
    assert said.stderr.startswith("root: ") and reason in said.stderr
    assert said.stderr.count("\n") == 1
    assert [path.name for path in (tmp_path / "roots").iterdir()] == [".lock"]
