#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Write what verification costs, here and on Debian's kernels, to tests/vm/verifier-cost.txt.

As root, after `make`. A series of kernels has one entry for each compiler; those of others stay
as they are. With RAWTAP=PATH for another tree than .output.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/lib"))

import cost  # noqa: E402
from guest import PACKAGES, VM, Guest  # noqa: E402
from recorder import default_binary  # noqa: E402


def commands(results):
    """On the host, and on each of the kernels."""
    command = ["/usr/bin/python3", "-B", ROOT / "tests/lib/inside.py", results, "none", "cost"]
    yield command
    for kernel in PACKAGES:
        yield Guest(kernel).command(*command, env=["RAWTAP"], output=results, limit=600)


def main():
    os.environ["RAWTAP"] = str(default_binary().resolve())
    cost.build(default_binary().resolve())
    subprocess.run([VM, "fetch", *PACKAGES.values()], check=True)
    known = cost.read()
    with tempfile.TemporaryDirectory() as results:
        for command in commands(results):
            subprocess.run(list(map(str, command)), check=True)
            run = json.loads(Path(results, "cost.json").read_text())
            key = cost.series(run["release"]), cost.clang_version()
            costs = cost.table(run["costs"])
            for line in cost.differences(known.get(key, {}), costs, cost.same):
                print(*key, line)
            known[key] = costs
            cost.write(known)


if __name__ == "__main__":
    main()
