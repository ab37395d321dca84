# SPDX-License-Identifier: MIT
"""What rawtap writes, against what the clients know that they sent and received. Dovecot
itself records nothing here: beside native rawlog, which stands between client and mail
process, the mail process uses other sockets."""

import pytest

import rawlogs
from private_dovecot import make_message
from sessions import LARGE
from stage import CASES, play

CUT_OFF = [case for case in CASES
           if case.script.name.startswith("reset_in_") and case.script.mails]


@pytest.fixture(scope="module", params=[()], ids=["alone"])
def stage(request, rawtap_binary, wanted_cases):
    # Several at once: bytes of one session must not turn up in another's file.
    with play(wanted_cases(request), rawtap=request.param, binary=rawtap_binary, at_once=4) as stage:
        yield stage


@pytest.mark.parametrize("case", CASES, ids=str)
def test_in(stage, case):
    rawlogs.assert_same(stage.rawtap(case, "in"), stage.client(case).session_in, "rawtap's .in")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_out(stage, case):
    recorded, received = stage.rawtap(case, "out"), stage.client(case).session_out
    if stage.is_complete(case):
        rawlogs.assert_same(recorded, received, "rawtap's .out")
    else:
        rawlogs.assert_starts_with(recorded, received, "rawtap's .out")


@pytest.mark.parametrize("case", CUT_OFF, ids=str)
def test_what_the_client_did_not_get_is_the_mail_s(stage, case):
    """Nobody received the tail of .out, but it is known what Dovecot had to send."""
    recorded, message = stage.rawtap(case, "out"), make_message(LARGE)
    mail = recorded[recorded.index(b"From: "):]
    rawlogs.assert_starts_with(message, mail, "the rest of the mail in rawtap's .out")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_one_pair_with_the_mail_process_s_pid(stage, case):
    assert [pair.pid for pair in stage.pairs(case)] == [stage.mail_pid(case)]


def test_nothing_lost(stage):
    assert stage.status == 0, stage.stderr
