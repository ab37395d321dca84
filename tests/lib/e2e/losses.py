# SPDX-License-Identifier: MIT
"""Force loss: a small ring, and a rawtap that is stopped meanwhile."""

import signal
from contextlib import contextmanager

LARGE = 10_000_000
FULL = "the ring was full"
SMALL_RING = ("--ring-size", "128K")


@contextmanager
def asleep(rawtap):
    """It takes nothing out of the ring."""
    rawtap.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        rawtap.process.send_signal(signal.SIGCONT)


def stop(dovecot, rawtap):
    dovecot.wait_sessions_over()
    return rawtap.stop(signal.SIGTERM)


def assert_told(rawtap, *gap_lists):
    """The summary and the exit status say what the files say."""
    lost = sum(size for gaps in gap_lists for _, size, _ in gaps)
    assert lost > 0
    assert rawtap.count("bytes lost") == lost
    assert rawtap.status == 3
