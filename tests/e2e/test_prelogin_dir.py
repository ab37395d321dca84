# SPDX-License-Identifier: MIT
"""The directory of pre-login rawlogs: $base_dir/login/DIR, there and writable for the login
processes' user, or there is no log. Native -R, with a directory alike beside it, says which."""

import pytest

from private_dovecot import PrivateDovecot
from taps import record, talk  # noqa: F401

RECORDED, MISSING, REFUSED = ": recorded: {}/", "rawlog: {} doesn't exist", "creat({}/"
# What is there: (owner, mode), and what -D says.
CASES = {
    "as the manual makes it": ("dovenull", 0o700, RECORDED),
    "not there": (None, None, MISSING),
    "of root alone": ("root", 0o700, REFUSED),
    "of root, and everybody's": ("root", 0o777, RECORDED),
    "not searchable": ("dovenull", 0o200, REFUSED),
    "not writable": ("dovenull", 0o500, REFUSED),
}


@pytest.fixture(scope="module", params=CASES)
def case(request):
    return CASES[request.param]


@pytest.fixture(scope="module")
def dovecot(root, case):
    owner, mode, _ = case
    with PrivateDovecot(services={"imap-login": {"executable": "imap-login -R native"}}) as dovecot:
        for name in ("native", "rawlogs") if owner else ():
            dovecot.make_login_dir(name, owner=owner, mode=mode)
        yield dovecot


def logs(dovecot, name):
    directory = dovecot.base_dir / "login" / name
    return sorted(directory.iterdir()) if directory.exists() else []


@pytest.mark.parametrize("relative", [True, False], ids=["relative", "absolute"])
def test_where_native_logs_so_does_rawtap(dovecot, case, record, relative):  # noqa: F811
    directory = "rawlogs" if relative else dovecot.base_dir / "login" / "rawlogs"
    user = dovecot.add_user("relative" if relative else "absolute")
    with record(dovecot, "-R", directory, "-D") as rawtap:
        talk(dovecot, user)
    native, own = logs(dovecot, "native"), logs(dovecot, "rawlogs")
    logged = case[2] == RECORDED
    assert len(native) == len(own) == 2 * logged
    assert rawtap.status == 0, rawtap.stderr
    assert rawtap.count("sessions recorded") == logged
    assert case[2].format(dovecot.base_dir / "login" / "rawlogs") in rawtap.stderr
    # Process and number; the second may have changed meanwhile.
    assert [path.name.partition(".")[2] for path in own] == \
        [path.name.partition(".")[2] for path in native]
    assert {path.owner() for path in own} <= {"dovenull"}
    for path in native + own:
        path.unlink()
