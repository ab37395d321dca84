# SPDX-License-Identifier: MIT
"""Every backend on every kernel: the same input and output yields the same files.

All of a kernel's work is done by inside.py in one boot, all kernels at once; the tests look at
what it left. With RAWTAP_VM_KERNELS, see guest.py, it is done on others.
"""

import itertools
import re
import subprocess

import pytest

import cost
from functions import CALLS, KINDS
from guest import BACKENDS, PACKAGES, VM, backends_of, version
from inside import E2E, SCENARIOS, USERS
from turns import turn

FEXIT = VM.parents[1] / "bpf" / "at_fexit.bpf.c"
HOST = "host"
LEFT_OUT = "host where runs are left out"
RUNS = [*((kernel, backend) for kernel in PACKAGES for backend in backends_of(kernel)),
        (HOST, "default"), (LEFT_OUT, "default")]

SENDFILE = "sent by sendfile or splice"
UNKNOWN = "moved by a system call that is not known"
UNSEEN = "passed where no hook is"
ALL_BUSY = "operations that may be missing: all programs for them were busy"
GAPS = {        # else: complete
    ("sendfile", "tcp"): {"in": [], "out": [[33, 299000, SENDFILE]]},
    ("splice-out", "tcp"): {"in": [], "out": [[33, 30000, SENDFILE]]},
    ("splice-in", "tcp"): {"in": [[0, 1000, SENDFILE]], "out": []},
    ("mmsg", "tcp"): {"in": [[0, 3000, UNKNOWN]], "out": [[33, 3000, UNKNOWN]]},
    ("other-program", "tcp"): {"in": [[0, 500, UNSEEN]], "out": [[20, 500, UNSEEN]]},
}
GAPS |= {(scenario, "unix"): gaps for (scenario, _), gaps in GAPS.items()}
GAPS["trunc", "tcp"] = {"in": [[0, 1000, UNKNOWN]], "out": []}      # unix throws nothing away


@pytest.fixture(scope="session")
def host(rawtap_binary, work, tmp_path_factory):
    check = subprocess.run([rawtap_binary, "check"], capture_output=True, text=True)
    if "(this one is used)" not in check.stdout:
        pytest.skip(f"this host cannot be recorded: {check.stdout + check.stderr}")
    with turn(alone=False):
        return work(tmp_path_factory.mktemp(HOST), "scenarios-default", "cost")


@pytest.fixture(scope="session")
def left_out(host, work, tmp_path_factory):
    """As on kernels that leave out runs of a program while somebody is preempted inside of it:
    see bpf/copies.bpf.h."""
    output = VM.parents[1] / ".output-left-out"
    subprocess.run(["make", "-s", "-C", VM.parents[1], f"OUTPUT={output}",
                    "BPF_EXTRA=-DRL_TEST_LEFT_OUT", output / "rawtap"],
                   check=True, stdout=subprocess.DEVNULL)
    with turn(alone=False):
        return work(tmp_path_factory.mktemp("left-out"), "scenarios-default", "dovecot",
                    rawtap=output / "rawtap")


@pytest.fixture
def results(request, kernel):
    if kernel in (HOST, LEFT_OUT):
        return request.getfixturevalue({HOST: "host", LEFT_OUT: "left_out"}[kernel])
    return request.getfixturevalue("guests")[kernel].result()


@pytest.mark.parametrize("kernel", PACKAGES)
def test_kernel_logged_nothing_bad(results, kernel):
    """Neither BUG nor WARNING: vm.sh would say 123."""
    assert results.run.returncode == 0, results.run.stdout + results.run.stderr


def number(pattern, text):
    return int(re.search(pattern, text, re.M)[1])


# Which backend

@pytest.mark.parametrize("kernel", PACKAGES)
def test_check(results, kernel):
    """Every backend is loaded and attached, or it says why not."""
    found = re.findall(r"^(ok|NO) +backend (.*)", results["check"]["check"]["stdout"], re.M)
    used, *others = backends_of(kernel)
    lacks = [("NO", "sock: Operation not supported; it needs the tracepoints sock_send_length "
              "and sock_recv_length (Linux 6.3 or later)")] if used != BACKENDS[0] else []
    assert found == [*lacks, ("ok", f"{used} (this one is used)"),
                     *(("ok", backend) for backend in others)]


@pytest.mark.parametrize("kernel, backend", [
    (kernel, backend) for kernel in PACKAGES for backend in BACKENDS
    if backend not in backends_of(kernel)])
def test_backend_that_is_not_there(results, kernel, backend):
    assert results["check"][backend] == {
        "status": 1, "stdout": "",
        "stderr": "rawtap: error: backend sock needs the tracepoints sock_send_length and "
                  "sock_recv_length (Linux 6.3 or later): Operation not supported\n"}


@pytest.mark.parametrize("kernel, backend", RUNS[:-2])
def test_backend_by_name(results, kernel, backend):
    stderr = results[f"scenarios-{backend}"]["stderr"]
    assert f"rawtap: recording (backend {backend})\n" in stderr


# Where a client's bytes pass, on which the programs of fexit rely

def passed_function(kernel, call, kind):
    name = {"sendfile": "sendmsg", "splice-out": "sendmsg", "splice-in": "splice_read"}.get(
        call, "sendmsg" if "send" in call or "write" in call else "recvmsg")
    if call in ("sendfile", "splice-out") and version(kernel) < (6, 5):
        name = "sendpage"
    return {"tcp": "tcp_", "unix": "unix_stream_"}[kind] + name


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("kernel", PACKAGES)
def test_bytes_pass_one_function(results, kernel, call, kind):
    """By every call just one of those that have a program, once: nothing is missed, nothing
    is counted twice."""
    function = passed_function(kernel, call, kind)
    assert f'COPIES("fexit/{function}"' in FEXIT.read_text()
    assert results["functions"][f"{call} {kind}"] == [function]


# The kernel side's tests

@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("kernel, backend", RUNS)
def test_scenario(request, results, kernel, backend, scenario, kind):
    run = results[f"scenarios-{backend}"]
    gaps = GAPS.get((scenario, kind), "complete")
    hidden = scenario == "other-program"
    if scenario == "splice-in" and "recording (backend sock)" in run["stderr"]:
        hidden = True
        gaps = {"in": [[0, 1000, UNSEEN]], "out": []}   # no tracepoint fires
    if hidden and kind == "unix":
        request.applymarker(pytest.mark.xfail(
            strict=True, reason="nothing counts them: the bytes are neither there nor told"))
    assert results.outcome(backend, scenario, kind) == gaps


@pytest.mark.parametrize("kernel, backend", RUNS)
def test_all_that_is_missing_is_told(results, kernel, backend):
    run = results[f"scenarios-{backend}"]
    gaps = [gap for outcome in run["outcomes"].values() if isinstance(outcome, dict)
            for gap in itertools.chain(*outcome.values())]
    assert run["status"] == (3 if gaps else 0)
    assert number(r"^rawtap: (\d+) bytes lost", run["stderr"]) == sum(
        size for _, size, _ in gaps)
    for counter in ("records lost: the ring was full", "map updates refused",
                    "buffers that could not be read", ALL_BUSY):
        assert number(rf" (\d+) {counter}", run["stderr"]) == 0


# Dovecot

@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("kernel", [*PACKAGES, LEFT_OUT])
def test_dovecot(results, kernel, user):
    run = results["dovecot"]
    assert all(run["said"][user])
    assert run["recorded"][user] == ([] if user == "unrecorded" else [run["said"][user]])


@pytest.mark.parametrize("kernel", [*PACKAGES, LEFT_OUT])
def test_verdicts(results, kernel):
    run = results["dovecot"]
    for counted, wanted in {"sessions recorded": 3, "files": 6, "bytes lost$": 0,
                            "its log directory does not exist": 1,
                            "sockets given the verdict 'not recorded'": 1, ALL_BUSY: 0}.items():
        assert number(rf"(\d+) {counted}", run["stderr"]) == wanted, counted
    assert run["status"] == 0
    # of the 10 commands that followed the verdict: at least their reads and writes
    assert number(r"(\d+) of them skipped by a verdict", run["stderr"]) >= 20


@pytest.mark.parametrize("test", E2E)
@pytest.mark.parametrize("kernel", PACKAGES)
def test_end_to_end(results, kernel, test):
    """Tests of tests/e2e, which ran there."""
    run = results["e2e"]
    outcomes = {name: outcome for name, outcome in run["tests"].items()
                if re.match(rf"{re.escape(test)}(::|\[|$)", name)}
    assert outcomes, run["stdout"]
    bad = [name for name, (outcome, _) in outcomes.items() if outcome in ("failure", "error")]
    assert not bad, run["stdout"]
    if skipped := [why for outcome, why in outcomes.values() if outcome == "skipped"]:
        pytest.skip(f"{kernel}: {'; '.join(skipped)}")


# The end

@pytest.mark.parametrize("signal", ["SIGTERM", "SIGKILL"])
@pytest.mark.parametrize("kernel", PACKAGES)
def test_nothing_is_left(results, kernel, signal):
    run = results["gone"][signal]
    assert {"ring", "socks"} <= {held["name"] for held in run["running"]["map"]}
    # ask__sockets is at no hook: rawtap runs it
    hooked = [held for held in run["running"]["prog"] if held["type"] != "syscall"]
    assert len(run["running"]["link"]) == len(hooked) > 0
    assert run["ended"] == {"prog": [], "map": [], "link": []}


# What it costs

@pytest.mark.parametrize("kernel", [*PACKAGES, HOST])
def test_cost(results, kernel):
    """Did it change on purpose? Then scripts/update_cost.py."""
    run = results["cost"]
    release, clang = run["release"], cost.clang_version()
    known = cost.golden(cost.read(), release, clang)
    if known is None:
        pytest.skip(f"kernel {release} with clang {clang} is not in {cost.GOLDEN.name}")
    changed = cost.differences(known, cost.table(run["costs"]))
    assert not changed, "\n".join(["old -> new", *changed])
