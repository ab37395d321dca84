#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Includes point down. The tables say which layers there are and what each may see.

A source file that no table names is an error: say where it belongs, so that the
tables stay true. Run by `make lint`.
"""

import re
import sys
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
INCLUDE = re.compile(r'^\s*#\s*include\s+(?P<mark>["<])(?P<name>[^">]+)[">]', re.MULTILINE)


class Layer(NamedTuple):
    name: str
    modules: str  # names without .c and .h; * as in a shell
    sees: str     # the layers below whose headers it may include
    pure: bool = False     # a function of the record stream: no clock, no files, no sockets
    libbpf: bool = False   # may include libbpf's headers and the skeleton


# The first row that matches a name counts. What a layer sees besides its own headers is said,
# not implied: what replays records and what takes them from the kernel meet in main.c only.
USER = [
    Layer("base", "mem str log calendar host_port", ""),
    Layer("records", "event service", "base", pure=True),
    Layer("handshake", "hs_*", "base", pure=True),
    Layer("rules", "rules mode reason format format_* rawlog sink expand expand_* redact redact_*",
          "base records", pure=True),
    Layer("engine", "engine model held process handshake tls proxy_strip session identity session_logs explain "
          "log_place delivery world",
          "base records handshake rules", pure=True),
    Layer("saved", "stream", "base records"),
    Layer("host", "capabilities clock dovecot_master notify_socket procfs run_program trusted_file",
          "base records handshake"),
    Layer("output", "sink_* file_pair tcp_conn as_user", "base records rules host"),
    Layer("options", "opts", "base rules"),
    Layer("config", "conf", "base rules host"),
    Layer("objects", "elf_object plt tls_probes", "base host"),
    Layer("pipeline", "pipeline summary", "base records rules engine saved"),
    Layer("kernel", "bpf_load source backend check", "base records rules host objects options",
          libbpf=True),
    Layer("program", "main record answers wanted replay",
          "base records rules engine saved output options host config objects pipeline kernel"),
]
# What must not be seen where the layer is pure.
WORLD_HEADERS = "unistd.h fcntl.h sys/socket.h time.h sys/stat.h".split()
LIBBPF_HEADERS = ["bpf/*", "*.skel.h"]

# Each sees those before it. The hooks (at_*) see the handlers (on_*) only.
BPF = ["rl.bpf.h", "maps.bpf.h", "count.bpf.h", "emit.bpf.h", "tcp_position.bpf.h",
       "syscall.bpf.h", "classify.bpf.h", "announce.bpf.h", "sock_state.bpf.h", "thread.bpf.h",
       "on_*.bpf.h"]
BPF_SOURCES = {
    "maps.bpf.c": ["maps.bpf.h"],
    "at_iter*.bpf.c": ["maps.bpf.h", "on_*.bpf.h"],
    "at_*.bpf.c": ["on_*.bpf.h"],
}
BPF_FROM_OUTSIDE = ["vmlinux.h", "rl_abi.h", "rl_maps.h", "bpf/bpf_*.h"]

# What both sides compile, and who may include it; None: everybody.
SHARED = {
    "rl_abi.h": None,
    "rl_maps.h": ["service", "bpf_load", "source", "backend", "check"],
}
SHARED_INCLUDES = {"rl_abi.h": ["linux/types.h"], "rl_maps.h": ["rl_abi.h"]}


def matches(name, patterns):
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def includes(path):
    return [(match["name"], match["mark"] == "<") for match in INCLUDE.finditer(path.read_text())]


def layer_of(module):
    return next((layer for layer in USER if matches(module, layer.modules.split())), None)


def check_user(path):
    module = path.stem
    layer = layer_of(module)
    if layer is None:
        yield "belongs to no layer: add it to USER in scripts/check_includes.py"
        return
    for name, is_system in includes(path):
        if matches(name, LIBBPF_HEADERS):
            if not layer.libbpf:
                yield f"includes {name}: libbpf is for the layer 'kernel' alone"
        elif is_system:
            if layer.pure and name in WORLD_HEADERS:
                yield f"includes <{name}>: the layer '{layer.name}' is pure"
        elif name in SHARED:
            if SHARED[name] is not None and module not in SHARED[name]:
                yield f"includes {name}: that is for {', '.join(SHARED[name])}"
        else:
            below = layer_of(Path(name).stem)
            if below is None:
                yield f"includes {name}, which belongs to no layer"
            elif below is not layer and below.name not in layer.sees.split():
                yield f"includes {name}: the layer '{layer.name}' does not see '{below.name}'"


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
        yield "is not known: add it to SHARED in scripts/check_includes.py"
        return
    for name, _ in includes(path):
        if name not in SHARED_INCLUDES[path.name]:
            yield f"includes {name}: both sides must be able to compile it"


def main():
    errors = 0
    for folder, check in (("user", check_user), ("bpf", check_bpf), ("include", check_shared)):
        for path in sorted((ROOT / folder).glob("*.[ch]")):
            for error in check(path):
                print(f"{path.relative_to(ROOT)}: {error}", file=sys.stderr)
                errors += 1
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
