#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The kernel types and fields that the BPF object relocates against, one a line.

    kernel_deps.py OBJECT            print the manifest
    kernel_deps.py --check OBJECT    compare it with vmlinux/kernel-deps.txt
    kernel_deps.py --update OBJECT   write it there

`bpftool gen min_core_btf` finds them in the running kernel's type information.
"""

import difflib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

MANIFEST = Path(__file__).resolve().parent.parent / "vmlinux" / "kernel-deps.txt"
BTF = Path("/sys/kernel/btf/vmlinux")
BPFTOOL = shutil.which("bpftool", path="/usr/sbin:/usr/bin:/sbin:/bin")


def types(object_path):
    with tempfile.TemporaryDirectory() as scratch:
        btf = Path(scratch) / "min.btf"
        subprocess.run([BPFTOOL, "gen", "min_core_btf", BTF, btf,
                        object_path], check=True)
        dump = subprocess.run([BPFTOOL, "-j", "btf", "dump", "file", btf], check=True,
                              stdout=subprocess.PIPE).stdout
    return json.loads(dump)["types"]


def manifest(object_path):
    lines = {f"{each['kind'].lower()} {each['name']} {member['name']}"
             for each in types(object_path) if each["kind"] in ("STRUCT", "UNION")
             for member in each["members"] if each["name"] != "(anon)"}
    return sorted(lines)


def main(arguments):
    if arguments[0] == "--check" and not BTF.exists():
        print(f"skipped: there is no {BTF} here to find the types in")
        return 0
    found = manifest(arguments[-1])
    if arguments[0] == "--update":
        MANIFEST.write_text("".join(f"{line}\n" for line in found))
        return 0
    if arguments[0] != "--check":
        print("\n".join(found))
        return 0
    expected = MANIFEST.read_text().splitlines()
    difference = list(difflib.unified_diff(expected, found, str(MANIFEST.name), "this object",
                                           lineterm="", n=0))
    if difference:
        print("\n".join(difference))
        print("The kernel side relies on other kernel types than the manifest says: "
              "look at the change, then `make kernel-deps-update`.")
    return 1 if difference else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
