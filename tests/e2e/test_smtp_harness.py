# SPDX-License-Identifier: MIT
"""As test_harness.py, for LMTP and submission: native rawlog alone, against what the clients
and the servers remember. rawtap is not needed."""

import pytest

import librawlogs
import test_lmtp
import test_lmtp_proxy
import test_submission
from lmtp_sessions import CASES as LMTP_CASES
from relay_sessions import CASES as SUBMISSION_CASES
from relay_sessions import no_mail, no_relay


@pytest.fixture(scope="module")
def lmtp(root):
    with test_lmtp.play_cases(LMTP_CASES, binary=None, at_once=2) as stage:
        yield stage


@pytest.fixture(scope="module")
def proxy(root):
    with test_lmtp_proxy.play_cases(test_lmtp_proxy.CASES, binary=None, at_once=2) as stage:
        yield stage


@pytest.mark.parametrize("case", LMTP_CASES, ids=str)
def test_native_lmtp_is_what_was_said(lmtp, case):
    assert test_lmtp.find(lmtp, "native", case)


def test_native_lmtp_is_nothing_else(lmtp):
    streams = sum(len(lmtp.client(case).pairs) for case in lmtp.outcomes)
    pairs = lmtp.pairs("native", test_lmtp.SETTING)
    assert len(pairs) == streams
    librawlogs.assert_stamps(pairs, lmtp.started, lmtp.over)


@pytest.mark.parametrize("case", test_lmtp_proxy.CASES, ids=str)
def test_native_lmtp_proxy_is_what_was_said(proxy, case):
    assert test_lmtp_proxy.find_client(proxy, "native", case)
    assert test_lmtp_proxy.find_proxy(proxy, "native", case) or case.run is test_lmtp_proxy.fails


def test_native_lmtp_proxy_is_nothing_else(proxy):
    streams = sum(len(proxy.client(case).pairs) for case in proxy.outcomes)
    assert len(proxy.pairs("native", test_lmtp_proxy.CLIENT)) == streams
    streams = sum(len(session.pairs) + (test_lmtp_proxy.SERVERS[name][0] == "implicit")
                  for name, server in proxy.servers.items() for session in server.sessions)
    assert len(proxy.pairs("native", test_lmtp_proxy.PROXY)) == streams


@pytest.fixture(scope="module")
def submission(root):
    with test_submission.play_cases(SUBMISSION_CASES, binary=None, at_once=2) as stage:
        yield stage


@pytest.mark.parametrize("case", SUBMISSION_CASES, ids=str)
def test_native_submission_is_what_was_said(submission, case):
    (_, number), = test_submission.find_client(submission, "native", case)
    assert number == 1
    streams = test_submission.find_relay(submission, "native", case)
    assert streams or case.run in (no_relay, no_mail)


@pytest.mark.parametrize("name", [
    "20261122-071845-15081.in", "20261122-071845.15081.in", "20261122-071845.15081.0.in",
    "20261122-071845.15081.1.in.tmp"])
def test_other_names_are_found(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(ValueError):
        librawlogs.find_pairs(tmp_path)


def test_a_file_alone_is_found(tmp_path):
    (tmp_path / "20261122-071845.15081.1.in").touch()
    with pytest.raises(ValueError):
        librawlogs.find_pairs(tmp_path)


def pair_of(directory, number, data_in, data_out):
    for direction, data in ("in", data_in), ("out", data_out):
        (directory / f"20261122-071845.15081.{number}.{direction}").write_bytes(data)


def test_differences_are_found(tmp_path):
    pair_of(tmp_path, 1, b"1.000001 a\n", b"1.000001 b\n1.000002 c")
    pairs = librawlogs.find_pairs(tmp_path)
    assert librawlogs.assert_has(pairs, (b"a\n", b"b\nc"), "it") == [(15081, 1)]
    assert librawlogs.assert_has(pairs, (b"a\n", b"b"), "it", complete=False) == [(15081, 1)]
    for content in (b"a", b"b\nc"), (b"a\n", b"b\n"), (b"a\n", b"b\ncd"):
        with pytest.raises(AssertionError):
            librawlogs.assert_has(pairs, content, "it")


def test_other_contents_are_found(tmp_path):
    dirs = librawlogs.TwoDirs(tmp_path, "mode")
    pair_of(dirs.native, 1, b"1.000001 a\n", b"1.000001 b\n")
    pair_of(dirs.rawtap, 1, b"1.000002 a\n", b"1.000003 b")
    native, rawtap = dirs.pairs("native"), dirs.pairs("rawtap")
    librawlogs.assert_same_names(rawtap, native, "it")
    librawlogs.assert_same_attributes(rawtap, native, "it")
    librawlogs.assert_same_contents(rawtap, native, "it", unsent=[(15081, 1)])
    with pytest.raises(AssertionError):
        librawlogs.assert_same_contents(rawtap, native, "it")
    pair_of(dirs.rawtap, 2, b"", b"")
    with pytest.raises(AssertionError):
        librawlogs.assert_same_names(dirs.pairs("rawtap"), native, "it")
