# SPDX-License-Identifier: MIT
"""What verification costs, as it is known: verifier-cost.txt. See scripts/update_cost.py."""

import os
import re
import subprocess

from recorder import REPOSITORY

GOLDEN = REPOSITORY / "tests" / "vm" / "verifier-cost.txt"
HEADER = """\
# What the kernels' verifiers say of rawtap's programs, by the compiler that made these. The
# instructions that were looked at (a kernel refuses more than a million), the states.
# kernel clang backend program instructions total_states peak_states
"""


def clang_version():
    clang = os.environ.get("CLANG", "clang")
    version = subprocess.run([clang, "--version"], check=True, capture_output=True, text=True)
    return re.search(r"version (\S+)", version.stdout)[1]


def build(rawtap):
    """verifier_cost, beside the rawtap that it speaks of."""
    output = rawtap.parent
    subprocess.run(["make", "-s", "-C", REPOSITORY, f"OUTPUT={output}",
                    output / "verifier_cost"], check=True, stdout=subprocess.DEVNULL)


def read():
    """{(kernel, clang): {(backend, program): (instructions, total states, peak states)}}"""
    known = {}
    for line in GOLDEN.read_text().splitlines():
        if not line.startswith("#"):
            kernel, clang, *cost = line.split()
            known.setdefault((kernel, clang), []).append(cost)
    return {key: table(costs) for key, costs in known.items()}


def table(costs):
    return {(backend, program): tuple(map(int, numbers))
            for backend, program, *numbers in costs}


def write(known):
    lines = [" ".join(map(str, (*key, *program, *numbers))) + "\n"
             for key, costs in known.items() for program, numbers in costs.items()]
    GOLDEN.write_text(HEADER + "".join(sorted(lines)))


def differences(old, new):
    return [f"{backend} {program}: {old.get((backend, program), 'not there')}"
            f" -> {new.get((backend, program), 'not there')}"
            for backend, program in sorted(old.keys() | new.keys())
            if old.get((backend, program)) != new.get((backend, program))]
