# SPDX-License-Identifier: MIT
"""Clients of all protocols in a Dovecot and in directories that break all the time: captured + told
gaps = what was said, each in its own file (lib/soak/referee.py).

`make soak` is the same for ten minutes, or TIME=SECONDS; SEED=N repeats a run."""

import random

import pytest

from soak.run import soak

SECONDS = 60


def pytest_generate_tests(metafunc):
    if "seconds" in metafunc.fixturenames:
        seconds = metafunc.config.getoption("--soak") or SECONDS
        metafunc.parametrize("seconds", [
            pytest.param(seconds, marks=pytest.mark.timeout(3 * seconds + 300))])


def if_possible(request, fixture, without):
    """Its value, or True; None where this host lacks what it needs."""
    try:
        return request.getfixturevalue(fixture) or True
    except pytest.skip.Exception as reason:
        print(f"soak: {without}: {reason}")
        return None


def test_every_byte(rawtap_binary, request, seconds, tmp_path):
    seed = request.config.getoption("--seed")
    seed = random.randrange(1 << 31) if seed is None else seed
    print(f"\nsoak: seed {seed}", flush=True)
    result = soak(seed, seconds, rawtap_binary,
                  disks=if_possible(request, "mounts", "no disk is full"),
                  hangfs=if_possible(request, "hangfs", "nothing hangs"))
    print(result.report)
    if complaints := result.account.complaints:
        (tmp_path / "stderr").write_text(result.stderr)
        pytest.fail("\n".join([
            f"seed {seed}: {len(complaints)} complaints", *complaints[:20], result.report,
            f"what rawtap said is in {tmp_path}/stderr, and ends so:",
            *result.stderr.splitlines()[-8:]]), pytrace=False)
