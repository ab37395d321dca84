# SPDX-License-Identifier: MIT
"""The ring is too small, or nobody reads it: what is missing is told, byte by byte."""

import os
import re
import signal

import pytest

from rawlogs import wait_until
from tracee import wait_stopped

RING = "the ring was full"
SMALL = ("--ring-size", "128K")

pytestmark = pytest.mark.parametrize("kind", ["tcp", "unix"])


def counter(result, text):
    return int(re.search(rf"(\d+) {text}", result.stderr)[1])


def begin(place, kind, scenario, *flags):
    """Until the session is recorded."""
    place.rawtap(*flags)
    tracee = place.tracee(scenario, kind=kind)
    tracee.wait_for("begun")
    wait_until(lambda: len(place.files()) == 2, "the files")
    return tracee


def pause(recorder):
    os.kill(recorder.pid, signal.SIGSTOP)
    wait_stopped(recorder.pid)


def go_on(recorder):
    os.kill(recorder.pid, signal.SIGCONT)


def flood(place, kind, *flags):
    """Until rawtap is paused, and far more was moved than the ring holds."""
    tracee = begin(place, kind, "flood", *SMALL, *flags)
    pause(place.recorder)
    tracee.say()
    tracee.wait_for("flooded")
    return tracee


def test_burst(place, kind):
    tracee = begin(place, kind, "burst", "--ring-size", "1M")
    tracee.say()
    tracee.finish()
    result = place.stop()
    assert sum(result.assert_gaps(RING)) <= counter(result, "bytes lost: the ring was full")


def test_burst_that_nobody_reads(place, kind):
    tracee = begin(place, kind, "burst", "--ring-size", "1M")
    pause(place.recorder)
    tracee.say()
    wait_until(place.sessions_ended, "the burst to end")
    go_on(place.recorder)
    tracee.finish()
    result = place.stop()
    # other Dovecots on this host may have lost some, too
    assert 1_000_000 < sum(result.assert_gaps(RING)) <= counter(
        result, "bytes lost: the ring was full")


@pytest.mark.parametrize("flags", [(), ("-b",), ("-t",)], ids=" ".join)
def test_loss_in_the_middle(place, kind, flags):
    tracee = flood(place, kind, *flags)
    go_on(place.recorder)

    def goes_on():
        tracee.say("more")
        tracee.wait_for("gave")
        return any(b"bytes lost at offset" in path.read_bytes() for path in place.files()
                   if path.suffix == ".out")

    wait_until(goes_on, "bytes after the gap")
    tracee.say("more")
    tracee.wait_for("gave")
    tracee.finish()
    result = place.stop(flags)
    result.assert_gaps(RING)
    assert result.summary["lost"] > 5_000_000
    assert not result.files[0][1].endswith(b"ring was full]\n")


@pytest.mark.parametrize("end", ["process ends", "process lives"])
def test_loss_at_the_end(place, kind, end):
    tracee = flood(place, kind)
    if end == "process ends":
        tracee.say("end")
        wait_until(place.sessions_ended, "the session to end")
    go_on(place.recorder)
    result = place.stop()
    tracee.finish()
    result.read_notes()
    result.assert_gaps(RING)
    assert result.summary["lost"] > 5_000_000
    assert result.files[0][1].endswith(b"ring was full]\n")


def test_login_while_the_ring_is_full(place, kind):
    tracee = begin(place, kind, "flood-login", *SMALL)
    pause(place.recorder)
    tracee.say()
    tracee.wait_for("flooded")
    go_on(place.recorder)
    tracee.finish()
    result = place.stop()
    result.assert_gaps(RING)
    assert len(result.files) == 2


def test_too_many_logins_for_the_ring(place, kind):
    """Who they are is lost as well: that there were such is told all the same."""
    tracee = begin(place, kind, "flood", *SMALL)
    pause(place.recorder)
    others = place.tracee("brief", kind=kind, arguments=["--times", 100])
    wait_until(lambda: place.sessions_ended() == 100, "the sessions to end")
    go_on(place.recorder)
    others.finish()
    tracee.say()
    tracee.finish()
    result = place.stop()
    assert result.status == 3
    assert counter(result, "handshake and process records lost") > 0
