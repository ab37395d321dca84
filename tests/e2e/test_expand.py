# SPDX-License-Identifier: MIT
"""The variables of rawlog_dir: what expander_2_3 makes of a template, and what Dovecot 2.3 does.

Each template stands in a block of the configuration that is for one client address. It is
the rest of a path through a regular file, so Dovecot finds no directory and tells, in its
log, where it looked. A template that it can't expand breaks the login, and the log has that.
"""

import itertools
import re
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from expanders import build_expander, installed_version
from mailclient import ProtocolError, connect
from private_dovecot import PrivateDovecot, User
from rawlogs import wait_until

RELEASE = "2.3.19.1"
ENVIRONMENT = "RAWTAP_TEST=of/tests"
LOOKED = re.compile(r" \w+\(.*?\)<\d+><(?P<session>.*?)>: Error: "
                    r"rawlog: stat\((?P<path>.*)\) failed: Not a directory$", re.MULTILINE)
BROKE = re.compile(r" \w+\((?P<pid>\d+)\): Error: Failed to expand settings: rawlog_dir: "
                   r"(?P<why>.*)$", re.MULTILINE)

VARIABLES = r"""
%u %n %d %s %h %l %r %p %i %% % %5 %L %3. %-
%{user} %{username} %{domain} %{service} %{home} %{lip} %{rip} %{pid} %{uid} %{gid}
%{session} %{auth_user} %{auth_username} %{auth_domain} %{hostname} %{local_ip} %{remote_ip}
u=%u,n=%n,d=%d,%{session}%{session} %d/%n/%u%%%u.%%u %h/../%n ~/%u
%{env:RAWTAP_TEST} %{env:PATH} %{env:HOME} %{env:NOT_THERE} %{env} %U{env:RAWTAP_TEST}
""".split()
MODIFIERS = r"""
%Lu %Uu %Eh %Xi %Xu %X{pid} %Ru %Tu %Nu %Hu %Mu %Dd %Du %LLLLLLLLLLu
%LRu %RLu %RUDd %MUu %MMu %ENu %L{user} %LR{session} %MR{if;%u;eq;x;1;2}
%1u %3u %50u %0u %030u %020p %03i %3.2u %1.d %2.0u %-3u %-3.2u %-3.u %-50.2u %50.2u %0.3u
%-4.0u %0.-3u %2.-3u %0.-50u %-5.-2u %5.08u %5.020u %-3.010u %0.0-3u %03.2u %2.03i %-0.5u
%256Hu %2.256Nu %2.256Hu %3.16Nu %8.Nu %4.1000Hu %0.-7Hu %0.-7Nu %-3.5Nu %02.010Nu
%2.3NMu %1.2L{user} %2.5U{session} %0.4{hostname} %-6{user} %010{gid} %1.1M{user}
""".split()
HASHES = r"""
%{md4:user} %{md5:user} %{sha1:user} %{sha256:user} %{sha384:user} %{sha512:user}
%{sha3-256:user} %{sha3-512:user} %{size:user} %{size:session} %{md5:domain} %{pkcs5:user}
%{md5;rounds=3:user} %{sha1;rounds=7,salt=%n:user} %{sha256;salt=abc,rounds=5:user}
%{sha256;salt=%{domain}:user} %{sha256;salt=%k:user} %{md5;salt=:user} %{md5;salt=a,b:user}
%{md5;truncate=32:user} %{md5;truncate=0:user} %{sha1;truncate=13:user} %{sha1;truncate=1:user}
%{sha512;truncate=9999:user} %{size;truncate=60:user} %{md4;truncate=7,format=base64:user}
%{md5;format=hex:user} %{md5;format=hexuc:user} %{sha512;format=base64,truncate=99:user}
%{pkcs5;rounds=3,truncate=77:user} %{pkcs5;salt=%{auth_user}:user} %{size;rounds=3,salt=abc:user}
%{pkcs5;format=base64,rounds=1,salt=:user} %{md5;what=ever,rounds:user} %{md5;:user}
%{md5:sha1:user} %{sha256:if;%u;eq;x;a;b} %8.8{sha256:user} %2.256N{sha1:user} %U{md5:user}
%{sha384:env:RAWTAP_TEST}
""".split()
CONDITIONS = r"""
%{if;%u;eq;bob;yes;no} %{if;%d;ne;;at-%d;nowhere} %{if;%n;lt;bob;less} %{if;%n;le;bob;less}
%{if;%n;gt;bob;more;} %{if;%n;ge;bob;;less} %{if;%{uid};==;5001;%h;%d} %{if;%i;<;5001;a;b}
%{if;%i;<=;5001;a;b} %{if;%i;>;5001;a;b} %{if;%i;>=;5001;a;b} %{if;%i;!=;5001;a;b}
%{if;-5;<;3;a;b} %{if;%u;*;*@*;a;b} %{if;%u;*;?ob;a;b} %{if;%u;!*;b*b;a;b} %{if;%u;*;;a;b}
%{if;%u;~;^[a-c].*b;a;b} %{if;%u;!~;@Ex\\.;a;b} %{if;%u;~;b$;a;b} %{if;%s;eq;imap;i/%u;p/%u}
%{if;%{if;%d;eq;;x;y};eq;x;%{md5:user};%{if;%s;eq;pop3;1;2}} %U{if;%u;eq;bob;yes;no}
%0.2{if;%u;eq;bob;yes;no} %{if;a\;b;eq;a\;b;\};\:} %{IF;%u;eq;bob;yes;no} %{if:;%u;eq;bob;y;n}
%{if;%{session};*;*/*;sl;no} %{if;%{env:RAWTAP_TEST};eq;of/tests;e;f} %{if;%Lu;eq;%u;low;not}
%{if;%%;eq;{;remote_ip};IF;} %{if;a;eq;b;c;d;} %{if;%02.2Rl;ge;{;home};a;b}
%{if;%{sha1:user};gt;8;a;b} %{if;%u;eq;bob;%%;%%%%} %{if;%u;eq;bob;a:b;c:d}
""".split()
# The values decide whether these break the login.
MAY_BREAK = r"""
%{if;%u;%s;x;y;z} %{if;%u;==;5;a;b} %{if;5;>;%0.1d;a;b} %{if;%02.010Nu;==;5;a;b}
%{if;%n;~;%2.2u\\(;a;b} %{if;%i;==;99999999999999999999%d;a;b}
""".split()
BREAK = r"""
%k %m %a %b %c %{lport} %{rport} %{mail_pid} %{orig_user} %{owner_user} %{local_name} %{nope}
%{} %{ %{user %{userdb:home} %{user:x} %{passwd:x} %{encrypt;algo=aes-128-cbc:user} %{decrypt:user}
%{MD5:user} %{sha256} %{sha256:nope} %{sha224:user} %{md5;rounds=0:user} %{md5;rounds=x:user}
%{md5;truncate=x:user} %{md5;format=hexlc:user} %{md5;salt=%{if}:user} %{if} %{if;a;eq;b}
%{if;a;eq;b;} %{if;a;eq;b;c;d;e} %{if;a;like;b;c;d} %{if;x;==;5;a;b} %{if;5;==;;a;b} %{if;a;~;(;b;c}
%{if;%k;eq;a;b;c} %LLLLLLLLLLLu %0-3u %.3k
""".split()
# Dovecot reads beyond its memory, allocates a gigabyte, or calculates for hours.
REFUSED = [r"%{if;{;eq;{;a;b}", r"%{user\}", "%{{user}", "%099999u", "%70000.u",
           "%{md5;rounds=100001:user}", "%{md5:" * 60 + "user" + "}" * 60]
EXPANDED = VARIABLES + MODIFIERS + HASHES + CONDITIONS
TEMPLATES = EXPANDED + MAY_BREAK + BREAK


@dataclass(frozen=True)
class Who:
    """Who logs in: the configuration's users differ in all that a variable can hold."""
    name: str
    protocol: str
    home: str | None
    auth_user: str | None = None


WHO = [Who("bob", "imap", "bob"),
       Who("Carol.Smith@Ex.Org", "pop3", "it's \"c\\arol\" ", "Boss@admin.example@x"),
       Who("dave@example", "imap", None)]


@dataclass
class Session:
    """What became of it. path: where Dovecot looked, below the file; None: the login broke."""
    user: User
    protocol: str
    address: str
    pid: int
    session: str
    path: str | None
    why: str | None

    def values(self, who):
        uid, gid = self.user.uid, self.user.gid
        texts = {"user": self.user.name, "home": self.user.home, "service": self.protocol,
                 "local_ip": "127.0.0.1", "remote_ip": self.address, "session": self.session,
                 "auth_user": who.auth_user, "hostname": host_name(), "import_environment": ENVIRONMENT,
                 "pid": self.pid, "uid": uid, "gid": gid}
        return [f"{name}={value}" for name, value in texts.items() if value is not None]


def host_name():
    """What `hostname` is where it is not set: lib/hostpid.c, my_hostdomain()."""
    name = socket.gethostname()
    try:
        return socket.gethostbyname_ex(name)[0]
    except socket.gaierror:
        return name


def address_of(template):
    number = TEMPLATES.index(template)
    return f"127.1.{number // 250}.{number % 250 + 1}"


@pytest.fixture(scope="module")
def expander(tmp_path_factory):
    """expander(template, values): (exit status, the expanded text)."""
    program = build_expander(tmp_path_factory.mktemp("expand"))

    def run(template, values=()):
        result = subprocess.run([program, RELEASE, template, *values], capture_output=True,
                                text=True)
        if result.returncode == 2:
            assert re.fullmatch(r".+\n", result.stderr), "refused without a reason"
        elif result.returncode == 0:
            return 0, re.fullmatch(r"\[(.*)\]", result.stdout, re.DOTALL)[1]
        assert result.returncode in (1, 2), result.stderr
        return result.returncode, None
    return run


@pytest.fixture(scope="module")
def sessions(root):
    """{(template, who): Session}"""
    if not installed_version().startswith("2.3."):
        pytest.skip(f"Dovecot 2.3 is wanted, {installed_version()} is installed")
    services = {f"{protocol}-login": {"service_count": 0} for protocol in ("imap", "pop3")}
    dovecot = PrivateDovecot(services=services)
    file = dovecot.root / "file"
    file.touch()
    dovecot.config = f"auth_username_format =\nimport_environment = {ENVIRONMENT}\n" + "".join(
        f"remote {address_of(template)} {{\n  rawlog_dir = {file}/{template}\n}}\n"
        for template in TEMPLATES)
    with dovecot:
        for number, who in enumerate(WHO, 1):
            home = who.home and dovecot.root / "home" / who.home
            fields = {"auth_user": who.auth_user} if who.auth_user else {}
            dovecot.add_user(who.name, home=home, uid=5000 + number, gid=5100 + number,
                             fields=fields)
        pairs = list(itertools.product(TEMPLATES, WHO))
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda pair: log_in(dovecot, *pair), pairs))
        return wait_until(lambda: find_sessions(dovecot, pairs, f"{file}/"),
                          "what came of each session, in Dovecot's log")


def log_in(dovecot, template, who):
    user = dovecot.users[who.name]
    client = connect(dovecot, who.protocol, "plain", user, source=address_of(template))
    try:
        client.login()
        client.logout()
    except (ProtocolError, ConnectionResetError):
        client.close()  # the template breaks the login


def find_sessions(dovecot, pairs, file):
    """None, as long as one is missing."""
    log = dovecot.log()
    paths = {match["session"]: match["path"] for match in LOOKED.finditer(log)}
    reasons = {int(match["pid"]): match["why"] for match in BROKE.finditer(log)}
    logins = {(login.ip, login.user): login for login in dovecot.logins()}
    found = {}
    for template, who in pairs:
        login = logins.get((address_of(template), who.name))
        if not login or (login.session not in paths and login.pid not in reasons):
            return None
        path = paths.get(login.session)
        assert path is None or path.startswith(file)
        found[template, who] = Session(
            dovecot.users[who.name], who.protocol, login.ip, login.pid, login.session,
            path and path.removeprefix(file), reasons.get(login.pid))
    return found


@pytest.mark.parametrize("template", EXPANDED + MAY_BREAK)
def test_as_dovecot_expands_it(sessions, expander, template):
    for who in WHO:
        session = sessions[template, who]
        status, text = expander(template, session.values(who))
        assert text == session.path, f"{who}: {session.why}"
        assert status == (1 if session.path is None else 0)


@pytest.mark.parametrize("template", BREAK)
def test_refused_at_the_start_what_breaks_every_login(sessions, expander, template):
    assert [sessions[template, who].path for who in WHO] == [None] * len(WHO)
    assert expander(template) == (2, None)


@pytest.mark.parametrize("template", REFUSED)
def test_refused_though_dovecot_would_try(expander, template):
    assert expander(template) == (2, None)


def test_the_values_tell_variables_apart(sessions):
    """Can this test fail? Each of the users breaks something, or expands to something else."""
    assert None not in (sessions[template, who].path for template in EXPANDED for who in WHO)
    outcomes = {sessions[template, who].path is None for template in MAY_BREAK for who in WHO}
    assert outcomes == {True, False}
    paths = {template: tuple(sessions[template, who].path for who in WHO)
             for template in ("%u %n %d %s %h %r %p %i %{gid} %{session} %{auth_user} "
                              "%{auth_username} %{auth_domain} %{hostname}").split()}
    assert len(set(paths.values())) == len(paths)
