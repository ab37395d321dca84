# SPDX-License-Identifier: MIT
"""The referee is Dovecot itself: each session is recorded by its own rawlog binary and
by rawtap at the same time. Both write into the same directory, and must have written
the same."""

import stat

import pytest

import rawlogs
from mailclient import TRANSPORTS
from stage import CASES, play

VARIANTS = [(), ("-t",), ("-b",), ("-b", "-t"), ("-I",)]


@pytest.fixture(scope="module", params=VARIANTS, ids=lambda flags: " ".join(flags) or "plain")
def stage(request, rawtap_binary, wanted_cases):
    flags = request.param
    with play(wanted_cases(request), native=flags, rawtap=flags, binary=rawtap_binary,
              at_once=3) as stage:
        yield stage


@pytest.mark.parametrize("case", CASES, ids=str)
def test_in(stage, case):
    rawtap, native = stage.rawtap(case, "in"), stage.native(case, "in")
    client = stage.client(case)
    # By design: input pipelined after the login goes from the login process to the mail
    # process, past native's rawlog. rawtap has it; the client tells what it was.
    missing = len(rawtap) - len(native) if client.pipelined else 0
    assert 0 <= missing <= len(client.pipelined)
    rawlogs.assert_same(rawtap, client.session_in[:missing] + native, "rawtap's .in")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_out(stage, case):
    rawtap, native = stage.rawtap(case, "out"), stage.native(case, "out")
    if stage.is_complete(case):
        rawlogs.assert_same(rawtap, native, "rawtap's .out")
    else:
        # By design: rawtap has what the mail process wrote, native what its rawlog process
        # still read of that before it noticed that the client was gone.
        rawlogs.assert_starts_with(rawtap, native, "rawtap's .out")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_name(stage, case):
    rawtap, native = stage.rawtap_pair(case), stage.native_pair(case)
    assert (rawtap.ip, rawtap.serial) == (native.ip, native.serial)
    outcome = stage.outcome(case)
    for pair in rawtap, native:
        assert int(outcome.started) <= pair.time.timestamp() <= outcome.ended


@pytest.mark.parametrize("case", CASES, ids=str)
def test_owner_and_mode(stage, case):
    def attributes(pair):
        status = {direction: path.stat() for direction, path in pair.files.items()}
        return {direction: (s.st_uid, s.st_gid, stat.filemode(s.st_mode))
                for direction, s in status.items()}
    assert attributes(stage.rawtap_pair(case)) == attributes(stage.native_pair(case))


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_block_is_what_one_read_returned(rawtap_binary, transport):
    """In general the two read in other portions; here the client makes the portions."""
    (case,) = [case for case in CASES if str(case) == f"imap-{transport}-cut_command"]
    with play([case], native=("-b",), rawtap=("-b",), binary=rawtap_binary) as stage:
        rawtap, native = (rawlogs.split_blocks(pair.read("in"))
                          for pair in (stage.rawtap_pair(case), stage.native_pair(case)))
        assert rawtap == native
        assert rawtap[:2] == [b"p1 NOOP\r\np2 NO", b"OP\r\np3 NOOP\r\n"]


def test_nothing_lost(stage):
    assert stage.status == 0, stage.stderr
