# SPDX-License-Identifier: MIT
"""What a rawtap that runs has: memory, descriptors, entries in its BPF maps."""

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path


def kernel_objects(pid):
    """{("prog_id", 7), …} of a process."""
    found = set()
    for name in os.listdir(f"/proc/{pid}/fdinfo"):
        try:
            text = open(f"/proc/{pid}/fdinfo/{name}").read()
        except FileNotFoundError:
            continue
        found |= {(kind, int(number)) for kind, number
                  in re.findall(r"^(prog|map|link)_id:\s*(\d+)", text, re.M)}
    return found


@dataclass(frozen=True)
class Footprint:
    memory: int         # its own, bytes: pages of the ring buffer are not counted
    descriptors: int
    entries: dict       # by map, of those whose entries come and go

    @classmethod
    def of(cls, rawtap):
        """Of both of its processes."""
        pids = rawtap.pid, rawtap.writer_pid
        maps = [number for kind, number in kernel_objects(rawtap.pid) if kind == "map"]
        return cls(sum(map(_memory, pids)),
                   sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in pids),
                   dict(filter(None, map(_entries, maps))))

    def more_than(self, other):
        """What it has more of, memory aside: {what: (now, then)}"""
        now, then = ({"descriptors": each.descriptors, **each.entries} for each in (self, other))
        return {what: (now[what], then[what]) for what in now if now[what] > then[what]}


def _memory(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^RssAnon:\s*(\d+) kB", status, re.M)[1]) * 1024


def _bpftool(*arguments):
    return json.loads(subprocess.run(["bpftool", "-j", "map", *map(str, arguments)], check=True,
                                     capture_output=True).stdout)


# The process that an entry is about, by its key: maps that have one.
OWNERS = {"procs": lambda key: key,
          "threads": lambda key: key >> 32,
          "ssls": lambda key: key["tgid"],
          "bios": lambda key: key["tgid"]}


def _entries(number):
    """(its name, how many entries), without those of processes that live: the host has others."""
    shown = _bpftool("show", "id", number)
    if shown["type"] != "hash":     # lru_hash: its oldest ones make room
        return None
    keys = [entry["formatted"]["key"] for entry in _bpftool("dump", "id", number)]
    owner = OWNERS.get(shown["name"])
    if owner:
        keys = [key for key in keys if not Path(f"/proc/{owner(key)}").exists()]
    return shown["name"], len(keys)
