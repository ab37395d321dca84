# SPDX-License-Identifier: MIT
"""Whatever a mail process does to its socket: the files hold exactly the bytes that it moved,
one block per call (-b)."""

import pytest

KINDS = ["tcp", "unix"]
ONE_PIECE = ["read", "recv", "recvfrom"]
PIECES = ["recvmsg", "readv", "preadv2"]

pytestmark = pytest.mark.parametrize("kind", KINDS)


@pytest.mark.parametrize("io", ONE_PIECE + PIECES)
def test_sizes(place, kind, io):
    place.run(f"sizes:{io}", kind=kind).assert_complete()


@pytest.mark.parametrize("io", PIECES)
def test_pieces(place, kind, io):
    place.run(f"iov:{io}", kind=kind).assert_complete()


@pytest.mark.parametrize("io", PIECES)
def test_pieces_not_filled(place, kind, io):
    place.run(f"iov-short:{io}", kind=kind).assert_complete()


@pytest.mark.parametrize("io", ["read", *PIECES])
def test_partial_writes(place, kind, io):
    place.run(f"partial:{io}", kind=kind).assert_complete()


@pytest.mark.parametrize("scenario", ["eagain", "peek", "empty", "fresh", "dup"])
def test_calls(place, kind, scenario):
    place.run(scenario, kind=kind).assert_complete()


@pytest.mark.parametrize("size", [1, 1000, 1200])
def test_input_with_the_login(place, kind, size):
    result = place.run("brief", kind=kind, arguments=["--input", size])
    result.assert_complete()
    assert len(result.notes[0].bytes_in) == size + 100
