#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Each test that docs/RULES.md names exists; each sentence there has a test or is marked open."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RULES = ROOT / "docs" / "RULES.md"
NAME = re.compile(r"`([\w/]+\.py)::(\w+)`")


def problems():
    for number, line in enumerate(RULES.read_text().splitlines(), 1):
        if not line.startswith("|") or set(line) <= set("|- ") or line.endswith("| test |"):
            continue
        names = NAME.findall(line)
        if not names and "**open**" not in line:
            yield f"{RULES.name}:{number}: neither a test nor open"
        for file, test in names:
            path = ROOT / "tests" / file
            if not path.exists() or f"def {test}(" not in path.read_text():
                yield f"{RULES.name}:{number}: there is no test {file}::{test}"


if __name__ == "__main__":
    found = list(problems())
    print("\n".join(found), end="\n" if found else "")
    sys.exit(bool(found))
