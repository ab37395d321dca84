# SPDX-License-Identifier: MIT
"""The variables of 2.4: what the release's expander makes of a template, and what Dovecot's library does.

tests/programs/var_expand.c calls the library of the installed Dovecot, in a process for each
template, as some make it crash. Every variable goes through every filter with every kind of
argument, and the results of some filters through others.
"""

import itertools
import re
import subprocess

import pytest

from dirstage import dovecot_of, option
from expanders import build_expander, build_var_expand, installed_version
from rawlogs import wait_until
from taps import assert_one_line, talk

# The users differ in all that decides what becomes of a template.
WHO = [
    {"user": "bob", "home": "/home/bob", "service": "imap", "local_ip": "127.0.0.1",
     "remote_ip": "127.0.0.2", "local_port": "143", "remote_port": "54321", "session": "ab/c+d",
     "auth_user": "bob", "hostname": "mx.example"},
    {"user": "Carol.Smith@Ex.Org@x", "service": "pop3", "local_ip": "::1", "remote_ip": "",
     "session": "1234", "auth_user": "\udcfcbo\x01t\ts", "hostname": "h"},
    {"user": "31", "home": "", "service": "submission", "local_ip": "1", "remote_ip": "2",
     "local_port": "1", "session": "", "auth_user": "61c3a9ff", "hostname": "aGVsbG8="}]
FIELDS = [["quota=5", "a=x y"], ["quota=-7"], ["quota="]]

VARIABLES = """user home service protocol local_ip remote_ip local_port remote_port session
auth_user hostname owner_user owner_home userdb:quota userdb:a userdb:a:b userdb:none env:SITE env:NOT_THERE""".split()
FILTERS = r"""
lower upper reverse username domain ldap_dn list list('--') text safe hex hex(4) hex(-4) unhex
hexlify hexlify(3) hexlify(12) unhexlify benumber lenumber base64 base64(pad=0) base64(url=1)
unbase64 unbase64(pad=0,url=1) md5 sha1 sha256 sha384 sha512 md5(rounds=3) md5(rounds=0)
md5(salt='a',salt='b') sha1(salt=user,rounds=2) hash('md4') hash('sha3-256',ROUNDS=2)
hash('sha3-512') hash('size') hash(service) substr(1) substr(-2) substr(0,3) substr(1,-1)
substr(0,0) substr(3,local_port) truncate(2) truncate(bits=13) truncate(bits=0) truncate(7,bits=3)
index('.',0) index('@',-1) index('a',userdb:quota) lfill(9) rfill(9,'ab') lfill(local_port,user)
default default('x') default(5) default(hostname) concat('a',5,user) literal('x') literal(7,8)
lookup('user') lookup(service) +1 -1 *2 /3 %7 +local_port --7 calculate(1) calculate(0,2)
if('eq','bob','yes','no') if('==',31,user,session) if('*','*o*',1,2) if('!*','?ob',1,2)
if('~','^[a-c]','m','n') if('!~','(.)\\.(.)','m','n') if('lt',service,'less',5) if('>=',5,home,1)
regexp('[a-c]+','<\\0>') regexp('(.)(.)','\\2\\1') regexp('(x)?b','\\1') regexp('z','y')
""".split()
BREAKING = r"""
lower() lower(1) lower(x=1) nope hex('1') hexlify(-1) substr substr('1') substr(1,2,3) index(1,0)
index('a') hash() hash('nope') md5(1) md5(pad=1) base64(pad=2) lfill(0) lfill(-1) concat concat(x=1)
literal default(nope) lookup lookup(5) if('eq','a','b') if('===','a','b','c') if('==','a','b','c')
if('eq',1,'b','c') if('~','(','b','c') regexp('a') regexp('(','b') truncate truncate(-1) /0 %0
+'a' +99999999999999999999 +nope
""".split()
# Before another: binary and not, short and long, a number, none at all.
FIRST = ["md5", "unhexlify", "substr(0,2)", "hex", "nope | default", "base64", "lfill(9)", "domain"]
CHAINS = ["md5 | hexlify(8)", "md5 | substr(0,2)", "sha1 % 16", "md5 | base64", "base64 | unbase64",
          "hexlify | unhexlify | text", "md5 | concat('x')", "sha256 | lower | sha1(salt=user)",
          "sha1 | truncate(bits=12)", "md5 | substr(0,99)", "md5 | substr(0,99) | default('x')",
          "md5 | hex | default('none')", "substr(0,2) | upper | rfill(5,'-')", "nope | default",
          "substr(9) | default('short') | upper", "if('eq','x','a','b') | md5", "| | lower",
          "unhexlify + 1", "unhexlify | hex", "sha1 | index('a',0) | hexlify",
          "domain | default('d')",
          "username | lower | substr(0,1)", "list | truncate(3)", "sha1 | safe | reverse"]
TEXTS = r"""
/var/log/%{user} %u/%n/%h/%%/% %%{user} %%%{user} %{user}%{service} %{user}y%{service}
%{user}yy%{service} y%{user}y %{}a %{}%{user} %{}%{} a%{}b a%{} %{user|username}/%{user|domain}/
%{{user} %{user!} %{!user} %{_user} %{user} } {%{user}} %{user|lower|upper} %{user(1,2)}
%{user(x=1)}
%{literal('\x41\102\t\\\"\'')} %{literal("it's")} %{literal('say\040"x"')} %{literal('a\0b')}
%{literal('\q')} %{literal('\400')} %{literal('\8')} %{literal('\x4')} %{literal('a} %{user
%{ %{user|
%{user}} %{user,} %{user=} %{(user)} %{'user'} %{5} %{-5} %{|} %{user%} %{user+} %{5+5}
%{literal(5)+5}
%{if('a','eq','a','b','c')} %{if(5,'<',7,'b','c')} %{if(user,'eq',user,user,'c')} %{if} %{if()}
%{concat('a','b')} %{lookup('user')} %{default('x')} %{username} %{domain} %{hash('md5')} %{user2}
%{user|if('eq','bob',nope,'x')} %{user|if('eq','bob','x',nope)} %{nope|if('a','eq','a','b','c')}
%{nope} %{nope|default('x')} %{nope|lower|default('x')} %{foo:bar} %{foo:bar|default('x')} %{userdb}
%{process:nope} %{system:nope|default('x')} %{USER} %{user:x} %{username|default('x')} %{rip} %{uid}
%{home|default('none')} %{home}/%{user} %{local_ip}:%{local_port} %{session|reverse}
""".split()
SPACES = ["%{ user }", "%{user | lower}", "%{\tuser\t|\tupper }", "%{user\n| lower}", "%{us er}",
          "%{user | substr( 0 , 2 )}", "%{user | md5( rounds = 2 )}", "%{user - 1}", "%{user -1}",
          "%{user | substr(0, - 1)}", "%{user | if('eq', 'bob', 'a b', 'c')}", "a %{user} b",
          "%{user | default('\\\n\"x')}", "%{user | literal('\udcff')}", "%{user | literal('é')}",
          "%{usér | default('é')}"]
# What would not come to an end in Dovecot, or crashes it, or is without need.
REFUSED = ["%{user | lfill(4097)}", "%{user | rfill(9, '')}", "%{user | hex(257)}",
           "%{user | index('', 0)}", "%{user | regexp('b', '\\\\x')}",
           "%{user | md5(rounds=100001)}",
           "%{user | calculate(5, 1)}", "%{user / -1}", "%{userdb:pass}", "%{env:GENERATION}",
           "%{date:year | default('x')}", "%{dovecot:version}", "%{generate:uuid}", "%{system:os}",
           "%{user | encrypt(algorithm='aes-128-cbc')}", "%{user | if('eq', 'x', time:hour, 'y')}"]
TEMPLATES = list(dict.fromkeys([
    *(f"%{{{name}}}" for name in VARIABLES),
    *(f"%{{{name} | {each}}}" if each[0].isalpha() else f"%{{{name} {each}}}"
      for name, each in itertools.product(VARIABLES, FILTERS + BREAKING)),
    *(f"%{{{name} | {chain}}}" for name, chain in itertools.product(VARIABLES, CHAINS)),
    *(f"%{{user | {one} | {other}}}" for one, other in itertools.product(FIRST, FILTERS)
      if other[0].isalpha()),
    *TEXTS, *SPACES]))
# Dovecot's behaviour is not defined: it prints what happens to be in its memory.
UNDEFINED = re.compile(r"regexp\([^)]*\b(?:nope|\d)")
# Of 2.4.2 and later.
PERLS = b"regular expressions of this release (Perl's) are not supported"
IN_ITS_WAY = re.compile(
    r"(?:rawlog: stat\((.*)|rawlog_dir: creat\((.*)/[^/]*\.in)\) failed: Not a directory")


@pytest.fixture(scope="module")
def release():
    version = installed_version()
    if not version.startswith("2.4"):
        pytest.skip(f"Dovecot 2.4 is wanted, {version} is installed")
    return version


@pytest.fixture(scope="module")
def expand(release, tmp_path_factory):
    """expand(templates): for each user what rawtap makes of them, and what Dovecot: lists of
    (status, text)."""
    directory = tmp_path_factory.mktemp("expand")
    expander, var_expand = build_expander(directory), build_var_expand(directory)

    def run(templates):
        found = []
        for who, fields in zip(WHO, FIELDS):
            values = [f"{name}={value}" for name, value in who.items()]
            fields = [f"userdb={field}" for field in fields]
            others = [f"{name}={who.get(of, '')}" for name, of in (
                ("protocol", "service"), ("owner_user", "user"), ("owner_home", "home"),
                ("local_port", "local_port"), ("remote_port", "remote_port"))
                if of in who or of.endswith("port")]
            known = [*values, *fields, "import_environment=PATH = %{env:PATH}\nSITE = north"]
            found.append((answers([expander, release, "-", *known], templates),
                          answers([var_expand, *values, *others, *fields], templates)))
        return found
    return run


def answers(command, templates):
    text = "".join(f"{template}\0" for template in templates).encode(errors="surrogateescape")
    said = subprocess.run(command, input=text, capture_output=True, check=True,
                          env={"SITE": "north"}).stdout
    lines = [line.split(b" ", 1) for line in said.split(b"\0")[:-1]]
    assert len(lines) == len(templates)
    return [(int(status), text) for status, text in lines]


def test_as_dovecot_expands_it(expand):
    """What one of them fails at, both do; and what is refused at the start fails for everybody."""
    wrong, outcomes = [], set()
    for who, (ours, dovecots) in zip(WHO, expand(TEMPLATES)):
        for template, own, theirs in zip(TEMPLATES, ours, dovecots):
            outcomes.add((own[0], theirs[0]))
            same = own == theirs if own[0] == 0 else theirs[0] in (1, 3)
            if not same and own != (2, PERLS) and not UNDEFINED.search(template):
                wrong.append((who["user"], template, own, theirs))
    assert not wrong, "\n".join(str(each) for each in wrong[:20])
    # can this test fail?
    assert len(TEMPLATES) > 2500
    assert {(0, 0), (1, 1), (1, 3), (2, 1)} <= outcomes


def test_refused_though_dovecot_would_try(expand):
    for ours, _ in expand(REFUSED):
        assert [(template, status) for template, (status, why) in zip(REFUSED, ours)
                if status != 2 or not why or b"\n" in why] == []


def test_the_values_tell_variables_apart(expand):
    names = [name for name in VARIABLES if name not in
             ("protocol", "owner_user", "owner_home", "userdb:a:b", "env:NOT_THERE")]
    results = [tuple(answers[number] for _, answers in expand([f"%{{{name}}}" for name in names]))
               for number in range(len(names))]
    assert len(set(results)) == len(names)


# A running Dovecot: is each variable given the right value?

VALUES = ("u={user},n={user | username},h={home},{owner_home},s={service},{protocol},{local_ip},"
          "{remote_ip},{local_port},{remote_port},{session},{auth_user},{owner_user},{hostname},"
          "{local_name},{master_user},{process:pid},{process:uid},{process:gid},{system:hostname},"
          "q={userdb:quota},{userdb:uid},{userdb:home},{userdb:none},{user | sha1 | substr(0,3)}y"
          "{user | if('*', '*@*', 'at', 'none')},%k,"
          "{env:SITE},{env:NOT_THERE | default('none')}").replace("{", "%{")


def test_values(release, root, record):
    """Dovecot finds a file in its way, and tells where it wanted to go."""
    template = "{root}/{who}/file/" + VALUES
    with dovecot_of(template, config="import_environment = SITE=north\n") as dovecot:
        for who in ("native", "rawtap"):
            (dovecot.root / who).mkdir()
            (dovecot.root / who / "file").touch()
        user = dovecot.add_user("some.body@example.org", gid=5999, fields={"quota": "5"})
        with record(dovecot, "-D", *option(dovecot, template)) as rawtap:
            talk(dovecot, user, "imap", "plain", source="127.0.0.7")
        said, = rawtap.said(user)
        found = wait_until(lambda: IN_ITS_WAY.search(dovecot.log()), "its log")
    wanted = found[1] or found[2]
    assert f"/u={user.name},n=some.body,h={user.home}," in wanted
    assert f",q=5,{user.uid},{user.home},," in wanted
    assert wanted.replace("/native/", "/rawtap/") in said


def test_mail_home(release, root, record):
    """Where userdb returns none, mail_home is expanded, before there is a home."""
    home = ("mail_home = {root}/home/%{user | domain}/%{user | username | upper}%{env:SITE}\n"
            "import_environment = SITE=north\n")
    with dovecot_of("logs/%{user | username}", config=home) as dovecot:
        user = dovecot.add_user("some.body@example.org", home=None)
        with record(dovecot, "-D", "--rawlog-dir", "logs/%{user | username}") as rawtap:
            talk(dovecot, user, "imap", "plain")
        said, = rawtap.said(user)
    assert f"{dovecot.root}/home/example.org/SOME.BODYnorth/logs/some.body" in said


def test_refused_at_the_start(release, root, run):
    """By the running Dovecot's release, or the installed one's."""
    with dovecot_of("logs") as dovecot:
        result = run("--base-dir", dovecot.base_dir, "--rawlog-dir", "/x/%{user | nope}")
        assert_one_line(result, 2, "No such function 'nope'", f"(Dovecot {release})")
    result = run("--rawlog-dir", "/x/%{time:hour}")
    assert_one_line(result, 2, "%{time:hour} is not known here", f"(Dovecot {release})")


# The manual's own lines, which are 2.3's.

WRONG = {"/tmp/rawlog/%u": "/tmp/rawlog/%{user}", "%h/rawlog": "%{home}/rawlog",
         "/x/%Ld/%{username}": "/x/%{user | domain | lower}/%{user | username}"}


@pytest.mark.parametrize("wrong", WRONG)
def test_the_manuals_variables(release, root, run, tmp_path, wrong):
    """2.4 takes %u as literal text, which nobody means."""
    right = f"{wrong}: its variables are Dovecot 2.3's; write {WRONG[wrong]}"
    path = tmp_path / "manual.conf"
    path.write_text(f"protocol imap {{\n  rawlog_dir = {wrong}\n}}\n")
    with dovecot_of("logs") as dovecot:
        result = run("--base-dir", dovecot.base_dir, "-c", path)
        assert_one_line(result, 1, f"-c {path}: {right} ", f"(Dovecot {release})")
        result = run("--base-dir", dovecot.base_dir, "--submission-relay-rawlog-dir", wrong)
        assert_one_line(result, 2, right, f"(Dovecot {release})")


def test_the_manuals_environment(release, root, run, tmp_path):
    path = tmp_path / "manual.conf"
    path.write_text("import_environment = $import_environment DEBUG=1\n")
    with dovecot_of("logs") as dovecot:
        result = run("--base-dir", dovecot.base_dir, "-c", path)
    assert_one_line(result, 1, f"{path} line 1", "use 'import_environment {'")
