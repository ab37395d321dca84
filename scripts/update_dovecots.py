#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Write the table of docs/DOVECOT.md from what pytest said (--junitxml) in releases of Debian:

    scripts/update_dovecots.py bookworm=.output-bookworm/e2e.xml trixie=.output-trixie/e2e.xml

The columns of other releases stay as they are."""

import sys
import xml.etree.ElementTree as xml
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs/DOVECOT.md"
FILES = {f"tests.e2e.{path.stem}" for path in (ROOT / "tests/e2e").glob("test_*.py")}
FIRST = "| mode | transport |"
TOTAL = "all end-to-end tests", ""


def outcome(case):
    """As the words of pytest's last line; an expected failure is a skip with its reason."""
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    return "passed" if case.find("skipped") is None else "left out"


def read_run(path):
    """(version, {(mode, transport): what the cell says})"""
    cases = list(xml.parse(path).iter("testcase"))
    told = {tuple(item.get("value").split()): outcome(case)
            for case in cases for item in case.iter("property") if item.get("name") == "cell"}
    versions = {version for version, *_ in told}
    if len(versions) != 1:
        sys.exit(f"{path}: not a run of tests/e2e/test_all_modes.py: {sorted(versions)}")
    cells = {(f"`{mode}`", transport): cell for (_, mode, transport), cell in told.items()}
    thinned = any(item.get("name") == "thin" for case in cases for item in case.iter("property"))
    if FILES <= {case.get("classname") for case in cases} and not thinned:  # else T= has left some out
        counts = Counter(map(outcome, cases)).most_common()
        cells[TOTAL] = ", ".join(f"{count} {word}" for word, count in counts)
    return versions.pop(), cells


def split(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def read_table(lines):
    """{column: {(mode, transport): cell}}"""
    _, _, *columns = split(lines[0])
    rows = [split(line) for line in lines[2:]]
    return {column: {(mode, transport): cells[number] for mode, transport, *cells in rows}
            for number, column in enumerate(columns)}


def write_table(columns):
    """Ordered by version."""
    names = sorted(columns, key=lambda name: [int(part) for part in name.split()[0].split(".")])
    rows = [row for row in dict.fromkeys(row for name in names for row in columns[name])
            if row != TOTAL]
    yield "| mode | transport | " + " | ".join(names) + " |"
    yield "|---|---|" + "---|" * len(names)
    for mode, transport in [*rows, TOTAL]:
        yield " | ".join([f"| {mode}", transport,
                          *(columns[name].get((mode, transport), "not run") for name in names)]) + " |"


def main():
    lines = DOCUMENT.read_text().splitlines()
    begin = next(number for number, line in enumerate(lines) if line.startswith(FIRST))
    end = next((number for number in range(begin, len(lines)) if not lines[number].startswith("|")),
               len(lines))
    columns = read_table(lines[begin:end])
    for release, path in (argument.split("=", 1) for argument in sys.argv[1:]):
        version, cells = read_run(path)
        columns = {name: old for name, old in columns.items() if f"({release})" not in name}
        columns[f"{version} ({release})"] = cells
    lines[begin:end] = write_table(columns)
    DOCUMENT.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
