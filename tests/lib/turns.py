# SPDX-License-Identifier: MIT
"""Tests of several processes (pytest -n) take turns where one of them needs the host for itself."""

import fcntl
from contextlib import contextmanager

from recorder import REPOSITORY

LOCK = REPOSITORY / "pytest.ini"
DOOR = REPOSITORY / "tests" / "conftest.py"


@contextmanager
def turn(*, alone):
    """Hold a lock that many can share, or one can hold alone. Whoever waits for it alone keeps
    the door shut meanwhile: else there could always be somebody who shares it."""
    with open(LOCK) as lock, open(DOOR) as door:
        fcntl.flock(door, fcntl.LOCK_EX)
        fcntl.flock(lock, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(door, fcntl.LOCK_UN)
        yield
