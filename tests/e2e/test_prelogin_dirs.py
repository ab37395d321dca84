# SPDX-License-Identifier: MIT
"""Where -R logs to. Dovecot's own -R does the same beside it, in a directory of the same kind;
its log says why not."""

import os
import pwd
import re
import stat
import time

import pytest

from login_stage import (FAST, PROTOCOLS, SECURE, LoginLogs, log_in, login_dovecot,
                         record_logins, wait_over)
from mailclient import connect
from rawlogs import wait_until
from taps import Tap

DOVENULL = pwd.getpwnam("dovenull")


def writable(path):
    path.mkdir()
    os.chown(path, DOVENULL.pw_uid, DOVENULL.pw_gid)
    path.chmod(0o700)


def only_writable(path):
    writable(path)
    path.chmod(0o300)


def for_everybody(path):
    path.mkdir()
    path.chmod(0o777)


def link_to_directory(path):
    writable(path.parent / f"{path.name}-target")
    path.symlink_to(f"{path.name}-target")


def missing(path):
    pass


def dangling_link(path):
    path.symlink_to("nowhere")


def roots_own(path):
    path.mkdir()
    path.chmod(0o755)


def read_only(path):
    writable(path)
    path.chmod(0o500)


def regular_file(path):
    path.touch()
    os.chown(path, DOVENULL.pw_uid, DOVENULL.pw_gid)


def executable_file(path):
    """access() has nothing against it."""
    regular_file(path)
    path.chmod(0o700)


def link_loop(path):
    path.symlink_to(path.name)


MISSING = "doesn't exist"
# Why nothing is logged there; None: it is.
KINDS = {
    writable: None,
    only_writable: None,
    for_everybody: None,
    link_to_directory: None,
    missing: MISSING,
    dangling_link: MISSING,
    roots_own: "Permission denied",
    read_only: "Permission denied",
    regular_file: "Not a directory",
    executable_file: "Not a directory",
    link_loop: "Too many levels of symbolic links",
}


@pytest.fixture(scope="module")
def dovecot(root):
    dovecot = login_dovecot(log_to="native")
    dovecot.user = dovecot.add_user("user")
    with dovecot:
        yield dovecot


def attributes(directory):
    return sorted((path.suffix, *owner_and_mode(path)) for path in directory.iterdir())


def owner_and_mode(path):
    status = path.stat()
    return status.st_uid, status.st_gid, stat.filemode(status.st_mode)


def remove(path):
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        for entry in path.iterdir():
            entry.unlink()
        path.rmdir()


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_as_native(dovecot, rawtap_binary, kind):
    """-D says why nothing is logged."""
    login = dovecot.base_dir / "login"
    native, own = login / "native", login / f"own-{kind.__name__}"
    for path in native, native.with_name("native-target"):
        remove(path)
    kind(native)
    kind(own)
    before = len(dovecot.log())
    with record_logins(dovecot, "-D", binary=rawtap_binary, directory=own) as logs:
        client = log_in(dovecot, "imap", "plain", dovecot.user)
    said = dovecot.log()[before:]
    if KINDS[kind] is None:
        logs.assert_all(client)
        assert attributes(own) == attributes(native)
        assert attributes(own)[0][1:] == (DOVENULL.pw_uid, DOVENULL.pw_gid, "-rw-------")
        assert [path.name.split(".")[1:] for path in sorted(own.iterdir())] \
            == [path.name.split(".")[1:] for path in sorted(native.iterdir())]
    else:
        assert re.search(r"imap-login: Error: (access|creat)\(native\b", said), said
        for path in own, native:
            assert not (path.is_dir() and list(path.iterdir()))
        why, = (line for line in logs.tap.stderr.splitlines() if f"{own}" in line)
        assert ": not recorded: " in why and KINDS[kind] in why
        assert logs.tap.status == (0 if KINDS[kind] == MISSING else 3), logs.tap.stderr


def test_absolute(dovecot, rawtap_binary, shared_path):
    """A path of the host's, not one inside the login processes' chroot."""
    own = shared_path / "own"
    writable(own)
    with Tap("--base-dir", dovecot.base_dir, "-R", own, binary=rawtap_binary) as tap:
        client = log_in(dovecot, "imap", "tls", dovecot.user)
        wait_over(dovecot, SECURE)
        tap.stop()
    LoginLogs(own, tap).assert_all(client)


def test_below_login_with_folders(dovecot, rawtap_binary):
    outer = dovecot.base_dir / "login" / "outer"
    writable(outer)
    writable(outer / "inner")
    with Tap("--base-dir", dovecot.base_dir, "-R", "outer/inner", binary=rawtap_binary) as tap:
        client = log_in(dovecot, "imap", "tls", dovecot.user)
        wait_over(dovecot, SECURE)
        tap.stop()
    LoginLogs(outer / "inner", tap).assert_all(client)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_one_protocol_alone(dovecot, rawtap_binary, protocol):
    own = dovecot.make_login_dir(f"only-{protocol}")
    with Tap("--base-dir", dovecot.base_dir, "-R", f"{protocol}={own.name}",
             binary=rawtap_binary) as tap:
        clients = {name: log_in(dovecot, name, "tls", dovecot.user) for name in PROTOCOLS}
        wait_over(dovecot, SECURE)
        tap.stop()
    LoginLogs(own, tap).assert_all(clients[protocol])


def test_a_directory_for_each_protocol(dovecot, rawtap_binary):
    own = {name: dovecot.make_login_dir(f"each-{name}") for name in PROTOCOLS}
    options = [option for name in PROTOCOLS for option in ("-R", f"{name}={own[name].name}")]
    with Tap("--base-dir", dovecot.base_dir, *options, binary=rawtap_binary) as tap:
        clients = {name: log_in(dovecot, name, "plain", dovecot.user) for name in PROTOCOLS}
        wait_over(dovecot, SECURE)
        tap.stop()
    for name in PROTOCOLS:
        LoginLogs(own[name], tap).assert_all(clients[name])


@pytest.mark.parametrize("transport", ["plain", "tls"])
def test_names(rawtap_binary, transport):
    """The time when the connection came, the login process, and how many it had had. Native
    counts from its start, which may be before rawtap's: what came before is not known then."""
    dovecot = login_dovecot(mode=FAST)
    user = dovecot.add_user("user")
    with dovecot:
        pid, = wait_until(lambda: dovecot.processes("imap-login"), "the login process")
        with record_logins(dovecot, mode=FAST, binary=rawtap_binary) as logs:
            times = []
            for _ in range(3):
                start = int(time.time())
                client = connect(dovecot, "imap", transport, user)
                times.append((start, time.time()))
                client.login()
                client.logout()
        pairs = sorted(logs.pairs(), key=lambda pair: pair.serial)
        assert [(pair.pid, pair.serial) for pair in pairs] == [(pid, 1), (pid, 2), (pid, 3)]
        for pair, (earliest, latest) in zip(pairs, times):
            assert earliest <= pair.time.timestamp() <= latest
