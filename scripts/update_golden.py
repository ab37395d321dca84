#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Make what rawtap writes now the expected result of replay cases: scripts/update_golden.py NAME...

Review the case first, and the difference afterwards: any output is taken for right. With
RAWTAP=PATH another binary than .output/rawtap.
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/lib"))

from replaycase import Case, Outcome, Run, replay  # noqa: E402


def main():
    rawtap = Path(os.environ.get("RAWTAP", ROOT / ".output/rawtap")).resolve()
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    for name in sys.argv[1:]:
        case = Case(ROOT / "tests/replay" / f"{Path(name).stem}.rls")
        if not case.runs:
            case.runs.append(Run([], Outcome()))
        stream = case.script.compile()
        text = case.text([replay(rawtap, stream, run.options) for run in case.runs])
        if text != case.path.read_text():
            case.path.write_text(text)
            print(f"{case.path.relative_to(ROOT)}: changed")


if __name__ == "__main__":
    main()
