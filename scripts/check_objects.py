#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What the compiled objects prove: what is pure stays pure, calls point down as includes do, and
files do not call in circles.

    check_objects.py FOLDER OBJECT...     (of user/, built in FOLDER; run by `make lint`)

Files of pure folders (PURE), and all that they call, directly or not, may call of others what is
named in PURE_CALLS, and keep no variable of their own: a function of the record stream has no
clock, no file, no memory of its own. A folder calls what it may see (SEES), however it is declared.
Over all files, who calls whom must be free of circles.
"""

import subprocess
import sys
from pathlib import Path

from layers import IMPURE_SEEN, PURE, circles, sees

# Of libc, zlib and nettle: bytes, texts, memory, dates; nothing that asks or tells anybody anything.
PURE_CALLS = set("""
    bcmp explicit_bzero memchr memcmp memcpy memmove memrchr memset strchr strcmp strcspn strlen strncasecmp strncmp strnlen
    strpbrk strrchr strsep strspn strstr strtok_r strtol strtoul strtoull strtoimax strtoumax strcasecmp
    isalnum isalpha isdigit isspace isxdigit tolower toupper __ctype_b_loc __ctype_tolower_loc
    __ctype_toupper_loc snprintf vsnprintf vasprintf sscanf inet_aton inet_ntop inet_pton strerror
    regcomp regerror regexec regfree
    gmtime_r strftime
    inflate inflateEnd inflateInit2_
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


def folder_of(module):
    return module.rpartition("/")[0]


def must_be_pure(calls):
    """{module: the calls that lead there, as text}: of the pure folders, and what these reach."""
    todo = sorted(module for module in calls if folder_of(module) in PURE)
    ways = {module: module for module in todo}
    for caller in todo:
        for called in sorted(calls[caller] - set(ways)):
            ways[called] = f"{ways[caller]} -> {called}"
            todo.append(called)
    return {module: way for module, way in ways.items() if module not in IMPURE_SEEN}


def impurities(path, strangers):
    """Of an object: what of it is not pure. `strangers` are others' functions that it calls."""
    yield from (f"calls {name}()" for name in sorted(strangers) if not is_pure_call(name))
    if has_variables(path):
        yield "keeps a variable of its own"


def problems(paths):
    """`paths`: {module: its object}"""
    found = {module: symbols(path) for module, path in paths.items()}
    owner = {name: module for module, (defined, _) in found.items() for name in defined}
    calls = {module: set() for module in paths}
    for module, (_, wanted) in found.items():
        for name in sorted(wanted & set(owner)):
            calls[module].add(owner[name])
            folder, other = folder_of(module), folder_of(owner[name])
            if not sees(folder, other):
                yield (f"user/{module}.c: uses {name} of {owner[name]}.c: "
                       f"{folder or 'main.c'} does not see {other}/")
    for module, way in must_be_pure(calls).items():
        for impurity in impurities(paths[module], found[module][1] - set(owner)):
            yield f"user/{module}.c: {impurity}, but must be pure: {way}"
    yield from (f"a circle of calls: {' -> '.join(circle)}" for circle in circles(calls))


def main():
    folder = Path(sys.argv[1])
    paths = {str(path.relative_to(folder).with_suffix("")): path
             for path in map(Path, sorted(sys.argv[2:]))}
    if not paths:
        sys.exit("check_objects.py: no objects")
    errors = list(problems(paths))
    for error in errors:
        print(error, file=sys.stderr)
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
