# SPDX-License-Identifier: MIT
"""The `place` of tests/kernel where nothing can be built, a plugin for pytest --noconftest:
$RAWTAP is the rawtap to run, $PROGRAMS has the tracee."""

import os
from pathlib import Path

import pytest

from tracee import Place


@pytest.fixture
def place():
    with Place(Path(os.environ["PROGRAMS"]), Path(os.environ["RAWTAP"])) as place:
        yield place
