# SPDX-License-Identifier: MIT
"""What verification costs, as it is known: verifier-cost.txt. See scripts/update_cost.py."""

import os
import re
import subprocess

from recorder import REPOSITORY

GOLDEN = REPOSITORY / "tests" / "vm" / "verifier-cost.txt"
HEADER = """\
# What the kernels' verifiers say of rawtap's programs, by the series of the kernel and of the
# compiler that made these. The instructions that were looked at (a kernel refuses more than a
# million), the states. What a test finds may differ by a quarter.
# kernel clang backend program instructions total_states peak_states
"""
# From one build of a series to the next the verifier changes, and what it costs by some percent.
FACTOR = 1.25
SLACK = 20      # of small programs a few instructions are much


def clang_version():
    clang = os.environ.get("CLANG", "clang")
    version = subprocess.run([clang, "--version"], check=True, capture_output=True, text=True)
    return re.search(r"version (\d+)", version.stdout)[1]


def series(release):
    """6.12 of 6.12.117+deb12-amd64."""
    return re.match(r"\d+\.\d+", release)[0]


def golden(known, release, clang):
    """The table of this series, or of the last one before it; None."""
    def numbers(kernel):
        return tuple(map(int, kernel.split(".")))
    before = [kernel for kernel, compiler in known
              if compiler == clang and numbers(kernel) <= numbers(series(release))]
    return known[max(before, key=numbers), clang] if before else None


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


def same(old, new):
    return old == new


def near(old, new):
    return None not in (old, new) and all(
        a / FACTOR - SLACK <= b <= a * FACTOR + SLACK for a, b in zip(old, new))


def differences(old, new, equal=near):
    return [f"{backend} {program}: {old.get((backend, program), 'not there')}"
            f" -> {new.get((backend, program), 'not there')}"
            for backend, program in sorted(old.keys() | new.keys())
            if not equal(old.get((backend, program)), new.get((backend, program)))]
