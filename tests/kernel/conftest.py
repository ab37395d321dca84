# SPDX-License-Identifier: MIT
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

import recorder  # noqa: E402
from tracee import Place, build_programs  # noqa: E402


@pytest.fixture(scope="session")
def rawtap_binary(request):
    if os.geteuid() != 0:
        pytest.skip("needs root")
    option = request.config.getoption("--rawtap", default=None)
    binary = Path(option or recorder.default_binary()).resolve()
    if not binary.exists():
        pytest.fail(f"there is no {binary}: build it first")
    if missing := recorder.lacks(binary):
        pytest.skip(f"rawtap cannot attach here: {missing}")
    return binary


@pytest.fixture(scope="session")
def programs(rawtap_binary):
    """The directory with the tracee's two programs."""
    with build_programs() as directory:
        yield directory


@pytest.fixture
def place(programs, rawtap_binary):
    with Place(programs, rawtap_binary) as place:
        yield place
