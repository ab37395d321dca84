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
ALPN = "2.4.1 looks for the ALPN of a PROXY header in memory that it has freed, and disconnects"
LMTP_STARTTLS = "native spoils the handshake after LMTP's STARTTLS"

DIFFERENCES = [
    # rawtap's
    Difference("e2e/test_expand.py::*", "2.4", "they are 2.3's variables, and 2.4 has others", fails=False),

    # Dovecot's
    *(Difference(f"e2e/{tests}", "2.4", LMTP_STARTTLS, fails=False) for tests in (
        "test_lmtp_proxy.py::*[in turn-starttls-*", "test_lmtp_proxy.py::*[at once-starttls-*",
        "test_smtp_harness.py::test_native_lmtp_is_what_was_said[*starttls*",
        "test_smtp_harness.py::test_native_lmtp_proxy_is_what_was_said[starttls-*")),
    Difference("e2e/test_lmtp.py::test_what_was_said[*starttls*", "2.4", LMTP_STARTTLS, fails=False),
    Difference("e2e/test_lmtp.py::test_numbers_count_the_streams_of_a_process", "2.4", LMTP_STARTTLS),
    Difference("e2e/test_lmtp.py::test_clients_at_once_in_one_process", "2.4", LMTP_STARTTLS),
    *(Difference(f"e2e/{tests}", "2.4", LMTP_STARTTLS) for tests in (
        "test_smtp_harness.py::test_native_lmtp_is_nothing_else",
        "test_smtp_harness.py::test_native_lmtp_proxy_is_nothing_else",
        "test_lmtp_proxy.py::test_a_dovecot_behind_it[starttls]",
        "test_haproxy.py::test_lmtp[starttls]")),
    Difference("e2e/test_prelogin.py::test_commands_after_starttls", "2.4",
               "the alert that refuses them is in native's file, as ciphertext"),
    Difference("e2e/test_rawlog_dir.py::test_values_of_variables*", "2.4",
               "2.4 has none of the modifiers and conditions in this text", fails=False),
    Difference("e2e/test_rawlog_dir.py::test_the_directory_is_found*%{domain}%%%{user}]", "2.4",
               "2.4 cannot write a percent sign in front of a variable"),
    *(Difference(f"e2e/{tests}", "2.4", "2.4 has no ssl_protocols", fails=False) for tests in (
        "test_rawlog_dir.py::test_mail_home_counts[*-ssl_protocols*",
        "test_config.py::test_of_an_older_dovecot")),
    *(Difference(f"e2e/test_cli.py::{tests}", "2.4", "an empty configuration is none of 2.4",
                 fails=False) for tests in (
        "test_wrong_together_with_the_file_of_c", "test_an_unknown_variable_in_the_file_of_c")),
    Difference("e2e/test_rawlog_dir.py::test_without_any_home[*-{root}/{who}/%n%h]", "2.4",
               "2.4 ends sessions without a home where a setting names it"),
    *(Difference(f"e2e/test_haproxy.py::{tests}", "2.4.1", ALPN) for tests in (
        "test_in_the_clear*", "test_what_is_refused[service_count=1]",
        "test_what_a_header_is[v2 tlvs-service_count=1]")),
    Difference("e2e/test_rawlog_dir_files.py::test_refused[/x/%k-%k]", "2.4",
               "only what is in %{} is a variable there", fails=False),
    Difference("e2e/test_compress.py::test_as_native", "2.3", "its rawlog_dir has deflate", fails=False),
    Difference("e2e/test_multiplex.py::*", "2.3", "its servers have no such channels", fails=False),
]

# {what: {version: value}}: what Dovecot says, or does.
SAID = {
    "what ends a part of a line that is sent to a socket": {"2.3": b"", "2.4": b"\n"},
    "lines without an end that native loses": {"2.3": 1, "2.4": 0},
    "an unknown variable": {"2.3": "rawlog_dir: Unknown variable '%nonsense'",
                            "2.4": "expand rawlog_dir setting variables: Unknown variable 'nonsense'"},
    "deflate that came before the answer to COMPRESS is taken": {"2.3": True, "2.4": False},
    "protocols that count who has no directory": {"2.3": (), "2.4.1": (), "2.4": ("imap", "pop3")},
    "pop3 to an unknown command": {"2.3": "-ERR Unknown command: {upper}",
                                   "2.4": "-ERR Unknown command: {word}"},
}


def said(what):
    """None where no Dovecot is installed."""
    return next((value for version, value in SAID[what].items() if _is(version)), None)


def of(name):
    """The first row that concerns a test, or None."""
    return next((row for row in DIFFERENCES if row.concerns(name)), None)


def _is(version):
    return f"{dialect.version()}.".startswith(f"{version}.")
