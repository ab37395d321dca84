# SPDX-License-Identifier: MIT
"""--redact: every way to log in, of every protocol, in the clear and inside TLS. The logs are what
was said but for the credentials, of which nothing is left."""

import base64
import re

import pytest

from login_stage import cases, play

# Of a line that is too long Dovecot takes as much as it likes.
CASES = [case for case in cases("plain", "starttls", "tls") if case.script.name != "long_line"]
# What a client says of itself, as it may be written.
PASSWORD = b"secret"
WRONG = b"wrong"


def forms(*secrets):
    """As they are, and in base64 at any of its three phases."""
    for secret in secrets:
        yield secret
        for phase in range(3):  # but for what depends on the bytes around it
            encoded = base64.b64encode(bytes(phase) + secret)
            yield encoded[(0, 2, 3)[phase]:(phase + len(secret)) // 3 * 4]


@pytest.fixture(scope="module")
def stage(rawtap_binary):
    with play(CASES, "--redact", by=("rawtap",), binary=rawtap_binary) as stage:
        yield stage


@pytest.mark.parametrize("case", CASES, ids=str)
def test_nothing_is_left(stage, case):
    said = stage.client(case).login_in
    logged = stage.read("rawtap", case, "in")
    for secret in forms(PASSWORD, WRONG):
        assert secret not in logged, (said, logged)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_all_else_is_there(stage, case):
    """The same lines but for those with a mark, and what the server said."""
    client = stage.client(case)
    assert stage.read("rawtap", case, "out") == client.login_out
    said = client.login_in.split(b"\n")
    logged = stage.read("rawtap", case, "in").split(b"\n")
    assert len(said) == len(logged)
    for before, after in zip(said, logged):
        if re.search(rb"redacted|cmVkYWN0ZWQ=|\{8\+?\}", after, re.IGNORECASE):
            continue
        assert after == before


def test_something_was_replaced(stage):
    """Of each protocol, or these tests would say nothing."""
    replaced = {case.script.protocol for case in CASES
                if stage.client(case).login_in != stage.read("rawtap", case, "in")}
    assert replaced == {"imap", "pop3", "submission"}


def test_nothing_lost(stage):
    assert stage.status == 0, stage.stderr
    assert "redacted" not in stage.stderr and "secret" not in stage.stderr
