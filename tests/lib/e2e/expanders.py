# SPDX-License-Identifier: MIT
"""Programs that expand templates: tests/programs/expander.c by rawtap's expanders, var_expand.c by
Dovecot 2.4's library."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
LIBRARY = Path("/usr/lib/dovecot/libdovecot.so.0")
DOVECOT = [ROOT / "user/dovecot" / name for name in
           "environment.c login_request.c proxy_header.c release.c".split()]
SOURCES = [ROOT / "tests/programs/expander.c", *sorted((ROOT / "user/dovecot").glob("expand*.c")),
           *DOVECOT, ROOT / "user/base/str.c", ROOT / "user/base/mem.c"]


def build(program, sources, *libraries):
    subprocess.run([os.environ.get("CC", "gcc"), "-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Werror",
                    "-Iuser", "-Iinclude", "-o", program, *sources, *libraries],
                   cwd=ROOT, check=True)
    return program


def build_expander(directory):
    return build(directory / "expander", SOURCES, "-lnettle")


def build_var_expand(directory):
    return build(directory / "var_expand", [ROOT / "tests/programs/var_expand.c"], LIBRARY,
                 f"-Wl,-rpath,{LIBRARY.parent}")


def installed_version():
    try:
        return subprocess.run(["dovecot", "--version"], capture_output=True, text=True,
                              check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "none"
