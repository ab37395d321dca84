# SPDX-License-Identifier: MIT
"""-c FILE: the manual's blocks for every mode, alone and all together."""

import re
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

import dialect
from dirstage import PROTOCOLS, contents, make_dir
from private_dovecot import PrivateDovecot, User, make_message
from smtppeers import SmtpServer, lmtp
from stage import dovecot_with
from taps import assert_one_line, log_in, recorded, say, talk, transcripts

# The manual's, but for its /tmp.
BLOCKS = {
    "imap": """\
protocol imap {
  rawlog_dir = {root}/rawlog/%u
  # if you want to put files into user's homedir, use this, do not use ~
  #rawlog_dir = %h/rawlog
}
""",
    "pop3": """\
protocol pop3 {
  rawlog_dir = %h/rawlog
}
""",
    "submission": """\
protocol submission {
  rawlog_dir = {root}/rawlog/%u
}
""",
    "lmtp": "lmtp_rawlog_dir = {root}/lmtp\n",
    "lmtp proxy": "lmtp_proxy_rawlog_dir = {root}/proxy\n",
    "relay": "submission_relay_rawlog_dir = ~/relay\n",
    "imap-login": """\
service imap-login {
  executable = imap-login -R rawlogs
}
""",
    "pop3-login": """\
service pop3-login {
  executable = pop3-login -R rawlogs
}
""",
    "submission-login": """\
service submission-login {
  executable = submission-login -R rawlogs
}
""",
    "post-login": """\
service imap {
  executable = imap postlogin
}
service pop3 {
  executable = pop3 postlogin
}
service postlogin {
  executable = script-login -d rawlog
  unix_listener postlogin {
  }
}
""",
}


@dataclass
class Site:
    """A Dovecot that does everything, and those whom it talks to."""
    dovecot: PrivateDovecot
    relay: SmtpServer
    next_hop: SmtpServer
    user: User          # every directory of theirs is there
    forwarded: User

    def blocks(self, *names):
        return "".join(BLOCKS[name] for name in names or BLOCKS).replace(
            "{root}", str(self.dovecot.root))


def open_site(stack, config=""):
    relay, next_hop = (stack.enter_context(SmtpServer(protocol=protocol))
                       for protocol in ("smtp", "lmtp"))
    dovecot = PrivateDovecot(protocols=(*PROTOCOLS, "lmtp"))
    dovecot.config = (f"lmtp_proxy = yes\nsubmission_relay_host = 127.0.0.1\n"
                      f"submission_relay_port = {relay.port}\n"
                      + config.replace("{root}", str(dovecot.root)))
    stack.enter_context(dovecot)
    dovecot.make_login_dir("rawlogs")
    for name in "lmtp", "proxy":
        (dovecot.root / name).mkdir(0o700)
    user = dovecot.add_user("joe@example.org")
    dovecot.make_rawlog_dir(user)
    for directory in (dovecot.root / "rawlog" / user.name, user.home / "rawlog",
                      user.home / "relay"):
        make_dir(directory, user)
    forwarded = dovecot.add_user("far@example.org", passdb={
        "proxy": "y", "host": "127.0.0.1", "port": str(next_hop.port)})
    return Site(dovecot, relay, next_hop, user, forwarded)


@pytest.fixture
def site(root):
    with ExitStack() as stack:
        yield open_site(stack)


def traffic(site):
    """Some of everything. What each block must have of it: {block: [(.in, .out)]}."""
    clients = {}
    for protocol in PROTOCOLS:
        client = clients[protocol] = log_in(site.dovecot, site.user, protocol)
        say(client, "word")
        if protocol == "submission":
            client.command("MAIL FROM:<joe@example.org>")
            client.command("RCPT TO:<somebody@example.com>")
            client.command("DATA", b"354")
            client.command(make_message(1000) + b".")
        client.logout()
    deliveries = []
    for user in site.user, site.forwarded:
        client = lmtp(site.dovecot, "plain")
        deliveries.append(client)
        client.greet()
        client.send_mail([user.name], make_message(1000))
        client.quit()
    site.dovecot.wait_lmtp_over(len(deliveries))
    for server in site.relay, site.next_hop:
        server.wait_over()
    expected = {protocol: transcripts(client) for protocol, client in clients.items()}
    expected["post-login"] = sorted(expected["imap"] + expected["pop3"])
    for protocol, client in clients.items():
        expected[f"{protocol}-login"] = [(client.login_in, client.login_out)]
    expected["lmtp"] = pairs(deliveries)
    expected["lmtp proxy"] = [without_goodbye(pair) for pair in pairs(site.next_hop.sessions)]
    expected["relay"] = [without_goodbye(pair) for pair in pairs(site.relay.sessions)]
    return expected


def without_goodbye(pair):
    """Where Dovecot is the client it may have gone before it reads the reply to its QUIT."""
    received, sent = pair
    return received.removesuffix(b"221 2.0.0 Bye\r\n"), sent


def pairs(peers):
    return sorted(pair for peer in peers for pair in peer.pairs)


def found(site):
    """What there is where the blocks want it: {names of blocks: [(.in, .out)]}."""
    root, user = site.dovecot.root, site.user
    places = {("imap", "submission"): root / "rawlog" / user.name,
              ("pop3",): user.home / "rawlog",
              ("lmtp",): root / "lmtp",
              ("lmtp proxy",): root / "proxy",
              ("relay",): user.home / "relay",
              ("imap-login", "pop3-login", "submission-login"):
              site.dovecot.base_dir / "login" / "rawlogs"}
    return {("post-login",): recorded(user)} | {
        names: sorted(without_goodbye(pair) for pair in contents(place).values())
        for names, place in places.items()}


def wanted(expected, names, blocks):
    return sorted(pair for name in names if name in blocks for pair in expected[name])


def assert_found(site, expected, blocks, rawtap):
    for names, contents_found in found(site).items():
        assert contents_found == wanted(expected, names, blocks), f"{names}\n{rawtap.stderr}"


def test_all_of_them_in_one_file(site, record, file):
    with record(site.dovecot, "-c", file(site.blocks()), "-D") as rawtap:
        expected = traffic(site)
    assert_found(site, expected, BLOCKS, rawtap)
    assert rawtap.status == 0


@pytest.mark.parametrize("block", BLOCKS)
def test_one_alone(site, record, file, block):
    """It switches on what it names, and nothing else."""
    with record(site.dovecot, "-c", file(site.blocks(block))) as rawtap:
        expected = traffic(site)
    assert_found(site, expected, [block], rawtap)
    assert rawtap.status == 0


def test_one_setting_for_all_protocols(site, record, file):
    """Outside of protocol { }."""
    text = f"rawlog_dir = {site.dovecot.root}/rawlog/%u\n"
    with record(site.dovecot, "-c", file(text)):
        expected = traffic(site)
    assert found(site)["imap", "submission"] == wanted(expected, PROTOCOLS, PROTOCOLS)


def test_no_variables_in_lmtp(site, record, file):
    """As the manual says. (Dovecot 2.3.19.1 expands them, to nothing or to its harm.)"""
    places = {"lmtp": site.dovecot.root / "lmtp%u", "lmtp proxy": site.dovecot.root / "proxy%h"}
    for path in places.values():
        path.mkdir()
    text = f"lmtp_rawlog_dir = {places['lmtp']}\nlmtp_proxy_rawlog_dir = {places['lmtp proxy']}\n"
    with record(site.dovecot, "-c", file(text)) as rawtap:
        expected = traffic(site)
    for name, path in places.items():
        assert sorted(map(without_goodbye, contents(path).values())) == expected[name], name
    assert rawtap.status == 0


def test_options_beside_it(site, record, file):
    with record(site.dovecot, "-c", file(site.blocks("imap", "relay")),
                "--lmtp-rawlog-dir", site.dovecot.root / "lmtp", "-R", "pop3=rawlogs") as rawtap:
        expected = traffic(site)
    assert_found(site, expected, ["imap", "relay", "lmtp", "pop3-login"], rawtap)


# What the running Dovecot does by itself is left to it

def refused(run, dovecot, path):
    return run("-c", path, "--base-dir", dovecot.base_dir)


def test_nothing_is_left_to_do(root, run, file):
    with ExitStack() as stack:
        site = open_site(stack, config="".join(BLOCKS.values()))
        path = file(site.blocks())
        assert_one_line(refused(run, site.dovecot, path), 1, f"-c {path}: ", "enables nothing")
        # Options of the program that do not change where it writes.
        for name in BLOCKS:
            path = file(site.blocks(name).replace("-login -R", "-login -D -R"))
            assert_one_line(refused(run, site.dovecot, path), 1, "enables nothing")


def test_what_is_left_to_do(root, record, file):
    """Another directory than Dovecot's own."""
    with ExitStack() as stack:
        site = open_site(stack, config=BLOCKS["imap"] + BLOCKS["pop3"])
        other = make_dir(site.dovecot.root / "other" / site.user.name, site.user)
        text = site.blocks("imap").replace("/rawlog/", "/other/") + site.blocks("pop3")
        with record(site.dovecot, "-c", file(text)):
            expected = traffic(site)
        assert sorted(contents(other).values()) == expected["imap"]
        assert found(site)["imap", "submission"] == expected["imap"]        # Dovecot's own
        assert found(site)["pop3",] == expected["pop3"]


# -R DIR of a login process is where that process would find it

CHROOTS = {
    "absolute": ("login", "/{who}", "{base_dir}/login/{who}"),
    "relative": ("login", "{who}", "{base_dir}/login/{who}"),
    "outside": ("", "{root}/{who}", "{root}/{who}"),
    "outside, relative": ("", "{who}", "{base_dir}/login/{who}"),
    "outside, above": ("", "../{who}", "{base_dir}/{who}"),
    "/ is none": ("/", "{root}/{who}", "{root}/{who}"),
    "/ is none, relative": ("/", "{who}", "{base_dir}/login/{who}"),
    "/ is none, above": ("/", "../{who}", "{base_dir}/{who}"),
    "with a slash": ("login/", "../{who}", "{base_dir}/login/{who}"),
    "by its path": ("{base_dir}/login", "../{who}", "{base_dir}/login/{who}"),
}


@pytest.mark.parametrize("case", CHROOTS)
def test_where_r_points_to(root, record, file, case):
    chroot, argument, place = CHROOTS[case]
    dovecot = PrivateDovecot()

    def fill(text, who):
        return (text.replace("{who}", who).replace("{root}", str(dovecot.root))
                .replace("{base_dir}", str(dovecot.base_dir)))
    dovecot.services = {"imap-login": {
        "chroot": fill(chroot, ""), "executable": "imap-login -R " + fill(argument, "native")}}
    text = f"service imap-login {{\n  executable = imap-login -D -R {fill(argument, 'rawtap')}\n}}\n"
    with dovecot:
        user = dovecot.add_user("joe")
        for who in "native", "rawtap":
            dovecot.make_login_dir(who).rename(fill(place, who))
        with record(dovecot, "-c", file(text)) as rawtap:
            client = talk(dovecot, user)
        native, rawtaps = (
            contents(fill_path) for fill_path in map(
                type(dovecot.root), (fill(place, "native"), fill(place, "rawtap"))))
        assert list(native.values()) == [(client.login_in, client.login_out)]
        assert rawtaps == native, rawtap.stderr


UNUSABLE = {
    "missing": (None, "rawlog: {dir} doesn't exist"),
    "of root": (("root", 0o755), r"creat({dir}/TIME.PID.1) failed: Permission denied"),
    "not writable": (("dovenull", 0o500), r"creat({dir}/TIME.PID.1) failed: Permission denied"),
    "not searchable": (("dovenull", 0o600), r"creat({dir}/TIME.PID.1) failed: Permission denied"),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_the_directory_of_r_has_to_be_there(root, record, file, case):
    made, reason = UNUSABLE[case]
    with PrivateDovecot() as dovecot:
        user = dovecot.add_user("joe")
        directory = dovecot.base_dir / "login" / "rawlogs"
        if made:
            dovecot.make_login_dir("rawlogs", owner=made[0], mode=made[1])
        with record(dovecot, "-D", "-c", file(BLOCKS["imap-login"])) as rawtap:
            talk(dovecot, user)         # is undisturbed
        assert contents(directory) == {}
        said = re.sub(r"\d{8}-\d{6}\.\d+", "TIME.PID", rawtap.stderr)
        assert said.count("not recorded: " + reason.format(dir=directory)) == 1, rawtap.stderr
        assert rawtap.status == (3 if made else 0)


# What is wrong with it: one line, before anything is attached

def login(words):
    return f"service imap-login {{\n  executable = {words}\n}}\n"


# 2.4 or 2.3: the value of another setting
SET = "$SET:" if dialect.is_new() else "$"
REFUSED = {
    "no such setting": ("lmtp_rawlog_dirs = /x\n", ["lmtp_rawlog_dirs"]),
    "closed twice": ("protocol imap {\n  rawlog_dir = /x\n}\n}\n", ["FILE line 4"]),
    "no value": ("protocol imap {\n  rawlog_dir\n}\n", ["FILE line 2"]),
    "empty": ("protocol imap {\n  rawlog_dir =\n}\n", ["enables nothing"]),
    "another setting": (f"rawlog_dir = {SET}base_dir\n", [f"rawlog_dir has '{SET}base_dir'"]),
    "a word of another setting": (f"rawlog_dir = /logs {SET}base_dir\n", [f"'{SET}base_dir'"]),
    "the environment": ("rawlog_dir = $ENV:HOME\n", ["'$ENV:HOME'"]),
    "-R and another setting": (login(f"imap-login -R {SET}base_dir"),
                               [f"executable has '{SET}base_dir'"]),
    "unknown variable": ("protocol imap {\n  rawlog_dir = /x/%{nonsense}\n}\n", ["nonsense"]),
    "unknown variable of the relay": ("submission_relay_rawlog_dir = ~/%{lport}\n", ["lport"]),
    "-R without DIR": (login("imap-login -R"), ["imap-login -R"]),
    "unknown option": (login("imap-login -x -R rawlogs"), ["imap-login -x -R rawlogs"]),
    "no -R": (login("imap-login -D"), ["enables nothing"]),
    "another program": (login("pop3-login -R rawlogs"), ["enables nothing"]),
}


@pytest.fixture(scope="module")
def dovecot(root):
    with dovecot_with(PROTOCOLS) as dovecot:
        yield dovecot


@pytest.mark.parametrize("case", REFUSED)
def test_refused(run, dovecot, file, case):
    text, words = REFUSED[case]
    path = file(text)
    assert_one_line(refused(run, dovecot, path), 1,
                    *(word.replace("FILE", str(path)) for word in words))
