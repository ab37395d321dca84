#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""House rules that no other tool checks. Run by `make lint`.

Files that are long are reported; those that are too long, and long functions, are errors.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = "bpf user include vmlinux tests scripts docs .ci".split()
GENERATED = ("__pycache__", ".pytest_cache", "corpus")
SOURCES = (".c", ".h", ".py", ".sh")
TEXTS = SOURCES + (".md", ".8")

FUNCTION_LINES = 60        # of a body: more is an error
FILE_LINES = (500, 540)    # more is reported, more is an error
FORBIDDEN = re.compile(r"\b(strcpy|strcat|sprintf|vsprintf|gets|atoi|atol|strtok)\s*\(")
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX|HA" r"CK)\b")
FUNCTION_NAME = re.compile(r"(\w+)\(")


class Report:
    def __init__(self):
        self.errors = 0

    def error(self, path, line, text):
        self.errors += 1
        self.say(path, line, text)

    def limit(self, path, line, what, size, reported, refused):
        if size > refused:
            self.error(path, line, f"{what} has {size} lines, more than {refused}")
        elif size > reported:
            self.say(path, line, f"warning: {what} has {size} lines, more than {reported}")

    @staticmethod
    def say(path, line, text):
        print(f"{path.relative_to(ROOT)}:{line}: {text}", file=sys.stderr)


def check_lines(path, lines, report):
    for number, line in enumerate(lines, 1):
        if line != line.rstrip():
            report.error(path, number, "white space at the end of the line")
    if lines and not lines[-1]:
        report.error(path, len(lines), "empty line at the end of the file")


def check_source(path, lines, report):
    if not any("SPDX-License-Identifier:" in line for line in lines[:2]):
        report.error(path, 1, "no SPDX-License-Identifier in the first two lines")
    for number, line in enumerate(lines, 1):
        if UNFINISHED.search(line):
            report.error(path, number, "a marker of unfinished work")
    report.limit(path, 1, "the file", len(lines), *FILE_LINES)


def check_c(path, lines, report):
    """Kernel layout: a function's braces are the only ones alone in the first column."""
    start = 0
    for number, line in enumerate(lines, 1):
        match = FORBIDDEN.search(line)
        if match:
            report.error(path, number, f"{match[1]}() is not used here")
        if line == "{":
            start = number
        elif line == "}" and start:
            size = number - start - 1
            report.limit(path, start, f"{function_name(lines, start)}()", size,
                         FUNCTION_LINES, FUNCTION_LINES)
            start = 0


def function_name(lines, brace):
    """Of the function whose body begins at line number `brace`."""
    for line in reversed(lines[max(0, brace - 8):brace - 1]):
        match = FUNCTION_NAME.search(line)
        if match and not line[0].isspace():
            return match[1]
    return "function"


def check(path, report):
    lines = path.read_text(errors="surrogateescape").split("\n")
    if lines[-1]:
        report.error(path, len(lines), "no newline at the end of the file")
    else:
        lines.pop()
    check_lines(path, lines, report)
    if path.suffix in SOURCES:
        check_source(path, lines, report)
    if path.suffix in (".c", ".h"):
        check_c(path, lines, report)


def files():
    yield from (path for path in sorted(ROOT.iterdir())
                if path.is_file() and (path.suffix in TEXTS or path.name == "Makefile"))
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            generated = set(path.relative_to(ROOT).parts) & set(GENERATED)
            if path.suffix in TEXTS and path.is_file() and not generated:
                yield path


def main():
    report = Report()
    for path in files():
        check(path, report)
    return 1 if report.errors else 0


if __name__ == "__main__":
    sys.exit(main())
