#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What the compiled objects prove: pure folders stay pure, and files do not call in circles.

    check_objects.py FOLDER OBJECT...     (of user/, built in FOLDER; run by `make lint`)

Pure folders (PURE) may call what is named in PURE_CALLS and functions of the project's own, and
keep no variable of their own: a function of the record stream has no clock, no file, no memory of
its own. Over all files, who calls whom must be free of circles.
"""

import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from layers import PURE, circles

# Of libc and nettle: bytes, texts, memory; nothing that asks or tells anybody anything.
PURE_CALLS = set("""
    memchr memcmp memcpy memmove memset strchr strcmp strcspn strlen strncasecmp strncmp strnlen
    strpbrk strrchr strsep strspn strstr strtok_r strtol strtoul strtoull strtoimax strtoumax strcasecmp
    isalnum isalpha isdigit isspace isxdigit tolower toupper __ctype_b_loc __ctype_tolower_loc
    __ctype_toupper_loc snprintf vsnprintf vasprintf sscanf inet_aton inet_ntop inet_pton strerror
    regcomp regerror regexec regfree
    free realloc malloc abort __assert_fail __stack_chk_fail __errno_location qsort bsearch
""".split())
PURE_CALL_PREFIXES = ("nettle_",)
# Checked variants of the same functions, and what a compiler makes of them.
CHECKED = ("__{}_chk", "__isoc99_{}", "__isoc23_{}")

# Sections of variables. What only the dynamic linker writes (.data.rel.ro) is constant.
VARIABLES = (".data", ".bss", ".tdata", ".tbss")
CONSTANTS = ".data.rel.ro"


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def symbols(path):
    """(what the object defines for others, what it wants of others)"""
    defined, wanted = set(), set()
    for line in run("nm", "-P", "-g", path).splitlines():
        name, kind = line.split()[:2]
        (wanted if kind in "Uwv" else defined).add(name)
    return defined, wanted


def has_variables(path):
    for line in run("size", "-A", path).splitlines():
        words = line.split()
        if (len(words) == 3 and words[0].startswith(VARIABLES) and
                not words[0].startswith(CONSTANTS) and int(words[1])):
            return True
    return False


def is_pure_call(name):
    return (name in PURE_CALLS or name.startswith(PURE_CALL_PREFIXES) or
            any(name == form.format(call) for form in CHECKED for call in PURE_CALLS))


def main():
    folder = Path(sys.argv[1])
    paths = {str(path.relative_to(folder).with_suffix("")): path
             for path in map(Path, sorted(sys.argv[2:]))}
    if not paths:
        sys.exit("check_objects.py: no objects")
    found = {module: symbols(path) for module, path in paths.items()}
    owner = {name: module for module, (defined, _) in found.items() for name in defined}
    calls = defaultdict(set)
    errors = []
    for module, (_, wanted) in found.items():
        for name in sorted(wanted):
            if name in owner:
                calls[module].add(owner[name])
            elif module.split("/")[0] in PURE and not is_pure_call(name):
                errors.append(f"user/{module}.c: calls {name}(): its folder is pure")
        if module.split("/")[0] in PURE and has_variables(paths[module]):
            errors.append(f"user/{module}.c: keeps a variable of its own: its folder is pure")
    errors += [f"a circle of calls: {' -> '.join(circle)}" for circle in circles(calls)]
    for error in errors:
        print(error, file=sys.stderr)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
