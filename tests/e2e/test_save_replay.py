# SPDX-License-Identifier: MIT
"""--save FILE, and replay of it: without root, elsewhere, later, the same files."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

import rawlogs
from mailclient import MailClient
from private_dovecot import PrivateDovecot
from taps import Tap, assert_one_line, log_in, recorded_user, say, talk

NOBODY = 65534


@dataclass
class Saved:
    """A mixed run: what was saved, what was written, what was said."""
    stream: bytes
    homes: Path
    written: dict
    clients: list[MailClient]
    status: int
    stderr: str


def tree(root):
    """{path: content} of all files."""
    return {str(path.relative_to(root)): path.read_bytes()
            for path in root.rglob("*") if path.is_file()}


def mixed_run(dovecot):
    """Two who are recorded and two who are not, over every protocol and transport."""
    users = [recorded_user(dovecot, "alice@example.org"), recorded_user(dovecot, "bob"),
             dovecot.add_user("nodir"), dovecot.add_user("nohome", home=None)]
    for user in users[:2]:
        dovecot.seed(user, 300_000)
    clients = [talk(dovecot, user, protocol, transport, word=f"x{i}")
               for i, user in enumerate(users) for protocol in ("imap", "pop3")
               for transport in ("plain", "starttls", "tls")]
    for user in users[:2]:
        client = log_in(dovecot, user, pipelined=b"p1 NOOP\r\np2 SELECT INBOX\r\n")
        client.read_reply(b"p2")
        client.command("FETCH 1 BODY[]")
        client.logout()
        clients.append(client)
    together = [log_in(dovecot, user, transport="tls") for user in users]
    for client in together + together[::-1]:
        say(client, "together")
    for client in together:
        client.logout()
    return [client for client in clients + together if client.user in users[:2]]


@pytest.fixture(scope="module")
def saved(request, rawtap_binary, tmp_path_factory):
    flags = getattr(request, "param", "")
    path = tmp_path_factory.mktemp("saved") / "stream"
    with PrivateDovecot() as dovecot:
        with Tap("--base-dir", dovecot.base_dir, "--save", path, *flags.split(),
                 binary=rawtap_binary) as rawtap:
            clients = mixed_run(dovecot)
            dovecot.wait_sessions_over()
            status, stderr = rawtap.stop()
        assert path.stat().st_mode & 0o777 == 0o600
        homes = dovecot.root.relative_to("/")
        written = {str(homes / "home" / name): content
                   for name, content in tree(dovecot.root / "home").items()}
        yield Saved(path.read_bytes(), homes, written, clients, status, stderr)


@pytest.fixture
def stream(saved, shared_path):
    path = shared_path / "stream"
    path.write_bytes(saved.stream)
    path.chmod(0o444)
    return path


@pytest.fixture
def root_dir(shared_path):
    path = shared_path / "root"
    path.mkdir()
    os.chown(path, NOBODY, NOBODY)
    return path


@pytest.fixture
def replay(for_nobody, run, stream, root_dir):
    def replaying(*options, file=None, user="nobody"):
        return run("replay", file or stream, "--root", root_dir, *options, user=user,
                   executable=for_nobody)
    return replaying


def summary(stderr):
    """What is counted of sessions; the kernel's part is of the recording."""
    return [line for line in stderr.splitlines() if "sessions recorded" in line or "not rec" in line
            or "bytes lost" in line]


# The same again

every_recording = pytest.mark.parametrize("saved", ["", "-t -I", "-b -f out"], indirect=True)


@every_recording
def test_the_recording_itself(saved):
    assert saved.status == 0
    assert len(saved.written) in (len(saved.clients), 2 * len(saved.clients))


@every_recording
def test_the_same_files(saved, replay, root_dir):
    result = replay()
    assert result.returncode == 0, result.stderr
    assert tree(root_dir) == saved.written
    assert summary(result.stderr) == summary(saved.stderr)


def test_a_second_time_elsewhere(saved, replay, root_dir, run):
    replay()
    shutil.rmtree(root_dir / saved.homes.parts[0])
    assert replay("-D").returncode == 0
    assert tree(root_dir) == saved.written


def test_files_are_private(replay, root_dir):
    replay()
    for path in root_dir.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0
        assert path.stat().st_uid == NOBODY


def test_below_the_working_directory(saved, binary, stream, tmp_path):
    import subprocess
    (tmp_path / "here").mkdir()
    subprocess.run([binary, "replay", stream], cwd=tmp_path / "here", check=True,
                   capture_output=True)
    assert tree(tmp_path / "here") == saved.written


# Other rules

def pairs(saved, root_dir, name):
    return rawlogs.find_pairs(root_dir / saved.homes / "home" / name / "dovecot.rawlog")


@pytest.mark.parametrize("flags", ["-t", "-b", "-b -t -I", "-f in", "-f out", "-i"])
def test_other_flags(saved, replay, root_dir, flags):
    assert replay(*flags.split()).returncode == 0
    for name in ("alice@example.org", "bob"):
        found = pairs(saved, root_dir, name)
        clients = [client for client in saved.clients if client.user.name == name]
        for direction, expected in (("in", [client.session_in for client in clients]),
                                    ("out", [client.session_out for client in clients])):
            contents = [rawlogs.plain(pair.read(direction), flags) for pair in found
                        if direction in pair.files]
            wanted = not {"in": {"-f out"}, "out": {"-f in", "-i"}}[direction] & {flags}
            assert sorted(contents) == (sorted(expected) if wanted else [])
        assert {pair.ip for pair in found} == {"127.0.0.1" if "-I" in flags else None}


def test_other_users(saved, replay, root_dir):
    assert replay("-u", "a*").returncode == 0
    assert tree(root_dir) == {name: content for name, content in saved.written.items()
                              if "/alice@example.org/" in name}


# Refusals and damage

def errors(result):
    return [line for line in result.stderr.splitlines() if line.startswith("rawtap: error: ")]


def assert_error(result, *words):
    line, = errors(result)
    assert result.returncode == 1
    for word in words:
        assert str(word) in line


@pytest.mark.parametrize("part", [0.3, 0.9, 0.999])
def test_cut_off(saved, replay, root_dir, shared_path, part):
    """Replayed as far as it goes: each file is the beginning of what it was."""
    cut = shared_path / "cut"
    cut.write_bytes(saved.stream[:int(len(saved.stream) * part) | 1])
    assert_error(replay(file=cut), cut, "cut off")
    replayed = tree(root_dir)
    assert replayed and replayed.keys() <= saved.written.keys()
    for name, content in replayed.items():
        text = rawlogs.GOES_ON.sub(b"", content)    # in a line of its own
        assert saved.written[name].startswith((text, text.removesuffix(b"\n")))


def test_damaged(saved, replay, root_dir, shared_path):
    """A record of an impossible size in the middle."""
    broken = shared_path / "broken"
    end = 16
    while end < len(saved.stream) // 2:
        end += (int.from_bytes(saved.stream[end:end + 4], "little") + 7) // 8 * 8
    broken.write_bytes(saved.stream[:end] + b"\xff" * 64 + saved.stream[end:])
    assert_error(replay(file=broken), broken, "is not valid")
    assert tree(root_dir).keys() <= saved.written.keys()


@pytest.mark.parametrize("content, words", [
    (b"", "not a saved stream"), (b"x", "not a saved stream"),
    (b"#!/bin/sh\nexit 0\n" * 100, "not a saved stream")], ids=["empty", "short", "other"])
def test_not_a_stream(replay, root_dir, shared_path, content, words):
    other = shared_path / "other"
    other.write_bytes(content)
    assert_one_line(replay(file=other), 1, other, words)
    assert tree(root_dir) == {}


def test_another_version(saved, replay, shared_path):
    other = shared_path / "other"
    other.write_bytes(saved.stream[:8] + b"\xee" + saved.stream[9:])
    assert_one_line(replay(file=other), 1, other, "another version")


def test_the_header_alone(saved, replay, shared_path):
    other = shared_path / "other"
    other.write_bytes(saved.stream[:16])
    assert_one_line(replay(file=other), 1, other, "does not begin with the rules")


def test_unreadable(replay, stream):
    stream.chmod(0)
    assert_one_line(replay(), 1, stream, "Permission denied")


def test_missing(replay, shared_path):
    assert_one_line(replay(file=shared_path / "missing"), 1, "missing", "No such file")


def test_a_directory(replay, shared_path):
    assert_one_line(replay(file=shared_path), 1, shared_path)


def test_missing_root(replay, shared_path):
    assert_one_line(replay("--root", shared_path / "missing"), 1, "--root", shared_path / "missing",
                    "No such file")


def test_root_that_is_not_writable(replay, root_dir):
    root_dir.chmod(0o555)
    result = replay()
    assert result.returncode != 0
    assert "Permission denied" in result.stderr
    assert tree(root_dir) == {}


def test_files_that_exist_already(saved, replay, root_dir):
    """Nothing is overwritten or added to, and it is said."""
    assert replay().returncode == 0
    result = replay()
    assert result.returncode != 0
    assert "File exists" in result.stderr
    assert tree(root_dir) == saved.written


def test_links_in_the_tree_are_not_followed(saved, replay, root_dir, shared_path):
    (shared_path / "outside").mkdir()
    os.chown(shared_path / "outside", NOBODY, NOBODY)
    (root_dir / saved.homes.parts[0]).symlink_to(shared_path / "outside")
    assert replay().returncode != 0
    assert tree(shared_path / "outside") == {}


def test_save_does_not_overwrite(run, rawtap_binary, tmp_path):
    path = tmp_path / "existing"
    path.write_text("mine")
    assert_one_line(run("--save", path), 1, path, "File exists")
    assert path.read_text() == "mine"


def test_save_does_not_follow_a_link(run, rawtap_binary, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "target")
    assert_one_line(run("--save", tmp_path / "link"), 1, "File exists")
    assert not (tmp_path / "target").exists()


def test_save_into_a_missing_directory(run, rawtap_binary, tmp_path):
    assert_one_line(run("--save", tmp_path / "missing" / "file"), 1, "No such file")
