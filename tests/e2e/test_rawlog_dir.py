# SPDX-License-Identifier: MIT
"""--rawlog-dir: what rawlog_dir does, beside Dovecot's own, of the same sessions."""

import dataclasses
import os
import re
from pathlib import Path

import pytest

from dirstage import EACH, PROTOCOLS, WRITERS, both, contents, dovecot_of, make_dir, option, place, \
    user_with_dirs
from mailclient import TRANSPORTS, ProtocolError, connect
from private_dovecot import OBSOLETE
from rawlogs import wait_until
from taps import Tap, files as home_files, mail_pid, recorded, talk, transcripts

STAMP = re.compile(r"\d{8}-\d{6}")
ONE_FILE = re.compile(r"(\.\d+\.\d+)\.in\)")         # rawtap speaks of the pair


@pytest.fixture(scope="module")
def dovecot(root):
    with dovecot_of(EACH) as dovecot:
        yield dovecot


# Sessions

@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_session(dovecot, record, protocol, transport):
    user = user_with_dirs(dovecot, f"{protocol}-{transport}@example.org")
    with record(dovecot, *option(dovecot, EACH)) as rawtap:
        client = talk(dovecot, user, protocol, transport, pipelined=b"NOOP\r\n"
                      if protocol != "imap" else b"p1 NOOP\r\n")
    native, rawtaps = both(dovecot, user)
    assert rawtaps == native == {(mail_pid(dovecot, user), 1): transcripts(client)[0]}
    assert rawtap.status == 0


def test_one_protocol_alone(dovecot, record):
    user = user_with_dirs(dovecot, "pop3-alone")
    with record(dovecot, "-D", *option(dovecot, EACH, "pop3")) as rawtap:
        clients = {protocol: talk(dovecot, user, protocol) for protocol in PROTOCOLS}
    native, rawtaps = both(dovecot, user)
    assert list(rawtaps.values()) == transcripts(clients["pop3"])
    assert sorted(native.values()) == transcripts(*clients.values())
    assert rawtap.said(user).count("not recorded: no enabled mode records this protocol") == 2


def test_each_protocol_its_own(dovecot, record):
    user = user_with_dirs(dovecot, "each-its-own")
    directories = {protocol: make_dir(dovecot.root / "own" / protocol, user)
                   for protocol in PROTOCOLS}
    options = [word for protocol, directory in directories.items()
               for word in ("--rawlog-dir", f"{protocol}={directory}")]
    with record(dovecot, *options):
        clients = {protocol: talk(dovecot, user, protocol) for protocol in PROTOCOLS}
    for protocol, directory in directories.items():
        assert list(contents(directory).values()) == transcripts(clients[protocol])


def test_the_home_rule_is_off_unless_it_is_asked_for(dovecot, record):
    user = user_with_dirs(dovecot, "home-too@example.org")
    dovecot.make_rawlog_dir(user)
    with record(dovecot, *option(dovecot, EACH)):
        client = talk(dovecot, user)
    assert recorded(user) == []
    with record(dovecot, *option(dovecot, EACH), "--rawlog") as rawtap:
        second = talk(dovecot, user, word="second")
    assert recorded(user) == transcripts(second)
    native, rawtaps = both(dovecot, user)
    assert rawtaps == native
    assert sorted(rawtaps.values()) == transcripts(client, second)
    assert rawtap.status == 0


def test_flags_are_the_home_rule_s(dovecot, record):
    """rawlog_dir has none."""
    user = user_with_dirs(dovecot, "flags@example.org")
    dovecot.make_rawlog_dir(user)
    with record(dovecot, *option(dovecot, EACH), "--rawlog", "-b", "-I", "-f", "in"):
        client = talk(dovecot, user)
    assert len(home_files(user)) == 1
    native, rawtaps = both(dovecot, user)
    assert rawtaps == native
    assert list(rawtaps.values()) == transcripts(client)


def test_masks(dovecot, record):
    users = [user_with_dirs(dovecot, f"{name}@example.org") for name in ("wanted", "not-wanted")]
    with record(dovecot, *option(dovecot, EACH), "-u", "wanted*"):
        clients = [talk(dovecot, user) for user in users]
    assert list(contents(place(dovecot, users[0], "rawtap")).values()) == transcripts(clients[0])
    assert contents(place(dovecot, users[1], "rawtap")) == {}


def test_replay(dovecot, record, run, tmp_path):
    """A saved stream has what it takes to make the same files, with the same names."""
    user = user_with_dirs(dovecot, "saved")
    with record(dovecot, *option(dovecot, EACH), "--save", tmp_path / "stream"):
        for protocol in PROTOCOLS:
            talk(dovecot, user, protocol)
    assert run("replay", tmp_path / "stream", "--root", tmp_path).returncode == 0
    directory = place(dovecot, user, "rawtap")
    again = tmp_path / directory.relative_to("/")
    assert {path.name: path.read_bytes() for path in again.iterdir()} \
        == {path.name: path.read_bytes() for path in directory.iterdir()}
    assert len(list(again.iterdir())) == 6


# What is there: stat() decides

def missing(directory):
    directory.rmdir()


def regular_file(directory):
    missing(directory)
    directory.touch()


def link_to_directory(directory):
    directory.rename(directory.with_name("elsewhere"))
    directory.symlink_to("elsewhere")


def link_to_link_to_directory(directory):
    link_to_directory(directory)
    directory.rename(directory.with_name("link"))
    directory.symlink_to(directory.with_name("link"))


def dangling_link(directory):
    missing(directory)
    directory.symlink_to("nowhere")


def loop(directory):
    missing(directory)
    directory.symlink_to(directory.name)


def file_on_the_way(directory):
    missing(directory)
    directory.parent.rmdir()
    directory.parent.touch()


def nothing_on_the_way(directory):
    missing(directory)
    directory.parent.rmdir()


def way_not_searchable(directory):
    directory.parent.chmod(0)


def not_writable(directory):
    directory.chmod(0o500)


def of_another(directory):
    os.chown(directory, 0, 0)


def open_to_the_group(directory):
    os.chown(directory, 0, -1)
    directory.chmod(0o770)


def not_searchable(directory):
    directory.chmod(0o600)


def not_readable(directory):
    directory.chmod(0o300)


def open_to_all(directory):
    os.chown(directory, 0, 0)
    directory.chmod(0o1777)


# What is told of it with -D. None: recorded; NATIVE: what Dovecot's own log says.
NATIVE = "as in Dovecot's log"
CASES = {
    missing: "rawlog: {dir} doesn't exist",
    regular_file: NATIVE,
    link_to_directory: None,
    link_to_link_to_directory: None,
    dangling_link: "rawlog: {dir} doesn't exist",
    loop: NATIVE,
    file_on_the_way: NATIVE,
    nothing_on_the_way: "rawlog: {dir} doesn't exist",
    way_not_searchable: "rawlog: {dir} doesn't exist",      # for the user
    not_writable: NATIVE,
    of_another: NATIVE,
    open_to_the_group: None,
    not_searchable: NATIVE,
    not_readable: None,
    open_to_all: None,
}
# lib-smtp looks before rawlog does, and keeps to itself what it sees.
SILENT_IN_SUBMISSION = {loop: "rawlog: stat({dir}) failed: Too many levels of symbolic links",
                        file_on_the_way: "rawlog: stat({dir}) failed: Not a directory"}


def native_said(dovecot, user):
    """What Dovecot's log has about rawlogs of this user, as rawtap would say it."""
    errors = re.findall(rf"\({re.escape(user.name)}\)<\d+><[^>]*>: Error: (.*)", dovecot.log())
    return [error.replace("/native/", "/rawtap/") for error in errors]


def without_time(text):
    return STAMP.sub("TIME", ONE_FILE.sub(r"\1)", text))


@pytest.fixture(scope="module")
def sessions(dovecot, rawtap_binary):
    """One for each case and protocol, all under one rawtap: it, and {…: client}."""
    clients = {}
    with Tap("--base-dir", dovecot.base_dir, *option(dovecot, EACH), "-D",
             binary=rawtap_binary) as rawtap:
        for case in CASES:
            for protocol in PROTOCOLS:
                user = user_with_dirs(dovecot, f"{protocol}-{case.__name__}@example.org")
                for who in WRITERS:
                    case(place(dovecot, user, who))
                clients[case, protocol] = talk(dovecot, user, protocol)     # is undisturbed
        dovecot.wait_sessions_over()
        rawtap.stop()
    return rawtap, clients


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_what_is_there(dovecot, sessions, case, protocol):
    rawtap, client = sessions[0], sessions[1][case, protocol]
    native, rawtaps = both(dovecot, client.user)
    assert rawtaps == native
    expected = CASES[case]
    if expected is None:
        assert list(native.values()) == transcripts(client)
        assert native_said(dovecot, client.user) == []
        return
    assert native == {}
    if expected is NATIVE and protocol == "submission":
        expected = SILENT_IN_SUBMISSION.get(case, NATIVE)
    if expected is NATIVE:
        expected, = native_said(dovecot, client.user)
    said, = rawtap.said(client.user)
    directory = str(place(dovecot, client.user, "rawtap"))
    assert without_time(said) == "not recorded: " + without_time(expected.format(dir=directory))


def test_what_dovecot_calls_an_error_is_a_loss(sessions):
    """Of logs. It costs nobody bytes."""
    rawtap, _ = sessions
    errors = [case for case, expected in CASES.items() if expected is NATIVE]
    assert len(errors) * len(PROTOCOLS) == sum(map(rawtap.count, (
        "the files could not be created", "its log directory could not be examined")))
    assert (rawtap.status, rawtap.count("bytes lost")) == (3, 0)


@pytest.mark.parametrize("case", [not_writable, loop], ids=lambda case: case.__name__)
def test_what_the_admin_has_to_mend_is_said_without_debug(dovecot, record, case):
    user = user_with_dirs(dovecot, f"mend-{case.__name__}")
    case(place(dovecot, user, "rawtap"))
    with record(dovecot, *option(dovecot, EACH)) as rawtap:
        talk(dovecot, user)
    assert len(rawtap.said(user)) == 1
    assert "rawtap: warning: imap(" in rawtap.stderr


def test_a_directory_that_is_not_there_is_said_with_debug_alone(dovecot, record):
    user = user_with_dirs(dovecot, "usual")
    missing(place(dovecot, user, "rawtap"))
    with record(dovecot, *option(dovecot, EACH)) as rawtap:
        talk(dovecot, user)
    assert rawtap.said(user) == []


# Variables (test_expand.py has them all; here: is each given the right value?)

VARIABLES = ("u=%u,n=%n,d=%d,s=%s,l=%l,r=%r,p=%p,i=%i,{user},{username},{domain},{service},{lip},"
             "{rip},{pid},{uid},{gid},{session},{auth_user},{hostname},{home},%Lu,%5.3u,%U{user}"
             ",%{if;%s;eq;imap;yes;no},%%"
             ).replace(",{", ",%{")


@pytest.mark.parametrize("transport", ["plain", "tls"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_values_of_variables(root, record, protocol, transport):
    """Where Dovecot can't get through, it tells where it wanted to go; submission keeps it to
    itself, so there it is the directory that has to be right."""
    template = "{root}/{who}/file/" + VARIABLES
    with dovecot_of(template) as dovecot:
        for who in WRITERS:
            (dovecot.root / who).mkdir()
            (dovecot.root / who / "file").touch()
        user = dovecot.add_user("Some.Body@Example.org".lower(), gid=5999)
        with record(dovecot, "-D", *option(dovecot, template)) as rawtap:
            talk(dovecot, user, protocol, transport, source="127.0.0.7")
        said, = rawtap.said(user)
        wanted, = (wait_until(lambda: native_said(dovecot, user), "its log")
                   if protocol != "submission" else [None])
        values = [user.name, "some.body", "example.org", protocol, "127.0.0.1", "127.0.0.7"]
        assert f"u={values[0]},n={values[1]},d={values[2]},s={protocol},l={values[4]},r={values[5]}" \
            in said
        if wanted:
            assert said == "not recorded: " + wanted
            return
        assert f",p={mail_pid(dovecot, user)},i={user.uid},{values[0]}," in said
        assert f",{user.uid},{user.gid},{dovecot.wait_login(user).session}," in said


MASTER = """\
auth_master_user_separator = *
passdb {
  driver = static
  master = yes
  args = password=master
}
"""


@pytest.mark.parametrize("login, fields", [
    ("joe@example.org*boss", {}), ("joe@example.org*boss", {"user": "other@example.com"}),
    ("joe@example.org", {"user": "other@example.com"}), ("JOE@example.org", {}),
    ("joe@example.org", {"auth_user": "somebody"}), ("joe@example.org", {"user": "other"}),
    ("joe@example.org", {"home": "/tmp"}), ("joe@example.org", {"master_user": "x", "nologin": "y"})])
def test_who_is_it(root, record, login, fields):
    """Who logs in, who it is then, and what the variables say of it."""
    template = "{root}/{who}/file/%u,%n,%d,%{auth_user},%{auth_username},%{auth_domain},%h"
    with dovecot_of(template, config=MASTER) as dovecot:
        for who in WRITERS:
            (dovecot.root / who).mkdir()
            (dovecot.root / who / "file").touch()
        user = dovecot.add_user("joe@example.org", fields=fields)
        if "user" in fields:
            dovecot.add_user(fields["user"])
        as_whom = dataclasses.replace(user, name=login,
                                      password="master" if "*" in login else user.password)
        with record(dovecot, "-D", *option(dovecot, template)) as rawtap:
            talk(dovecot, as_whom)
        wanted, = re.findall("Error: (rawlog: .*)", dovecot.log())
        said, = re.findall("not recorded: (rawlog: .*)", rawtap.stderr)
        assert said == wanted.replace("/native/", "/rawtap/")


TEMPLATES = ["{root}/{who}/%n/%d/%s", "{who}/logs", "{root}/{who}/%r-%l",
             "{root}/{who}/%{domain}%%%{user}", "{root}/{who}/%Un%0.1n", "%h/{who}",
             "./{who}/../{who}/", "{root}/{who}//logs/."]


@pytest.mark.parametrize("protocol, template", [
    *(("imap", template) for template in TEMPLATES),
    *((protocol, template) for protocol in ("pop3", "submission") for template in TEMPLATES[:2])])
def test_the_directory_is_found(root, record, protocol, template):
    """A relative one is below the home: the mail process works there."""
    with dovecot_of(template) as dovecot:
        user = dovecot.add_user("joe@example.org")
        values = {"%n": "joe", "%d": "example.org", "%s": protocol, "%r": "127.0.0.1",
                  "%l": "127.0.0.1", "%{domain}": "example.org", "%{user}": user.name,
                  "%Un": "JOE", "%0.1n": "j", "%%": "%", "%h": str(user.home),
                  "{root}": str(dovecot.root)}
        directories = []
        for who in WRITERS:
            path = re.sub(r"%\{.*?\}|%%|%0\.1n|%Un|%\w|\{root\}", lambda m: values[m[0]], template)
            path = os.path.normpath(user.home / path.replace("{who}", who))
            directories.append(make_dir(Path(path), user))
        with record(dovecot, "-D", *option(dovecot, template)) as rawtap:
            client = talk(dovecot, user, protocol)
        native, rawtaps = (contents(directory) for directory in directories)
        assert list(native.values()) == transcripts(client)
        assert rawtaps == native, rawtap.stderr


def test_a_tilde_is_none(root, record):
    """It is a name here, as the manual says."""
    with dovecot_of("~/{who}") as dovecot:
        user = dovecot.add_user("tilde")
        for who in WRITERS:
            make_dir(user.home / who, user)
        with record(dovecot, "-D", *option(dovecot, "~/{who}")) as rawtap:
            talk(dovecot, user)
        assert [contents(user.home / who) for who in WRITERS] == [{}, {}]
        assert rawtap.said(user) == [f"not recorded: rawlog: {user.home}/~/rawtap doesn't exist"]


# Users to whom userdb gives no home

@pytest.mark.parametrize("older", ["", OBSOLETE])
@pytest.mark.parametrize("template", ["%h/{who}", "{who}/logs", "{root}/{who}/%n"])
def test_mail_home_counts(root, record, template, older):
    """The manual's warning is about the rawlog binary."""
    config = ("mail_home = {root}/homes/%{env:SITE}/%d/%n\n"
              "import_environment = $import_environment SITE=north\n")
    with dovecot_of(template, config=config + older) as dovecot:
        user = dovecot.add_user("joe@example.org", home=None)
        home = make_dir(dovecot.root / "homes" / "north" / "example.org" / "joe", user)
        directories = [home / path.replace("%h/", "").replace("{root}", str(dovecot.root))
                       .replace("{who}", who).replace("%n", "joe")
                       for who, path in ((who, template) for who in WRITERS)]
        for directory in directories:
            make_dir(directory, user)
        with record(dovecot, "-D", *option(dovecot, template)) as rawtap:
            client = talk(dovecot, user)
        native, rawtaps = (contents(directory) for directory in directories)
        assert list(native.values()) == transcripts(client)
        assert rawtaps == native, rawtap.stderr


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_mail_home_of_a_protocol(root, record, protocol):
    """Each has another one, and another hostname."""
    template = "{who}/%{hostname}"
    config = "mail_home = {root}/homes/%n\nhostname = all\n" + "".join(
        f"protocol {name} {{\n  mail_home = {{root}}/homes/{name}/%n\n  hostname = {name}-host\n}}\n"
        for name in ("imap", "submission"))
    with dovecot_of(template, config=config) as dovecot:
        user = dovecot.add_user("joe@example.org", home=None)
        directories = {}
        for name, host in ("", "all"), ("imap", "imap-host"), ("submission", "submission-host"):
            home = make_dir(dovecot.root / "homes" / name / "joe", user)
            for who in WRITERS:
                make_dir(home / who, user)
                directories[name, who] = make_dir(home / who / host, user)
        with record(dovecot, "-D", *option(dovecot, template)) as rawtap:
            client = talk(dovecot, user, protocol)
        where = "" if protocol == "pop3" else protocol
        native, rawtaps = (contents(directories[where, who]) for who in WRITERS)
        assert list(native.values()) == transcripts(client)
        assert rawtaps == native, rawtap.stderr


@pytest.mark.parametrize("template", ["{root}/{who}/%n", "{root}/{who}/%n%h"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_without_any_home(root, record, protocol, template):
    with dovecot_of(template) as dovecot:
        user = dovecot.add_user("joe@example.org", home=None)
        directories = [make_dir(dovecot.root / who / "joe", user) for who in WRITERS]
        with record(dovecot, "-D", *option(dovecot, template)) as rawtap:
            client = talk(dovecot, user, protocol)
        native, rawtaps = (contents(directory) for directory in directories)
        assert list(native.values()) == transcripts(client)
        assert rawtaps == native, rawtap.stderr


# What goes wrong in Dovecot

# The first word of what native lacks.
WITHOUT_NATIVE = {"imap": b"*", "pop3": b"", "submission": b"451"}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_session_that_can_not_begin(dovecot, record, protocol):
    """By design: Dovecot's last words may go straight to the client, past its rawlog."""
    user = user_with_dirs(dovecot, f"broken-{protocol}", fields={"mail": "nonsense:/x"})
    with record(dovecot, *option(dovecot, EACH)) as rawtap:
        client = log_in_badly(dovecot, user, protocol)
    native, rawtaps = both(dovecot, user)
    assert list(rawtaps.values()) == transcripts(client) != []
    (_, out), = rawtaps.values()
    (_, native_out), = native.values() or [(b"", b"")]
    assert out.startswith(native_out)
    assert out[len(native_out):].partition(b" ")[0] == WITHOUT_NATIVE[protocol]
    assert rawtap.status == 0


def log_in_badly(dovecot, user, protocol):
    client = connect(dovecot, protocol, "plain", user)
    try:
        client.login()
    except ProtocolError:
        pass
    client.read_to_end()
    client.close()
    return client
