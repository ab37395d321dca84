# SPDX-License-Identifier: MIT
"""-u MASK: only these users. Masks are doveadm's: * and ?, and no difference of case."""

import pytest

from taps import recorded, recorded_user, talk, transcripts

NAMES = ("alice@example.org", "alicia@example.org", "bob@example.com", "bob")
CASES = [
    (["bob"], {"bob"}),
    (["BOB"], {"bob"}),
    (["bob*"], {"bob@example.com", "bob"}),
    (["b?b"], {"bob"}),
    (["?bob"], set()),
    (["bo"], set()),
    (["ob"], set()),
    (["*"], set(NAMES)),
    (["*@*"], set(NAMES) - {"bob"}),
    (["*@EXAMPLE.org"], {"alice@example.org", "alicia@example.org"}),
    (["alic?@*"], {"alice@example.org"}),
    (["alic??@*"], {"alicia@example.org"}),
    (["*li*e.o*"], {"alice@example.org", "alicia@example.org"}),
    (["a*e@*", "bob"], {"alice@example.org", "bob"}),
    (["nobody", "bob", "bob"], {"bob"}),
    ([""], set()),
]


@pytest.fixture(scope="module")
def users(dovecot):
    return [recorded_user(dovecot, name) for name in NAMES]


def forget(users):
    for user in users:
        for path in user.rawlog_dir.iterdir():
            path.unlink()


@pytest.mark.parametrize("masks, wanted", CASES, ids=lambda value: " ".join(sorted(value)) or "-")
def test_masks(dovecot, record, users, masks, wanted):
    forget(users)
    options = [word for mask in masks for word in ("-u", mask)]
    with record(dovecot, "-D", *options) as rawtap:
        clients = [talk(dovecot, user, word=f"x{i}") for i, user in enumerate(users)]
    for client in clients:
        user = client.user
        if user.name in wanted:
            assert recorded(user) == transcripts(client)
        else:
            assert recorded(user) == []
            assert rawtap.said(user) == ["not recorded: its user does not match -u"]
    assert rawtap.count("sessions recorded") == len(wanted)


def test_long_option(dovecot, record, users):
    forget(users)
    with record(dovecot, "--user", "bob", "--user=alicia@*") as rawtap:
        clients = [talk(dovecot, user, "pop3", "tls") for user in users]
    assert [bool(recorded(client.user)) for client in clients] == [False, True, False, True]
    assert rawtap.count("its user does not match -u") == 2


def test_the_mask_does_not_overrule_the_home_rule(dovecot, record):
    user = dovecot.add_user("without")
    with record(dovecot, "-D", "-u", "without") as rawtap:
        talk(dovecot, user)
    assert rawtap.said(user) == [f"not recorded: rawlog: {user.rawlog_dir} doesn't exist"]
