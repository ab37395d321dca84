# SPDX-License-Identifier: MIT
"""-c FILE: the manual's configuration blocks, word for word."""

import os
import shutil
import subprocess
import time

import pytest

from private_dovecot import OBSOLETE, PrivateDovecot
from taps import (Tap, assert_one_line, files, only_pair, recorded, recorded_user, talk,
                  transcripts, wait_recorded)

SERVICES = """\
service imap {
  executable = imap postlogin
}
service pop3 {
  executable = pop3 postlogin
}
"""
POSTLOGIN = """\
service postlogin {
  executable = script-login -d rawlog
  unix_listener postlogin {
  }
}
"""
MANUAL = SERVICES + POSTLOGIN
IMAP_ALONE = SERVICES.partition("service pop3")[0] + POSTLOGIN


def with_flags(flags, text=MANUAL):
    return text.replace("-d rawlog", f"-d rawlog {flags}")


@pytest.fixture
def user(dovecot):
    return recorded_user(dovecot, f"config{len(dovecot.users)}@example.org")


# What it switches on

def test_the_manuals_block(dovecot, record, file, user):
    with record(dovecot, "-c", file(MANUAL)) as rawtap:
        clients = [talk(dovecot, user, protocol, transport)
                   for protocol in ("imap", "pop3") for transport in ("plain", "tls")]
    assert recorded(user) == transcripts(*clients)
    assert rawtap.status == 0


@pytest.mark.parametrize("line", [
    "script-login -d rawlog -t -I", "script-login rawlog -tI", "script-login -d -- rawlog -I -t",
    "/usr/lib/dovecot/script-login -d /usr/lib/dovecot/rawlog -t -I"])
def test_flags(dovecot, record, file, user, line):
    with record(dovecot, "-c", file(MANUAL.replace("script-login -d rawlog", line))):
        client = talk(dovecot, user)
    assert only_pair(user).ip == "127.0.0.1"
    assert recorded(user, "-t") == transcripts(client)


@pytest.mark.parametrize("flags, kept", [("-f in", "in"), ("-f out", "out"), ("-i", "in"),
                                         ("-b -o", "out")])
def test_flags_that_native_cannot(dovecot, record, file, user, flags, kept):
    with record(dovecot, "-c", file(with_flags(flags))):
        talk(dovecot, user)
    assert list(only_pair(user).files) == [kept]


def test_flags_of_the_command_line_are_added(dovecot, record, file, user):
    with record(dovecot, "-c", file(with_flags("-I")), "-b", "-f", "in"):
        talk(dovecot, user)
    pair = only_pair(user)
    assert (pair.ip, list(pair.files)) == ("127.0.0.1", ["in"])
    assert pair.read("in").startswith(b"<<<\n")


def test_a_service_that_it_does_not_set(dovecot, record, file, user):
    with record(dovecot, "-D", "-c", file(IMAP_ALONE)) as rawtap:
        talk(dovecot, user, "pop3")
        client = talk(dovecot, user, "imap")
    assert recorded(user) == transcripts(client)
    assert "not recorded: no enabled mode records this protocol" in rawtap.said(user)


def test_the_rawlog_option_beside_it(dovecot, record, file, user):
    """--rawlog for the rest, and nobody twice."""
    with record(dovecot, "-c", file(with_flags("-t", IMAP_ALONE)), "--rawlog"):
        clients = [talk(dovecot, user, protocol) for protocol in ("imap", "pop3")]
    assert len(files(user)) == 4
    assert sorted(out for _, out in recorded(user)) != transcripts(*clients)    # imap has stamps


def test_options_of_the_mail_process(dovecot, record, file, user):
    with record(dovecot, "-c", file(MANUAL.replace("imap postlogin", "imap -D postlogin"))):
        client = talk(dovecot, user)
    assert recorded(user) == transcripts(client)


def test_masks_beside_it(dovecot, record, file, user):
    with record(dovecot, "-c", file(MANUAL), "-u", "somebody-else"):
        talk(dovecot, user)
    assert recorded(user) == []


# DEBUG

def debug_lines(rawtap):
    return rawtap.stderr.count("rawtap: debug: ")


def test_debug_of_the_environment(dovecot, record, file, user):
    text = MANUAL + "import_environment = $import_environment DEBUG=1\n"
    user.rawlog_dir.rmdir()
    with record(dovecot, "-c", file(text)) as rawtap:
        talk(dovecot, user)
    assert rawtap.said(user) == [f"not recorded: rawlog: {user.rawlog_dir} doesn't exist"]


@pytest.mark.parametrize("variables", ["", "NODEBUG=1", "X=DEBUG=1"])
def test_no_debug(dovecot, record, file, user, variables):
    text = MANUAL + f"import_environment = $import_environment {variables}\n"
    user.rawlog_dir.rmdir()
    with record(dovecot, "-c", file(text)) as rawtap:
        talk(dovecot, user)
    assert rawtap.said(user) == []


# What is wrong with it: one line, before anything is attached

def refused(run, dovecot, path):
    return run("-c", path, "--base-dir", dovecot.base_dir)


REFUSED = {
    "nothing": ("", ["enables nothing: it sets nothing that"]),
    "a comment": ("# rawlog_dir = /logs\n", ["enables nothing: it sets nothing that"]),
    "something else": ("mail_debug = yes\n", ["enables nothing: none of its settings"]),
    "a namespace": ("namespace more {\n  prefix = more/\n}\n",
                    ["enables nothing: none of its settings"]),
    **{f"{name.split()[0]}": (
        f"{name} {{\n  rawlog_dir = /logs\n}}\n", [f"not looked at: {name}"])
       for name in ("remote 127.0.0.9", "local 127.0.0.9", "local_name mail.example")},
    "a variable that does not end": ("rawlog_dir = /logs/%{user\n", ["/logs/%{user"]),
    "syntax": (MANUAL + "}\n", ["FILE line 12", "Unexpected '}'"]),
    "no brace": ("service imap\n", ["FILE line 1"]),
    "unknown setting": ("rawlog_dri = /tmp\n", ["rawlog_dri"]),
    "unknown flag": (with_flags("-x"), ["script-login -d rawlog -x"]),
    "flag without argument": (with_flags("-f"), ["script-login -d rawlog -f"]),
    "invalid filter": (with_flags("-f both"), ["script-login -d rawlog -f both"]),
    "nothing left to log": (with_flags("-i -o"), ["script-login -d rawlog -i -o"]),
    "no such service": (SERVICES, ["postlogin", "service"]),
    "another script": (MANUAL.replace("-d rawlog", "/bin/true"), ["enables nothing"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(run, dovecot, file, case):
    text, words = REFUSED[case]
    path = file(text)
    assert_one_line(refused(run, dovecot, path), 1, f"-c {path}: ",
                    *(word.replace("FILE", str(path)) for word in words))


@pytest.fixture
def run_with(dovecot, rawtap_binary, file, tmp_path):
    """run_with(what): that is what doveconf does when it is asked for a rawlog_dir."""
    def run(what):
        doveconf = tmp_path / "doveconf"
        doveconf.write_text(f"""#!/bin/sh
case "$*" in *rawlog_dir) {what.format(doveconf=doveconf)} ;; esac
exec {shutil.which("doveconf")} "$@"
""")
        doveconf.chmod(0o755)
        return subprocess.run(
            [rawtap_binary, "--base-dir", dovecot.base_dir, "-c",
             file(MANUAL + "rawlog_dir = /logs\n")],
            env={**os.environ, "PATH": str(tmp_path)}, text=True, capture_output=True, timeout=60)
    return run


def test_doveconf_fails_meanwhile(run_with):
    """What it is asked for last is not taken for missing."""
    result = run_with(f"{shutil.which('chmod')} 0 {{doveconf}}")
    assert_one_line(result, 1, "doveconf: Permission denied")


def test_doveconf_hangs(run_with):
    """It is killed, and asked for nothing more."""
    begin = time.monotonic()
    result = run_with(f"exec {shutil.which('sleep')} 600")
    assert_one_line(result, 1, "doveconf: it does not answer")
    assert 10 < time.monotonic() - begin < 19       # run_program.h


def test_missing_file(run, dovecot, tmp_path):
    path = tmp_path / "missing"
    assert_one_line(refused(run, dovecot, path), 1, f"-c {path}: No such file or directory")


def test_a_directory(run, dovecot, tmp_path):
    assert_one_line(refused(run, dovecot, tmp_path), 1, f"-c {tmp_path}: Is a directory")


def test_missing_dovecot_config(run, dovecot, file, tmp_path):
    result = run("-c", file(MANUAL), "--dovecot-config", tmp_path / "missing")
    assert_one_line(result, 1, tmp_path / "missing")


# The configuration that it is laid over

def test_of_an_older_dovecot(root, record, file):
    """doveconf warns of a setting's name each time that it is asked for another one."""
    with PrivateDovecot(config=OBSOLETE) as dovecot:
        user = recorded_user(dovecot, "older")
        directory = dovecot.root / "logs"
        directory.mkdir(mode=0o777)
        directory.chmod(0o777)
        with record(dovecot, "-c", file(MANUAL + f"rawlog_dir = {directory}\n")) as rawtap:
            client = talk(dovecot, user)
        assert recorded(user) == transcripts(client)
        assert len(list(directory.iterdir())) == 2
        assert rawtap.status == 0


def test_what_dovecot_does_by_itself_is_left_to_it(root, run, file):
    with PrivateDovecot(native="binary") as dovecot:
        assert_one_line(refused(run, dovecot, file(MANUAL)), 1, "enables nothing")


def test_what_it_adds_to_what_dovecot_does_by_itself(root, record, file):
    """Dovecot records without stamps; FILE wants them."""
    with PrivateDovecot(native="binary") as dovecot:
        user = recorded_user(dovecot, "both")
        with record(dovecot, "-c", file(with_flags("-t"))):
            client = talk(dovecot, user)
        mail = dovecot.wait_login(user).pid
        stamped, = [name for name in files(user) if name.endswith(f"-{mail}.in")]
        assert len(files(user)) == 4
        assert (user.rawlog_dir / stamped).read_bytes().count(b" word NOOP\r\n") == 1
        assert client.session_in.startswith(b"word NOOP")


@pytest.fixture(scope="module")
def second(root):
    with PrivateDovecot() as dovecot:
        yield dovecot


def test_several_instances(run, dovecot, second, file):
    assert_one_line(run("-c", file(MANUAL)), 1, "--base-dir")


@pytest.mark.alone
def test_dovecot_config(dovecot, second, rawtap_binary, file, user):
    with Tap("-c", file(MANUAL), "--dovecot-config", second.config_file, "-u", user.name,
             binary=rawtap_binary) as rawtap:
        client = talk(dovecot, user)
        dovecot.wait_sessions_over()
        assert rawtap.stop()[0] == 0
    assert recorded(user) == transcripts(client)


def test_without_a_running_dovecot(rawtap_binary, file):
    """It is started later."""
    dovecot = PrivateDovecot()
    dovecot.base_dir.mkdir()
    with Tap("-c", file(MANUAL), "--base-dir", dovecot.base_dir, binary=rawtap_binary), dovecot:
        user = recorded_user(dovecot, "late")
        wait_recorded(talk(dovecot, user))
