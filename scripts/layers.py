# SPDX-License-Identifier: MIT
"""The layers: the folders of user/, and what each may see. check_includes.py and check_objects.py
check it, and that nothing is allowed that nobody needs. A new file needs no entry; a new folder is
a row."""

# Folder: the folders whose headers it may include, besides its own; * is all others.
# "": the files that are in no folder.
SEES = {
    "": "base config commands",
    "commands": "*",
    "config": "base dovecot host rules rawlog",
    "kernel": "base dovecot host probes rules",
    "probes": "base host",
    "host": "base dovecot",
    "output": "base dovecot host rawlog",
    "engine": "base compress dovecot rawlog records redact rules",
    "rules": "base dovecot rawlog",
    "redact": "base dovecot rawlog",
    "compress": "base dovecot rawlog",
    "rawlog": "base",
    "records": "base",
    "dovecot": "base",
    "base": "",
}

# Functions of what they are given: no clock, no files, no sockets, no variables of their own; and
# so is all that they call.
PURE = "compress dovecot engine rawlog redact rules".split()

# Except this: a message to the administrator, which nothing that is decided depends on.
IMPURE_SEEN = {"base/log"}

# The system's headers that they may include.
PURE_HEADERS = """
    arpa/inet.h assert.h ctype.h errno.h inttypes.h limits.h linux/types.h nettle/*.h regex.h
    stdarg.h stdbool.h stddef.h stdint.h stdio.h stdlib.h string.h strings.h sys/types.h uthash.h
    utlist.h zlib.h
""".split()

# libbpf and the skeleton of our programs are for this folder alone.
LIBBPF_FOLDER = "kernel"
LIBBPF_HEADERS = ["bpf/*", "*.skel.h"]


def sees(folder, other):
    return other == folder or other in SEES[folder].split() or SEES[folder] == "*"


def circles(edges):
    """The circles in a graph (node: set of nodes), each as a list that ends where it begins."""
    found, done, path = [], set(), []

    def visit(node):
        if node in path:
            found.append(path[path.index(node):] + [node])
            return
        if node in done:
            return
        path.append(node)
        for other in sorted(edges.get(node, ())):
            if other != node:
                visit(other)
        path.pop()
        done.add(node)

    for node in sorted(edges):
        visit(node)
    return found
