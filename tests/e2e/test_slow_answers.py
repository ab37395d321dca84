# SPDX-License-Identifier: MIT
"""A Dovecot begins, and who it is becomes known late: rawtap runs doveconf, which hangs. Meanwhile
others are recorded as ever, and nothing of its own is lost."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

import dialect
from dirstage import contents, make_dir
from house import family, is_running
from private_dovecot import PrivateDovecot
from rawlogs import wait_until
from streamabi import NUMBERS
from taps import log_in, recorded, recorded_user, say, talk, transcripts, wait_recorded

pytestmark = pytest.mark.alone      # rawtap looks at all of the host

MASK = "*@slow.example"
PIECE, LARGE = 100_000, 10_000_000
SLOW, NEVER = 8, 600                # seconds
DEADLINE = 10                       # run_program.h
ASKED = 30                          # master_questions.h
DAC_READ_SEARCH = 1 << 2
# The first one waits, with its output open or closed; a child of its has the pipe, too.
HANGS = {
    "slow": f"sleep {SLOW}",
    "silent": f"exec >&- 2>&-; sleep {NEVER}",
    "forked": f"sleep {NEVER} & wait",
}


class Doveconf:
    """The first in $PATH."""

    def __init__(self, path):
        self.path = path
        self.hang, self.ran = path / "hang", path / "ran"
        program = path / "bin" / "doveconf"
        program.parent.mkdir()
        program.write_text(f"""\
#!/bin/sh
grep -E '^(Cap|NoNewPrivs|Sig[BI])' /proc/self/status >{path}/may.$$
ls -l /proc/$$/fd >>{path}/may.$$
if [ -e {self.hang} ]; then
  . {self.hang}
fi
exec {shutil.which("doveconf")} "$@"
""")
        program.chmod(0o755)
        self.env = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"}

    def be_slow(self, how, dovecot):
        """When it is run next for this Dovecot."""
        self.hang.write_text(f"""\
case "$*" in *{dovecot.root}/*)
  rm {self.hang}
  echo $$ >{self.ran}
  {how}
esac
""")

    def wait_hanging(self):
        """Its pid; it leads a process group."""
        return int(wait_until(lambda: self.ran.exists() and self.ran.read_text().strip(),
                              "rawtap to run doveconf"))


def group(leader):
    """The processes of a group that live."""
    stats = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            stats.append(path.read_text(errors="replace").rpartition(") ")[2].split())
        except (FileNotFoundError, ProcessLookupError):
            continue
    return [stat for stat in stats if int(stat[2]) == leader and stat[0] not in "ZX"]


@pytest.fixture
def doveconf(tmp_path):
    return Doveconf(tmp_path)


@pytest.fixture
def tap(start_tap, doveconf):
    """A rule with a variable has it ask for settings; there is no such directory."""
    return partial(start_tap, "-D", "-u", MASK, "--rawlog", "--rawlog-dir", "/missing/%u",
                   "--ring-size", "16M", env=doveconf.env)


def user_of(dovecot, name):
    user = recorded_user(dovecot, f"{name}{MASK[1:]}")
    dovecot.seed(user, PIECE)
    return user


def test_a_login_meanwhile(start_tap, doveconf):
    """By the time that rawtap decides about a login process's client, a mail process has it."""
    with PrivateDovecot() as second:
        second.make_login_dir()
        user = recorded_user(second, "meanwhile")
        rawtap = start_tap("-D", "--base-dir", second.base_dir, "--rawlog", "-R", "rawlogs",
                           env=doveconf.env)
        doveconf.be_slow("sleep 1", second)
        second.restart()
        client = log_in(second, user)
        say(client, "held")
        doveconf.wait_hanging()
        answer = f"rawtap: debug: master process {second.pid}: "
        assert answer not in rawtap.stderr
        while answer not in rawtap.stderr:
            say(client, "meanwhile")
        for word in ("after", "that"):
            say(client, word)
        client.logout()
        second.wait_sessions_over()
        status, stderr = rawtap.stop()
        assert recorded(user) == transcripts(client)
        assert status == 0, stderr


@pytest.mark.parametrize("how", HANGS)
def test_others_do_not_wait(dovecot, tap, doveconf, how):
    user = user_of(dovecot, f"known-{how}")
    rawtap = tap()
    known = log_in(dovecot, user)
    known.command("SELECT INBOX")
    wait_recorded(known)
    second = PrivateDovecot()
    doveconf.be_slow(HANGS[how], second)
    with second:
        late = user_of(second, "late")
        client = talk(second, late, transport="tls", word="held")
        pid = doveconf.wait_hanging()
        open_one = log_in(second, late)
        for _ in range(2 * LARGE // PIECE):    # more than the ring takes
            known.command("FETCH 1 BODY[]")
        wait_recorded(known)
        for i in range(5):              # at once, each
            say(known, f"word{i}")
            begin = time.monotonic()
            wait_recorded(known)
            assert time.monotonic() - begin < SLOW / 5
        assert group(pid), "the test was too slow"
        assert recorded(late) == []
        # more than one session may hold
        second.seed(late, LARGE)
        open_one.command("SELECT INBOX")
        open_one.command("FETCH 2 BODY[]")
        wait_until(lambda: not group(pid) or how == "slow", "doveconf to be killed",
                   2 * DEADLINE)
        wait_recorded(client, open_one)
        say(open_one, "after")
        open_one.logout()
        known.logout()
        second.wait_sessions_over()
        dovecot.wait_sessions_over()
        assert rawtap.stop()[0] == 0, rawtap.stderr
        assert recorded(late) == transcripts(client, open_one)
        assert recorded(user) == transcripts(known)
    assert rawtap.count("bytes lost") == 0
    assert rawtap.count("sessions recorded") == 3


def test_the_configuration_hangs(dovecot, tap, hangfs):
    """A file system does, so that nobody can kill who looks: it costs the settings, nothing else, and
    what is left of it is gone when the file system answers."""
    user = user_of(dovecot, "known-conf")
    rawtap = tap()
    second = PrivateDovecot()
    with second:
        directory = hangfs.make_dir("root", 0, 0)
        link = second.base_dir / "dovecot.conf"
        link.unlink()
        link.symlink_to(directory / "dovecot.conf")
        hangfs.hang("lookup", directory)
        late = user_of(second, "conf")
        client = talk(second, late, word="held")
        hangfs.wait_hanging()
        asking = [pid for pid in family(rawtap.pid)[1:] if pid != rawtap.writer_pid]
        assert len(asking) == 1
        known = talk(dovecot, user)
        wait_recorded(known)
        assert recorded(late) == []
        wait_until(lambda: recorded(late) == transcripts(client), "an answer", 2 * ASKED)
        dovecot.wait_sessions_over()
        second.wait_sessions_over()
        assert rawtap.stop()[0] == 0, rawtap.stderr
        assert is_running(asking[0])
        hangfs.release()
        wait_until(lambda: not is_running(asking[0]), "what was left behind to end")
    assert recorded(user) == transcripts(known)


def test_end_before_the_answer(dovecot, tap, doveconf):
    """rawtap does not wait; what it does not record is told; doveconf is killed."""
    rawtap = tap()
    second = PrivateDovecot()
    doveconf.be_slow(HANGS["forked"], second)
    with second:
        late = user_of(second, "late")
        talk(second, late)
        pid = doveconf.wait_hanging()
        begin = time.monotonic()
        status, said = rawtap.stop(signal.SIGTERM)
        assert time.monotonic() - begin < SLOW
        assert status == 3
        assert "its master process was still being examined (which: see the warnings)" in said
        assert recorded(late) == []
        wait_until(lambda: not group(pid), "doveconf to be killed")


def test_the_start_waits(dovecot, start_tap, tap, doveconf):
    """Who ran before is known when rawtap says that it records. A signal ends it even so."""
    user = user_of(dovecot, "started")
    doveconf.be_slow("sleep 1", dovecot)
    rawtap = tap()
    assert doveconf.ran.exists()
    client = talk(dovecot, user)
    dovecot.wait_sessions_over()
    said = rawtap.stop()[1]
    assert recorded(user) == transcripts(client)
    assert said.index(f"process {dovecot.pid}: Dovecot ") < said.index("rawtap: recording")


def test_what_the_program_may(tap, doveconf, dovecot):
    """It has one capability, to read the configuration, and no descriptor or blocked signal of
    rawtap's."""
    tap().stop()
    runs = list(doveconf.path.glob("may.*"))    # one for each setting, of each of the host's Dovecots
    assert runs
    for may in map(Path.read_text, runs):
        values = dict(re.findall(r"^(\w+):\s*(\w+)$", may, re.MULTILINE))
        assert int(values["CapEff"], 16) == int(values["CapPrm"], 16) == DAC_READ_SEARCH
        assert int(values["CapInh"], 16) == int(values["CapAmb"], 16) == 0
        assert int(values["SigBlk"], 16) == 0
        assert values["NoNewPrivs"] == "1"
        assert not re.search("anon_inode|socket", may)
        assert len(set(re.findall(r"pipe:\S+", may))) == 2     # its output, and its errors


def test_it_has_ended_before(start_tap, dovecot):
    """A Dovecot that nobody could look at: that its sessions are not recorded is told. Another one
    that begins meanwhile, and stays, is recorded."""
    second = PrivateDovecot()
    user = recorded_user(dovecot, "restarted")
    rawtap = start_tap("-D", "--rawlog")
    rawtap.process.send_signal(signal.SIGSTOP)
    with second:
        talk(second, recorded_user(second, "short"))
        second.wait_sessions_over()
    dovecot.restart()
    client = talk(dovecot, user)
    rawtap.process.send_signal(signal.SIGCONT)
    wait_recorded(client)
    dovecot.wait_sessions_over()
    status, said = rawtap.stop()
    assert status == 3
    assert re.search(r" [1-9]\d* its master process could not be examined \(which: see", said)


def test_a_setting_that_stands_for_another(start_tap):
    """doveconf prints what it is called."""
    second = PrivateDovecot()
    second.config = f"mail_home = {'$SET:' if dialect.is_new() else '$'}base_dir\n"
    with second:
        rawtap = start_tap("-D", "--base-dir", second.base_dir, "--rawlog-dir", "logs")
        user = second.add_user("nowhere", home=None)
        talk(second, user)
        second.wait_sessions_over()
        status, said = rawtap.stop()
        assert rawtap.said(user)[-1:] == [
            "not recorded: its Dovecot's settings could not be read"]
        assert re.search(rf"process {second.pid}: settings .* could not be read: mail_home", said)
        assert status == 3


@pytest.mark.parametrize("how", ["silent", "exit 1"])
def test_settings_that_nobody_tells(start_tap, doveconf, how):
    """Where logs go depends on them: for a user to whom userdb gives no home on mail_home."""
    second = PrivateDovecot()
    second.config = f"mail_home = {second.root}/homes/%n\n"
    with second:
        rawtap = start_tap("-D", "--base-dir", second.base_dir, "--rawlog-dir", "logs",
                           env=doveconf.env)
        user, other = second.add_user("other"), second.add_user("nowhere", home=None)
        make_dir(user.home / "logs", user)
        make_dir(second.root / "homes" / "nowhere" / "logs", other)
        doveconf.be_slow(HANGS.get(how, how), second)
        second.restart()
        for each in user, other:
            talk(second, each)
        second.wait_sessions_over()
        wait_until(lambda: f"process {second.pid}: " in rawtap.stderr, "an answer", 2 * DEADLINE)
        status, said = rawtap.stop()
        assert len(contents(user.home / "logs")) == 1
        assert rawtap.said(other)[-1:] == [
            "not recorded: its Dovecot's settings could not be read"]
        assert re.search(rf"process {second.pid}: settings .* could not be read: mail_home", said)
        assert status == 3


@pytest.mark.parametrize("wanted", [True, False])
def test_it_has_ended_before_and_one_is_wanted(start_tap, dovecot, wanted):
    """Was it that one? Its sockets' names tell: whether that one runs does not matter."""
    second = PrivateDovecot()
    with second:
        rawtap = start_tap("-D", "--base-dir", (second if wanted else dovecot).base_dir, "--rawlog")
        rawtap.process.send_signal(signal.SIGSTOP)
        second.restart()
        talk(second, recorded_user(second, "short"))
        second.wait_sessions_over()
    rawtap.process.send_signal(signal.SIGCONT)
    wait_until(lambda: "is not recorded: it has ended" in rawtap.stderr, "an answer", DEADLINE)
    status, said = rawtap.stop()
    assert ("could not be examined (which" in said) == wanted, said
    assert status == (3 if wanted else 0)


def names_tell(binary, base_dir, *named):
    """What rawtap, asked as by itself, says of a master that has ended: enum rl_master_status."""
    said = subprocess.run([binary, "ask-master", "1", "1", "0", base_dir, *map(str, named)],
                          check=True, stdout=subprocess.PIPE).stdout
    return int.from_bytes(said[:4], sys.byteorder)


def test_names_tell_whose_it_was(root, binary, tmp_path):
    """Also by links, and when the directory is not there any more."""
    wanted, other = tmp_path / "wanted", tmp_path / "other"
    for path in wanted, other:
        path.mkdir()
    (tmp_path / "link").symlink_to(".")
    (tmp_path / "straight").symlink_to(wanted)
    tell = partial(names_tell, binary, wanted)
    gone, missed = NUMBERS["RL_MASTER_GONE"], NUMBERS["RL_MASTER_MISSED"]
    linked = wanted, tmp_path / "straight", tmp_path / "link/wanted", f"{tmp_path}/link//wanted"
    assert [tell(name) for name in linked] == [missed] * 4
    assert tell(other, wanted) == missed
    assert [tell(name) for name in (other, wanted / "below", tmp_path, "/nowhere")] == [gone] * 4
    wanted.rmdir()
    assert [tell(name) for name in (wanted, *linked)] == [missed] * 5
    assert tell(other) == gone


def test_another_one_has_its_id(root, binary):
    """Whatever that is: nothing is known of the one that was asked about."""
    with subprocess.Popen(["sleep", "infinity"], user="nobody") as another:
        said = [subprocess.run([binary, "ask-master", str(another.pid), "0", "0", *base_dir],
                               check=True, stdout=subprocess.PIPE).stdout[:4]
                for base_dir in ([], ["/run/dovecot"])]
        another.kill()
    assert [int.from_bytes(each, sys.byteorder) for each in said] == [
        NUMBERS["RL_MASTER_MISSED"], NUMBERS["RL_MASTER_WHOSE"]]
