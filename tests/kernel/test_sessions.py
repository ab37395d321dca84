# SPDX-License-Identifier: MIT
"""Many sessions, processes that are killed, and bytes that pass by every buffer."""

import pytest

KINDS = ["tcp", "unix"]

pytestmark = pytest.mark.parametrize("kind", KINDS)


def test_one_after_another(place, kind):
    """Inodes and descriptors are used again and again."""
    result = place.run("one-after-another:200", kind=kind)
    result.assert_complete()
    assert len(result.files) == 200


def test_at_once(place, kind):
    result = place.run("at-once", kind=kind)
    result.assert_complete()
    assert len(result.files) == 20


def test_threads(place, kind):
    place.run("threads", kind=kind).assert_complete()


def test_many_processes(place, kind):
    result = place.run("brief", kind=kind, arguments=["--times", 50])
    result.assert_complete()
    assert len(result.files) == 50


def test_killed_while_blocked(place, kind):
    result = place.run("blocked", kind=kind, arguments=["--times", 200, "--kill-blocked"])
    result.assert_complete()
    assert len(result.files) == 200


def test_recording_goes_on_after_kills(place, kind):
    place.rawtap("-b")
    place.tracee("blocked", kind=kind, arguments=["--times", 20, "--kill-blocked"]).finish()
    place.tracee("brief", kind=kind).finish()
    result = place.stop(["-b"])
    result.assert_complete()
    assert len(result.files) == 21


@pytest.mark.parametrize("scenario, lost", [
    ("sendfile", 299000), ("splice-out", 30000)])
def test_bytes_from_a_file(place, kind, scenario, lost):
    result = place.run(scenario, kind=kind, flags=())
    assert sum(result.assert_gaps("sent by sendfile or splice")) == lost


def test_several_messages_in_one_call(place, kind):
    result = place.run("mmsg", kind=kind, flags=())
    assert sum(result.assert_gaps("moved by a system call that is not known")) == 6000


def expect_told(request, kind):
    """What no hook sees is told all the same, where the protocol counts its bytes."""
    if kind == "unix":
        request.applymarker(pytest.mark.xfail(
            strict=True, reason="nothing counts them: the bytes are neither there nor told"))


def test_splice_from_the_socket(request, place, kind):
    expect_told(request, kind)
    assert place.run("splice-in", kind=kind, flags=()).assert_gaps() == [1000]


def test_another_program_takes_a_hand(request, place, kind):
    expect_told(request, kind)
    result = place.run("other-program", kind=kind, flags=())
    assert result.assert_gaps("passed where no hook is") == [500, 500]


def test_received_and_thrown_away(place, kind):
    """MSG_TRUNC: only TCP throws away."""
    result = place.run("trunc", kind=kind, flags=())
    assert result.assert_gaps() == ([1000] if kind == "tcp" else [])


@pytest.mark.parametrize("who", ["child", "both"])
def test_child_goes_on_with_the_socket(place, kind, who):
    place.run(f"fork:{who}", kind=kind).assert_complete()
