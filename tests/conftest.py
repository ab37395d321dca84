# SPDX-License-Identifier: MIT
"""The fixtures that more than one file asks for, and the options. See README.md."""

import json
import os
import shutil
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path

import pytest

import cost
import dialect
import differences
import recorder
from guest import PACKAGES, VM, Guest, Results, wanted_scenarios
from hangfs import HangFs
from hangfs import build as build_hangfs
from private_dovecot import PrivateDovecot
from replaycase import copy_for_nobody
from taps import Tap
from thinning import thin
from tracee import VICTIM, Place, build_programs, own, temporary_directory
from turns import turn

TESTS = Path(__file__).resolve().parent
INSIDE = TESTS / "lib" / "inside.py"
GUEST_LIMIT = 900               # seconds, on a busy machine
VM_TIMEOUT = 2400               # with what is fetched first, and another guest before it
LEFT_OUT = pytest.StashKey()


def pytest_addoption(parser):
    parser.addoption("--rawtap", metavar="PATH", default=recorder.default_binary(),
                     help="the rawtap to test (default: $RAWTAP, or .output/rawtap)")
    parser.addoption("--rawtap-sanitized", metavar="PATH",
                     help="the one for tests/replay (default: --rawtap)")
    parser.addoption("--crowd", metavar="LONG,RATE,SECONDS",
                     help="tests/e2e/test_crowd.py with so many sessions (default: a few)")
    parser.addoption("--leaks", metavar="PROCESSES,CONNECTIONS",
                     help="tests/e2e/test_leaks.py with so many (default: a few)")
    parser.addoption("--soak", metavar="SECONDS", type=int,
                     help="tests/e2e/test_soak.py for so long (default: a minute)")
    parser.addoption("--seed", metavar="NUMBER", type=int,
                     help="tests/e2e/test_soak.py as it was with this one (default: another each time)")
    parser.addoption("--thin", metavar="K", type=int, default=1,
                     help="one in K cases of the large matrices (lib/thinning.py)")


def pytest_configure():
    """Tests do not depend on how they were started."""
    os.umask(0o022)     # other users read and run what tests make
    # A shell's background job has these ignored, and so would have all that tests start.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)


# Side by side (pytest -n): see README.md

def needs_vm(item):
    return item.path.parent == TESTS / "vm"


def pytest_collection_modifyitems(config, items):
    for item in filter(needs_vm, items):
        item.add_marker(pytest.mark.timeout(VM_TIMEOUT))
    for item in filter(needs_dovecot, items):
        mark_difference(item)
    items[:], left_out = thin(items, config.getoption("--thin"))
    config.stash[LEFT_OUT] = len(left_out)
    for item in items if left_out else ():      # --junitxml says so, too: of each, as workers can
        item.user_properties.append(("thin", config.getoption("--thin")))


# Differences between releases of Dovecot, fewer cases

def needs_dovecot(item):
    return item.path.parent == TESTS / "e2e"


def mark_difference(item):
    if row := differences.of(item.nodeid.removeprefix("tests/")):
        if row.fails:
            item.add_marker(pytest.mark.xfail(reason=row.reason, strict=True))
        else:
            item.add_marker(pytest.mark.skip(reason=row.reason))


def pytest_sessionfinish(session):
    """A worker (pytest -n) tells it to the one who prints."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left out"] = session.config.stash.get(LEFT_OUT, 0)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    node.config.stash[LEFT_OUT] = getattr(node, "workeroutput", {}).get("left out", 0)


def pytest_terminal_summary(terminalreporter, config):
    if left_out := config.stash.get(LEFT_OUT, 0):
        terminalreporter.write_line(
            f"--thin {config.getoption('--thin')}: {left_out} cases of large matrices left out")


@pytest.hookimpl(hookwrapper=True, tryfirst=True)   # before pytest-timeout's clock starts
def pytest_runtest_protocol(item):
    """A test that is marked `alone` waits until no other test uses this host."""
    alone = item.get_closest_marker("alone") is not None
    with nullcontext() if needs_vm(item) else turn(alone=alone):
        yield


# rawtap

@pytest.fixture(scope="session")
def root():
    if os.geteuid() != 0:
        pytest.skip("needs root")


def built(path):
    if not Path(path).exists():
        pytest.fail(f"there is no {path}: build it first")
    return Path(path).resolve()


@pytest.fixture(scope="session")
def mounts(root):
    """This root can have mounts and namespaces of its own: in some containers it can't."""
    tried = subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"],
                           capture_output=True, text=True)
    if tried.returncode:
        pytest.skip(f"cannot mount here: {tried.stderr.strip()}")


@pytest.fixture
def shared_path():
    """As pytest's tmp_path, but every user can enter it."""
    path = temporary_directory()
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="session")
def binary(pytestconfig):
    """rawtap, on whatever host."""
    return built(pytestconfig.getoption("--rawtap"))


@pytest.fixture(scope="session")
def sanitized(pytestconfig):
    """rawtap for what no kernel is needed for, with sanitizers if it was built so."""
    return built(pytestconfig.getoption("--rawtap-sanitized") or
                 pytestconfig.getoption("--rawtap"))


@pytest.fixture(scope="session")
def for_nobody(binary):
    """A copy that the user nobody can run."""
    return copy_for_nobody(binary)


@pytest.fixture(scope="session")
def rawtap_binary(binary, root):
    """rawtap, on a host where it can attach."""
    # Only what the machine lacks is a reason to skip; anything else must fail.
    if missing := recorder.lacks(binary):
        pytest.skip(f"rawtap cannot attach here: {missing}")
    return binary


@pytest.fixture
def run(binary):
    """run(*arguments): a rawtap that is to end by itself."""
    def running(*arguments, **options):
        return subprocess.run([binary, *map(str, arguments)], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=60, **options)
    return running


@pytest.fixture
def file(tmp_path):
    """file(text): a file with this text, in 2.3's language, for -c FILE."""
    def write(text):
        path = tmp_path / "rawlog.conf"
        path.write_text(dialect.translate(text))
        return path
    return write


@pytest.fixture
def record(rawtap_binary):
    """record(dovecot, *options): a rawtap around a block, on this Dovecot alone."""
    @contextmanager
    def recording(dovecot, *options):
        with Tap("--base-dir", dovecot.base_dir, *options, binary=rawtap_binary) as rawtap:
            yield rawtap
            dovecot.wait_sessions_over()
            rawtap.stop()
    return recording


@pytest.fixture
def start_tap(rawtap_binary):
    """start_tap(*options): a rawtap that is left running until the test ends."""
    taps = []

    def start(*options, **more):
        taps.append(Tap(*options, binary=rawtap_binary, **more))
        return taps[-1]

    yield start
    for tap in taps:
        tap.kill()
        print(tap.stderr)       # seen when the test fails


# Dovecot

@pytest.fixture(scope="module")
def dovecot(root):
    """A Dovecot for all tests of the module."""
    with PrivateDovecot() as dovecot:
        yield dovecot


@pytest.fixture(scope="session")
def wanted_cases():
    """wanted_cases(request): the cases that the selected tests of this module will ask
    this very stage for, so that -k plays no more sessions than it needs."""
    return _wanted_cases


def _wanted_cases(request):
    cases = {}
    for item in request.session.items:
        params = item.callspec.params if hasattr(item, "callspec") else {}
        if item.module is request.module and params.get("stage") == request.param \
                and not item.get_closest_marker("skip"):
            cases[params.get("case")] = None
    cases.pop(None, None)
    return list(cases)


# A file system that hangs on demand

@pytest.fixture(scope="session")
def new_hangfs(mounts, tmp_path_factory):
    """new_hangfs(): one for a block, of its own."""
    return partial(HangFs, build_hangfs(tmp_path_factory.mktemp("hangfs")))


@pytest.fixture
def hangfs(new_hangfs):
    with new_hangfs() as hangfs:
        yield hangfs


# The tracee, which plays Dovecot

@pytest.fixture(scope="session")
def programs(root):
    """The directory with the tracee's two programs."""
    with build_programs() as directory:
        yield directory


@pytest.fixture
def place(rawtap_binary, programs):
    with Place(programs, rawtap_binary) as place:
        yield place


@pytest.fixture
def victim(place):
    """Another user's home, with all that is needed to be recorded."""
    home = place.root / "victim"
    for directory in (home, home / "dovecot.rawlog"):
        directory.mkdir(mode=0o755)
        own(directory, VICTIM, VICTIM)
    return home


# Other kernels

@pytest.fixture(scope="session")
def kernels(root):
    """Their versions; they are there."""
    if not shutil.which("qemu-system-x86_64"):
        pytest.skip("needs QEMU: scripts/install-deps.sh vm")
    fetch = subprocess.run([VM, "fetch", *PACKAGES.values()], capture_output=True, text=True)
    if "vm: cannot get" in fetch.stderr or " is missing: " in fetch.stderr:
        pytest.skip(fetch.stderr.strip())
    assert fetch.returncode == 0, fetch.stderr
    return list(PACKAGES)


@pytest.fixture(scope="session", params=list(PACKAGES))
def guest(request, kernels):
    """Each kernel in turn."""
    return Guest(request.param)


@pytest.fixture(scope="session")
def any_guest(kernels):
    """Where the kernel does not matter."""
    return Guest(kernels[-1])


@pytest.fixture(scope="session")
def work(binary, programs):
    """work(directory, *jobs, guest=None, rawtap=binary): the Results of these jobs, there or here."""
    cost.build(binary)

    def run(directory, *jobs, guest=None, rawtap=binary):
        command = ["/usr/bin/python3", "-B", INSIDE, directory, programs, *jobs]
        if guest:
            command = guest.command(*command, limit=GUEST_LIMIT, env=["RAWTAP"], output=directory)
        return Results(directory, subprocess.run(
            list(map(str, command)), env=os.environ | {"RAWTAP": str(rawtap)},
            stdin=subprocess.DEVNULL, capture_output=True, text=True))
    return run


@pytest.fixture(scope="session")
def guests(request, kernels, work, tmp_path_factory):
    """The Results of each kernel, some time."""
    def run(kernel, directory):
        wanted = wanted_scenarios(kernel, [item.callspec.params for item in request.session.items
                                           if hasattr(item, "callspec")])
        (directory / "wanted.json").write_text(json.dumps(wanted))
        scenarios = [f"scenarios-{backend}" for backend in wanted]
        return work(directory, "check", "functions", "dovecot", "gone",
                    "cost", *scenarios, "e2e", guest=Guest(kernel))
    # made here: pytest's factory is not for threads
    directories = {kernel: tmp_path_factory.mktemp(kernel) for kernel in kernels}
    with ThreadPoolExecutor(os.cpu_count()) as pool:      # each of them fills a CPU
        yield {kernel: pool.submit(run, kernel, directory)
               for kernel, directory in directories.items()}
