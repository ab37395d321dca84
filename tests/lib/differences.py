# SPDX-License-Identifier: MIT
"""What differs between the releases of Dovecot, as far as tests see it: a row each, with its reason.

How a configuration is written is not here but in dialect.py. A test has no branch for a version: it
asks for what is expected (said()), or a row here says that it fails, or has no meaning."""

from dataclasses import dataclass
from fnmatch import fnmatchcase

import dialect


@dataclass(frozen=True)
class Difference:
    tests: str          # pattern of names, from tests/ on
    version: str        # or what it begins with
    reason: str
    fails: bool = True  # False: it has no meaning there, and is skipped

    def concerns(self, name):
        return _is(self.version) and fnmatchcase(name, self.tests.replace("[", "[[]"))


DIFFERENCES = [
    Difference("e2e/test_multiplex.py::*", "2.3", "its servers have no such channels", fails=False),
]

# {what: {version: text}}: what Dovecot says, or does.
SAID = {
}


def said(what):
    text, = (text for version, text in SAID[what].items() if _is(version))
    return text


def of(name):
    """The first row that concerns a test, or None."""
    return next((row for row in DIFFERENCES if row.concerns(name)), None)


def _is(version):
    return f"{dialect.version()}.".startswith(f"{version}.")
