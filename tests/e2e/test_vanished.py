# SPDX-License-Identifier: MIT
"""Clients that are gone as soon as they have logged in: nothing is missing of what was said, and
nothing is told to be missing."""

import pytest

from mailclient import connect
from private_dovecot import PrivateDovecot
from taps import recorded_user


@pytest.fixture(scope="module")
def dovecot(root):
    with PrivateDovecot() as dovecot:
        yield dovecot


@pytest.mark.parametrize("protocol, login", [("imap", "a1 LOGIN {} {}"), ("pop3", "PASS {1}")])
def test_reset(dovecot, record, protocol, login):
    """The mail process's first write fails."""
    user = recorded_user(dovecot, f"{protocol}-user")
    with record(dovecot) as rawtap:
        for _ in range(20):
            client = connect(dovecot, protocol, "plain", user)
            if protocol == "pop3":
                client.command(f"USER {user.name}")
            client.send((login.format(user.name, user.password) + "\r\n").encode())
            client.reset()
    assert rawtap.status == 0, rawtap.stderr
