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


# Why tests differ more than once.
FILTERS = "rawtap does not know 2.4's variables with filters yet"
FILE = "rawtap does not read files for -c in 2.4's language yet"
LMTP_STARTTLS = "native spoils the handshake after LMTP's STARTTLS"

DIFFERENCES = [
    # rawtap's
    Difference("e2e/test_cli.py::test_wrong_together_with_the_file_of_c", "2.4", FILE),
    Difference("e2e/test_cli.py::test_an_unknown_variable_in_the_file_of_c", "2.4", FILE),
    Difference("e2e/test_rawlog_dir.py::test_values_of_variables*", "2.4", FILTERS),
    Difference("e2e/test_rawlog_dir.py::test_who_is_it*", "2.4", FILTERS),
    Difference("e2e/test_rawlog_dir.py::test_the_directory_is_found*%n*", "2.4", FILTERS),
    Difference("e2e/test_rawlog_dir.py::test_the_directory_is_found*%{domain}*", "2.4", FILTERS),
    Difference("e2e/test_rawlog_dir.py::test_the_directory_is_found*%Un*", "2.4", FILTERS),
    Difference("e2e/test_rawlog_dir.py::test_mail_home_counts*", "2.4", FILTERS),
    Difference("e2e/test_rawlog_dir.py::test_without_any_home*", "2.4", FILTERS),
    Difference("e2e/test_submission.py::test_variables_of_the_relay_s_directory", "2.4", FILTERS),
    Difference("e2e/test_submission.py::test_clients_at_once_in_one_process", "2.4", FILTERS),

    # Dovecot's
    Difference("e2e/test_lmtp.py::test_what_was_said[*starttls*", "2.4", LMTP_STARTTLS, fails=False),
    Difference("e2e/test_lmtp.py::test_numbers_count_the_streams_of_a_process", "2.4", LMTP_STARTTLS),
    Difference("e2e/test_lmtp.py::test_clients_at_once_in_one_process", "2.4", LMTP_STARTTLS),
    Difference("e2e/test_prelogin.py::test_commands_after_starttls", "2.4",
               "the alert that refuses them is in native's file, as ciphertext"),
    Difference("e2e/test_multiplex.py::*", "2.3", "its servers have no such channels", fails=False),
]

# {what: {version: text}}: what Dovecot says, or does.
SAID = {
    "pop3 to an unknown command": {"2.3": "-ERR Unknown command: {upper}",
                                   "2.4": "-ERR Unknown command: {word}"},
}


def said(what):
    text, = (text for version, text in SAID[what].items() if _is(version))
    return text


def of(name):
    """The first row that concerns a test, or None."""
    return next((row for row in DIFFERENCES if row.concerns(name)), None)


def _is(version):
    return f"{dialect.version()}.".startswith(f"{version}.")
