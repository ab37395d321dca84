# SPDX-License-Identifier: MIT
"""Tests on other kernels than the host's: ask for `guest`, and run something in it."""

import os
import shutil
import subprocess

import pytest

from guest import PACKAGES, VM, Guest


@pytest.fixture(scope="session")
def kernels():
    """Their versions; they are there."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    if not shutil.which("qemu-system-x86_64"):
        pytest.skip("needs QEMU: scripts/install-deps.sh vm")
    fetch = subprocess.run([VM, "fetch", *PACKAGES.values()], capture_output=True, text=True)
    if "vm: cannot get" in fetch.stderr:
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
