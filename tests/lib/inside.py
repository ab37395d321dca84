# SPDX-License-Identifier: MIT
"""What the tests run on each kernel: python3 inside.py RESULTS PROGRAMS JOB...

Each job leaves RESULTS/JOB.json:

    check              what `rawtap check` says, and what rawtap if a backend is not there
    scenarios-BACKEND  SCENARIOS of tests/kernel, with the tracee (in PROGRAMS); `default`: as
                       rawtap chooses. RESULTS/wanted.json, if it is there, names those that
                       are wanted: {BACKEND: ["SCENARIO KIND", ...]}
    dovecot            sessions with a real Dovecot
    e2e                the tests E2E of tests/e2e
    functions          what a client's bytes pass: see functions.py
    gone               what the kernel holds while rawtap runs, and when it has ended
    cost               what verification costs
    start              what rawtap says when it starts and ends, with each backend that works

$RAWTAP is the rawtap to run; verifier_cost is beside it.
"""

import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as xml
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import functions
import rawlogs
from functions import KINDS
from guest import BACKENDS
from mailclient import connect
from private_dovecot import PrivateDovecot
from rawlogs import wait_until
from recorder import REPOSITORY, Rawtap, default_binary
from tracee import MARK, Notes, Place, with_marks

ONE_PIECE = ("read", "recvfrom")
PIECES = ("recvmsg", "readv", "preadv2")
# Those of tests/kernel that differ by hook and by system call; of each kind one, where kinds
# differ by neither. They run in turn: a guest computes slowly.
SCENARIOS = (
    *(f"sizes:{io}" for io in ONE_PIECE),
    *(f"iov:{io}" for io in PIECES),
    *(f"iov-short:{io}" for io in PIECES),
    "partial:read", "partial:recvmsg",
    "eagain", "peek", "empty", "fresh", "dup", "trunc", "mmsg",
    "sendfile", "splice-out", "splice-in",
    "one-after-another:20", "fork:both", "other-program",
)
# Of tests/e2e: what pytest calls them, or the beginning of that, up to a "::" or a "[".
E2E = ("test_home_rule.py::test_chroot_is_honoured",
       "test_prelogin_tls.py::test_version[imap-tls-1.3]",
       "test_prelogin_tls.py::test_version[pop3-starttls-1.2]")
FLAGS = ("-b",)
USERS = {"plain": ("imap", "plain"), "tls": ("imap", "tls"), "pop3": ("pop3", "plain"),
         "unrecorded": ("imap", "plain")}


# check

def run_rawtap(*arguments):
    run = subprocess.run([default_binary(), *arguments], capture_output=True, text=True,
                         stdin=subprocess.DEVNULL, timeout=60)
    return {"status": run.returncode, "stdout": run.stdout, "stderr": run.stderr}


def check():
    found = {"check": run_rawtap("check")}
    for backend in BACKENDS:
        if f"NO   backend {backend}:" in found["check"]["stdout"]:
            found[backend] = run_rawtap("--backend", backend)
    return found


# scenarios

def missing(data, moved, calls):
    """The ranges that a file tells as missing, [offset, size, reason]; the rest is there, a
    block for each call. Ranges that touch are one: kernels move pages by ones or by many."""
    marks = [(int(size), int(offset), text.decode()) for size, offset, text in MARK.findall(data)]
    rawlogs.assert_same(data, with_marks(moved, calls, marks, "-b" in FLAGS), "a file")
    ranges = []
    for size, offset, text in marks:
        if ranges and ranges[-1][0] + ranges[-1][1] == offset and ranges[-1][2] == text:
            ranges[-1][1] += size
        else:
            ranges.append([offset, size, text])
    return ranges


def outcome(place):
    """`complete`, what is missing in each direction, or in what it is wrong."""
    notes = [Notes.read(path.with_suffix("")) for path in sorted(place.expect.glob("*.in"))]
    files = [(pair.read("in"), pair.read("out")) for pair in place.pairs()]
    if notes and Counter(files) == Counter(note.expected(FLAGS) for note in notes):
        return "complete"
    if (len(files), len(notes)) != (1, 1):
        return f"{len(notes)} sessions, {len(files)} in the files, and not the same"
    (data_in, data_out), (note,) = files[0], notes
    try:
        return {"in": missing(data_in, note.bytes_in, note.sizes_in),
                "out": missing(data_out, note.bytes_out, note.sizes_out)}
    except AssertionError as error:
        return str(error)


def scenario_names(results, backend):
    wanted = results / "wanted.json"
    if wanted.exists():
        return json.loads(wanted.read_text())[backend]
    return [f"{scenario} {kind}" for scenario, kind in itertools.product(SCENARIOS, KINDS)]


def scenarios(programs, backend, names):
    """One recorder for all scenarios, each in a home of its own: rawtap takes long to start."""
    options = [] if backend == "default" else ["--backend", backend]
    with ExitStack() as stack:
        def new_place():
            return stack.enter_context(Place(programs, default_binary()))
        shared = new_place()
        places = {}
        shared.rawtap(*FLAGS, "--ring-size", "256M", *options)
        for name in names:
            scenario, kind = name.split()
            place = places[name] = new_place()
            place.base_dir, place.recorder = shared.base_dir, shared.recorder
            place.tracee(scenario, kind=kind).finish()
        status, stderr = shared.recorder.stop(signal.SIGTERM)
        return {"status": status, "stderr": stderr,
                "outcomes": {name: outcome(place) for name, place in places.items()}}


# dovecot

def talk(dovecot, rawtap, user, protocol, transport):
    client = connect(dovecot, protocol, transport, user)
    client.login()
    if user.name == "unrecorded":
        wait_until(lambda: "dovecot.rawlog doesn't exist" in rawtap.stderr, "the verdict")
    for _ in range(10):
        client.command("NOOP")
    client.logout()
    return [client.session_in.decode(), client.session_out.decode()]


def recorded(user):
    pairs = rawlogs.find_pairs(user.rawlog_dir) if user.rawlog_dir.exists() else []
    return [[pair.read(direction).decode() for direction in ("in", "out")] for pair in pairs]


def dovecot():
    with PrivateDovecot() as server, Rawtap("-D", "--base-dir", server.base_dir) as rawtap:
        users = [server.add_user(name) for name in USERS]
        for user in users[:-1]:
            server.make_rawlog_dir(user)
        said = {user.name: talk(server, rawtap, user, *USERS[user.name]) for user in users}
        server.wait_sessions_over()
        status, stderr = rawtap.stop(signal.SIGTERM)
        return {"status": status, "stderr": stderr, "said": said,
                "recorded": {user.name: recorded(user) for user in users}}


# e2e

def e2e():
    """{test: [outcome, why]}, and what pytest said."""
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory, "report.xml")
        run = subprocess.run(
            [sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider",
             f"--junitxml={report}", *(f"tests/e2e/{test}" for test in E2E)],
            cwd=REPOSITORY, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True)
        cases = xml.parse(report).iter("testcase")
        return {"stdout": run.stdout, "tests": {
            f"{case.get('classname').rpartition('.')[2]}.py::{case.get('name')}": next(
                ([child.tag, child.get("message")] for child in case
                 if child.tag in ("failure", "error", "skipped")), ["passed", ""])
            for case in cases}}


# gone

def objects():
    """All that the kernel holds: nobody but rawtap uses BPF in a guest."""
    return {kind: json.loads(subprocess.run(
        ["/usr/sbin/bpftool", "-j", kind, "show"], check=True, capture_output=True).stdout)
        for kind in ("prog", "map", "link")}


def objects_after(number):
    with Rawtap("--ring-size", "1M") as rawtap:
        running = objects()
        rawtap.process.send_signal(number)
        rawtap.wait()
    try:
        wait_until(lambda: not any(objects().values()), "the kernel to free them", 10)
    except TimeoutError:
        pass
    return {"running": running, "ended": objects()}


def gone():
    return {name: objects_after(getattr(signal, name)) for name in ("SIGTERM", "SIGKILL")}


# cost

def cost():
    lines = subprocess.run([default_binary().with_name("verifier_cost")], check=True,
                           capture_output=True, text=True).stdout.splitlines()
    return {"release": os.uname().release, "costs": [line.split() for line in lines]}


# start

def start():
    works = check()["check"]["stdout"]
    said = {}
    for backend in BACKENDS:
        if f"ok   backend {backend}" in works:
            with tempfile.TemporaryDirectory() as base_dir, Rawtap(
                    "--base-dir", base_dir, "--backend", backend) as rawtap:
                said[backend] = rawtap.stop(signal.SIGTERM)
    return said


# functions

def trace():
    with tempfile.TemporaryDirectory() as directory:
        return functions.trace(Path(directory, "file"))


JOBS = {"check": check, "cost": cost, "dovecot": dovecot, "e2e": e2e, "functions": trace,
        "gone": gone, "scenarios": scenarios, "start": start}


def main():
    results, programs, *names = sys.argv[1:]
    for name in names:
        job, *backend = name.split("-")
        start = time.monotonic()
        result = JOBS[job](*(
            [Path(programs), *backend, scenario_names(Path(results), *backend)] if backend else []))
        Path(results, f"{name}.json").write_text(json.dumps(result, indent=1))
        print(f"{name}: {time.monotonic() - start:.1f} s", flush=True)


if __name__ == "__main__":
    main()
