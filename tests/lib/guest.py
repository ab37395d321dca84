# SPDX-License-Identifier: MIT
"""Run a command under another kernel.

    run = Guest("6.1").run("uname", "-r", limit=30, env={"NAME": "value"}, output=directory)
    run.returncode, run.stdout
"""

import json
import os
import re
import subprocess

from recorder import REPOSITORY

VM = REPOSITORY / "scripts" / "vm.sh"
# Of Debian 12 and 13, and whichever kernel Debian has next: the same on a host of either.
PACKAGES = {"6.1": "bookworm/linux-image-amd64", "6.12": "trixie/linux-image-amd64",
            "7": "sid/linux-image-amd64"}
SUITES = {"bookworm": (6, 1), "trixie": (6, 12), "sid": (7, 0)}
if "RAWTAP_VM_KERNELS" in os.environ:     # others instead, by the names of their packages
    PACKAGES = {name: name for name in os.environ["RAWTAP_VM_KERNELS"].split()}
BACKENDS = ("sock", "fexit")


def version(kernel):
    """What a package's name says, else what its suite has; Debian 12's is 6.1."""
    if said := re.search(r"(\d+)\.(\d+)", kernel):
        return tuple(map(int, said.groups()))
    return (7, 0) if kernel == "7" else SUITES.get(kernel.split("/")[0], (6, 1))


def backends_of(kernel):
    """Those that work there, the preferred one first."""
    return BACKENDS if version(kernel) >= (6, 3) else ("fexit",)


class Guest:
    """A VM for each run(), with the host's files. The kernel is one of PACKAGES, or a package.
    See scripts/vm.sh."""

    def __init__(self, kernel):
        self.kernel = kernel

    def command(self, *command, limit=60, env=(), output=None):
        options = ["-k", PACKAGES.get(self.kernel, self.kernel), "-t", str(limit)]
        for name in env:
            options += ["-e", name]
        if output:
            options += ["-o", str(output)]
        return [VM, "run", *options, "--", *map(str, command)]

    def run(self, *command, limit=60, env=None, output=None, **kwargs):
        """Both streams of the command are in stdout; what vm.sh says is in stderr."""
        return subprocess.run(
            self.command(*command, limit=limit, env=env or {}, output=output),
            env=os.environ | (env or {}), stdin=subprocess.DEVNULL, capture_output=True,
            text=True, errors="surrogateescape", **kwargs)


def wanted_scenarios(kernel, cases):
    """{backend: ["SCENARIO KIND", ...]}: what the selected tests look at; `cases`: their parameters."""
    wanted = {backend: [] for backend in backends_of(kernel)}
    for case in cases:
        if case.get("kernel") == kernel and "scenario" in case:
            wanted[case["backend"]].append(f"{case['scenario']} {case['kind']}")
    return wanted


class Results:
    """What inside.py left."""

    def __init__(self, directory, run):
        self.directory = directory
        self.run = run

    def __getitem__(self, job):
        path = self.directory / f"{job}.json"
        assert path.exists(), self.run.stdout + self.run.stderr
        return json.loads(path.read_text())

    def outcome(self, backend, scenario, kind):
        """Of one that ran."""
        outcomes = self[f"scenarios-{backend}"]["outcomes"]
        name = f"{scenario} {kind}"
        assert name in outcomes, f"wanted.json did not have {name!r} for {backend}: it did not run"
        return outcomes[name]
