# SPDX-License-Identifier: MIT
"""Tests on other kernels than the host's: ask for `guest`, and run something in it; or for
`guests`, and look at what inside.py left."""

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / name) for name in ("lib", "kernel")]

import cost  # noqa: E402
import recorder  # noqa: E402
from guest import PACKAGES, VM, Guest, backends_of  # noqa: E402
from tracee import build_programs  # noqa: E402

INSIDE = Path(__file__).with_name("inside.py")
LIMIT = 300                     # seconds, on a busy machine


def looks_at_guests(item):
    return item.path.name == "test_backends.py"


def pytest_collection_modifyitems(items):
    """The guests' results are a minute away: other tests first."""
    items.sort(key=looks_at_guests)


@pytest.fixture(scope="session")
def kernels():
    """Their versions; they are there."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    if not shutil.which("qemu-system-x86_64"):
        pytest.skip("needs QEMU: scripts/install-deps.sh vm")
    fetch = subprocess.run([VM, "fetch", *PACKAGES.values()], capture_output=True, text=True)
    if "vm: cannot get" in fetch.stderr or " is missing: " in fetch.stderr:
        pytest.skip(fetch.stderr.strip())
    assert fetch.returncode == 0, fetch.stderr
    return list(PACKAGES)


@pytest.fixture(scope="session", params=list(PACKAGES))
def guest(request, kernels):
    """Each kernel in turn."""
    return Guest(request.param)


@pytest.fixture(scope="session")
def any_guest(kernels):
    """Where the kernel does not matter."""
    return Guest(kernels[-1])


class Results:
    """What inside.py left."""

    def __init__(self, directory, run):
        self.directory = directory
        self.run = run

    def __getitem__(self, job):
        path = self.directory / f"{job}.json"
        assert path.exists(), self.run.stdout + self.run.stderr
        return json.loads(path.read_text())


@pytest.fixture(scope="session")
def rawtap_binary(request):
    if os.geteuid() != 0:
        pytest.skip("needs root")
    option = request.config.getoption("--rawtap", default=None)
    binary = Path(option or recorder.default_binary()).resolve()
    if not binary.exists():
        pytest.fail(f"there is no {binary}: build it first")
    return binary


@pytest.fixture(scope="session")
def work(rawtap_binary):
    """work(directory, *jobs, guest=None): the Results of these jobs, there or here."""
    cost.build(rawtap_binary)
    with build_programs() as programs:
        def run(directory, *jobs, guest=None):
            command = ["/usr/bin/python3", "-B", INSIDE, directory, programs, *jobs]
            if guest:
                command = guest.command(*command, limit=LIMIT, env=["RAWTAP"], output=directory)
            return Results(directory, subprocess.run(
                list(map(str, command)), env=os.environ | {"RAWTAP": str(rawtap_binary)},
                stdin=subprocess.DEVNULL, capture_output=True, text=True))
        yield run


@pytest.fixture(scope="session")
def guests(kernels, work, tmp_path_factory):
    """The Results of each kernel, some time."""
    def run(kernel, directory):
        contracts = [f"contract-{backend}" for backend in backends_of(kernel)]
        return work(directory, "check", "functions", "dovecot", "gone",
                    "cost", *contracts, "e2e", guest=Guest(kernel))
    # made here: pytest's factory is not for threads
    directories = {kernel: tmp_path_factory.mktemp(kernel) for kernel in kernels}
    with ThreadPoolExecutor() as pool:
        yield {kernel: pool.submit(run, kernel, directory)
               for kernel, directory in directories.items()}


@pytest.fixture(scope="session", autouse=True)
def start_early(request):
    """The guests run while other tests do."""
    if any(map(looks_at_guests, request.session.items)):
        request.getfixturevalue("guests")
