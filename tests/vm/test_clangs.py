# SPDX-License-Identifier: MIT
"""Whichever clang made the programs: every kernel loads and attaches them. `make check-clangs`.

Each kernel boots once, and tries all; so does the host. RAWTAP_CLANGS says which.
"""

import json
import os
import shutil
import subprocess

import pytest

from guest import PACKAGES, VM, Guest, backends_of

REPOSITORY = VM.parents[1]
CLANGS = os.environ.get("RAWTAP_CLANGS", "clang-14 clang-16 clang-19").split()
HOST = "host"
TRY = """
for clang; do
    mkdir -p "$RESULTS/$clang"
    RAWTAP=.output-$clang/rawtap python3 -B tests/lib/inside.py "$RESULTS/$clang" none \\
        start cost || exit
done
"""


@pytest.fixture(scope="module")
def clangs():
    """Those that are there; their rawtaps are built."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    found = [clang for clang in CLANGS if shutil.which(clang)]
    for clang in found:
        output = f".output-{clang}"
        subprocess.run(["make", "-s", f"CLANG={clang}", f"OUTPUT={output}", f"{output}/rawtap",
                        f"{output}/verifier_cost"], cwd=REPOSITORY, check=True)
    return found


@pytest.fixture(scope="module", params=[*PACKAGES, HOST])
def tried(request, clangs, tmp_path_factory):
    """(kernel, where its results are), once all clangs were tried there."""
    results = tmp_path_factory.mktemp(request.param)
    command = ["bash", "-c", TRY, "bash", *clangs]
    environment = {"RESULTS": str(results)}
    if request.param == HOST:
        run = subprocess.run(command, cwd=REPOSITORY, env=os.environ | environment,
                             capture_output=True, text=True)
    else:
        request.getfixturevalue("kernels")
        run = Guest(request.param).run(*command, limit=300, env=environment, output=results,
                                       cwd=REPOSITORY)
    assert run.returncode == 0, run.stdout + run.stderr
    return request.param, results


@pytest.mark.parametrize("clang", CLANGS)
def test_loads_and_attaches(tried, clangs, clang):
    kernel, results = tried
    if clang not in clangs:
        pytest.skip(f"needs {clang}: scripts/install-deps.sh clangs")
    start, cost = (json.loads((results / clang / f"{job}.json").read_text())
                   for job in ("start", "cost"))
    assert tuple(start) == backends_of(kernel) if kernel != HOST else start
    for backend, (status, stderr) in start.items():
        assert f"rawtap: recording (backend {backend})\n" in stderr
        assert status == 0, stderr
    assert {backend for backend, *_ in cost["costs"]} == set(start)
