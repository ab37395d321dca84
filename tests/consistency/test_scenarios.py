# SPDX-License-Identifier: MIT
"""What runs in a guest is what the selected tests look at."""

import json
from types import SimpleNamespace

import pytest

from guest import Results, wanted_scenarios

CASES = [
    {"kernel": "6.12", "backend": "sock", "scenario": "eagain", "kind": "tcp"},
    {"kernel": "6.12", "backend": "fexit", "scenario": "eagain", "kind": "unix"},
    {"kernel": "6.12", "backend": "fexit", "scenario": "peek", "kind": "tcp"},
    {"kernel": "6.1", "backend": "fexit", "scenario": "dup", "kind": "tcp"},
    {"kernel": "6.12", "call": "read", "kind": "tcp"},      # no scenario
    {},
]


@pytest.mark.parametrize("kernel, wanted", [
    ("6.12", {"sock": ["eagain tcp"], "fexit": ["eagain unix", "peek tcp"]}),
    ("6.1", {"fexit": ["dup tcp"]}),
    ("7", {"sock": [], "fexit": []})])
def test_those_that_are_looked_at(kernel, wanted):
    assert wanted_scenarios(kernel, CASES) == wanted


def test_one_that_did_not_run(tmp_path):
    (tmp_path / "scenarios-sock.json").write_text(json.dumps({"outcomes": {"peek tcp": "complete"}}))
    results = Results(tmp_path, SimpleNamespace(stdout="", stderr=""))
    assert results.outcome("sock", "peek", "tcp") == "complete"
    with pytest.raises(AssertionError, match="wanted.json did not have 'peek unix' for sock"):
        results.outcome("sock", "peek", "unix")
