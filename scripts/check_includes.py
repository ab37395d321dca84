#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Includes point down. scripts/layers.py says which folder of user/ may see which others; the
tables here, which of the kernel side's headers see which. Run by `make lint`.
"""

import re
import sys
from collections import defaultdict
from fnmatch import fnmatchcase
from pathlib import Path

from layers import LIBBPF_FOLDER, LIBBPF_HEADERS, PURE, PURE_HEADERS, SEES, circles, sees

ROOT = Path(__file__).resolve().parent.parent
USER = ROOT / "user"
# A macro's name counts as a file's, which is nowhere.
INCLUDE = re.compile(r'^[ \t]*#[ \t]*(?:include|include_next|import)\b[ \t]*'
                     r'(?P<mark>["<]?)(?P<name>[^">\n]*)', re.MULTILINE)

# Each sees those before it. The hooks (at_*) see the handlers (on_*), and how to
# make copies of a program.
BPF = ["rl.bpf.h", "maps.bpf.h", "count.bpf.h", "copies.bpf.h", "emit.bpf.h", "tcp_position.bpf.h",
       "syscall.bpf.h", "classify.bpf.h", "announce.bpf.h", "sock_state.bpf.h", "thread.bpf.h", "pair.bpf.h",
       "on_*.bpf.h"]
BPF_SOURCES = {
    "maps.bpf.c": ["maps.bpf.h"],
    "at_iter*.bpf.c": ["maps.bpf.h", "on_*.bpf.h"],
    "at_*.bpf.c": ["copies.bpf.h", "on_*.bpf.h"],
}
BPF_FROM_OUTSIDE = ["vmlinux.h", "rl_abi.h", "rl_maps.h", "bpf/bpf_*.h"]

# What both sides compile, and what these may include.
SHARED_INCLUDES = {"rl_abi.h": ["linux/types.h"], "rl_maps.h": ["rl_abi.h"]}


def matches(name, patterns):
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def includes(path):
    return [(match["name"], match["mark"] == "<") for match in INCLUDE.finditer(path.read_text())]


def folder_of(path):
    """Of a file below user/: its folder's name, "" at the top."""
    folder = str(path.relative_to(USER).parent)
    return "" if folder == "." else folder


def check_user(path):
    folder = folder_of(path)
    if folder not in SEES:
        yield "its folder is no layer: add it to SEES in scripts/layers.py"
        return
    for name, is_system in includes(path):
        if matches(name, LIBBPF_HEADERS):
            if folder != LIBBPF_FOLDER:
                yield f"includes {name}: that is for {LIBBPF_FOLDER}/ alone"
        elif is_system:
            if (USER / name).exists():
                yield f"includes <{name}>: say it as \"folder/name.h\""
            elif folder in PURE and not matches(name, PURE_HEADERS):
                yield f"includes <{name}>: {folder}/ is pure"
        elif name not in SHARED_INCLUDES:
            other = name.rpartition("/")[0]
            if not (USER / name).exists() or not other or not name.endswith(".h"):
                yield f"includes {name}: say it as \"folder/name.h\""
            elif not sees(folder, other):
                yield f"includes {name}: {folder or 'main.c'} does not see {other}/"


def check_allowances():
    """What layers.py allows, somebody uses: else it is a hole."""
    seen, headers = set(), set()
    for path in USER.rglob("*.[ch]"):
        folder = folder_of(path)
        for name, is_system in includes(path):
            seen.add((folder, name.rpartition("/")[0]))
            if is_system and folder in PURE:
                headers.add(name)
    for folder, others in SEES.items():
        for other in others.replace("*", "").split():
            if (folder, other) not in seen:
                yield f"{folder or 'main.c'} may see {other}/, but does not: take it out of SEES"
    for pattern in PURE_HEADERS:
        if not any(fnmatchcase(name, pattern) for name in headers):
            yield f"no pure folder includes <{pattern}>: take it out of PURE_HEADERS"


def check_circles():
    """Of modules: a .c file and its header are one."""
    edges = defaultdict(set)
    for path in USER.rglob("*.[ch]"):
        module = str(path.relative_to(USER).with_suffix(""))
        for name, _ in includes(path):
            if (USER / name).exists():
                edges[module].add(name.removesuffix(".h"))
    for circle in circles(edges):
        yield f"a circle of includes: {' -> '.join(circle)}"


def check_bpf(path):
    if path.suffix == ".h":
        rank = next((i for i, pattern in enumerate(BPF) if fnmatchcase(path.name, pattern)), None)
        allowed = None if rank is None else BPF[:rank] + (BPF_FROM_OUTSIDE if rank == 0 else [])
    else:
        allowed = next((headers for pattern, headers in BPF_SOURCES.items()
                        if fnmatchcase(path.name, pattern)), None)
    if allowed is None:
        yield "has no place: add it to BPF or BPF_SOURCES in scripts/check_includes.py"
        return
    for name, _ in includes(path):
        if not matches(name, allowed):
            yield f"includes {name}, but may see only {', '.join(allowed) or 'nothing'}"


def check_shared(path):
    if path.name not in SHARED_INCLUDES:
        yield "is not known: add it to SHARED_INCLUDES"
        return
    for name, _ in includes(path):
        if name not in SHARED_INCLUDES[path.name]:
            yield f"includes {name}: both sides must be able to compile it"


def problems():
    yield from (f"user: {error}" for error in check_circles())
    yield from (f"scripts/layers.py: {error}" for error in check_allowances())
    for folder, check in (("user", check_user), ("bpf", check_bpf), ("include", check_shared)):
        for path in sorted((ROOT / folder).rglob("*.[ch]")):
            yield from (f"{path.relative_to(ROOT)}: {error}" for error in check(path))


def main():
    errors = list(problems())
    for error in errors:
        print(error, file=sys.stderr)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
