# SPDX-License-Identifier: MIT
"""The referee is Dovecot itself: each session is recorded by its own rawlog_dir and by
rawtap's --rawlog-dir at the same time, and both must have written the same."""

import stat

import pytest

import rawlogs
from dirstage import play_dirs
from stage import CASES

# With native alone it shows whether the referee itself can be trusted: a client's transcript.
WITH = {"native alone": None, "both": ()}


@pytest.fixture(scope="module", params=WITH)
def stage(request, root, wanted_cases):
    rawtap = WITH[request.param]
    binary = None if rawtap is None else request.getfixturevalue("rawtap_binary")
    with play_dirs(wanted_cases(request), rawtap=rawtap, binary=binary, at_once=3) as stage:
        yield stage


def both(test):
    return pytest.mark.parametrize("stage", ["both"], indirect=True)(test)


def alone(test):
    return pytest.mark.parametrize("stage", ["native alone"], indirect=True)(test)


@alone
@pytest.mark.parametrize("case", CASES, ids=str)
def test_native_has_what_the_client_has(stage, case):
    client = stage.client(case)
    rawlogs.assert_same(stage.native(case, "in"), client.session_in, "native's .in")
    if stage.is_complete(case):
        rawlogs.assert_same(stage.native(case, "out"), client.session_out, "native's .out")
    else:
        rawlogs.assert_starts_with(stage.native(case, "out"), client.session_out, "native's .out")


@both
@pytest.mark.parametrize("case", CASES, ids=str)
def test_in(stage, case):
    rawlogs.assert_same(stage.rawtap(case, "in"), stage.native(case, "in"), "rawtap's .in")


@both
@pytest.mark.parametrize("case", CASES, ids=str)
def test_out(stage, case):
    rawtap, native = stage.rawtap(case, "out"), stage.native(case, "out")
    if stage.is_complete(case):
        rawlogs.assert_same(rawtap, native, "rawtap's .out")
    else:
        # By design: native has what the mail process still meant to send, rawtap what the
        # kernel took of it.
        rawlogs.assert_starts_with(native, rawtap, "native's .out")
        rawlogs.assert_starts_with(rawtap, stage.client(case).session_out, "rawtap's .out")


@both
@pytest.mark.parametrize("case", CASES, ids=str)
def test_name(stage, case):
    rawtap, native = stage.rawtap_pair(case), stage.native_pair(case)
    assert (rawtap.pid, rawtap.serial) == (native.pid, native.serial)
    assert rawtap.pid == stage.mail_pid(case)
    outcome = stage.outcome(case)
    for pair in rawtap, native:
        assert int(outcome.started) <= pair.time.timestamp() <= outcome.ended


@both
@pytest.mark.parametrize("case", CASES, ids=str)
def test_owner_and_mode(stage, case):
    def attributes(pair):
        status = {direction: path.stat() for direction, path in pair.files.items()}
        return {direction: (s.st_uid, s.st_gid, stat.filemode(s.st_mode))
                for direction, s in status.items()}
    assert attributes(stage.rawtap_pair(case)) == attributes(stage.native_pair(case))


@both
def test_nothing_lost(stage):
    assert stage.status == 0, stage.stderr
