# SPDX-License-Identifier: MIT
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

import recorder  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--rawtap", metavar="PATH", default=recorder.default_binary(),
                     help="the rawtap to test (default: $RAWTAP, or .output/rawtap)")


@pytest.fixture(scope="session")
def root():
    if os.geteuid() != 0:
        pytest.skip("needs root")


@pytest.fixture(scope="session")
def rawtap_binary(request, root):
    binary = Path(request.config.getoption("--rawtap")).resolve()
    if not binary.exists():
        pytest.fail(f"there is no {binary}: build it first")
    # Only what the machine lacks is a reason to skip; anything else must fail.
    if missing := recorder.lacks(binary):
        pytest.skip(f"rawtap cannot attach here: {missing}")
    return binary


@pytest.fixture(scope="session")
def wanted_cases():
    """wanted_cases(request): the cases that the selected tests of this module will ask
    this very stage for, so that -k plays no more sessions than it needs."""
    return _wanted_cases


def _wanted_cases(request):
    cases = {}
    for item in request.session.items:
        params = item.callspec.params if hasattr(item, "callspec") else {}
        if item.module is request.module and params.get("stage") == request.param:
            cases[params.get("case")] = None
    cases.pop(None, None)
    return list(cases)
