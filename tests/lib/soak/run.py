# SPDX-License-Identifier: MIT
"""A soak: clients and chaos for some time, the referee's word about it, and a report."""

import random
import re
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from recorder import Rawtap
from soak import chaos
from soak.dialogues import Clients, logs_of
from soak.referee import judge
from soak.told import Told
from soak.world import LOGIN, World

WORKERS = 6             # clients at once, besides bursts
IDLE = 6                # that stay
RINGS = ("4M", "8M", "16M")     # all of the host's Dovecots put into it while rawtap sleeps
JOIN = 120              # seconds for the last ones to end


@dataclass
class Result:
    account: object
    told: Told
    stderr: str
    report: str


def peak_memory(pid):
    """kB"""
    return int(re.search(r"^VmHWM:\s*(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.M)[1])


def soak(seed, seconds, binary, disks, hangfs):
    rng, begin = random.Random(f"{seed} world"), time.monotonic()
    login, ring = rng.choice(list(LOGIN)), rng.choice(RINGS)
    with World(login, disks, hangfs) as world:
        with Rawtap(*world.options(), "--ring-size", ring, binary=binary) as world.rawtap:
            world.clients = clients = Clients(world, seed)
            clients.idle(IDLE)
            for _ in range(WORKERS):
                clients.start(clients.work)
            try:
                happened = chaos.happen(world, chaos.schedule(seed, seconds))
            finally:
                world.over.set()
            clients.join(JOIN)
            world.dovecot.end_processes()
            memory = peak_memory(world.rawtap.pid), peak_memory(world.rawtap.writer_pid)
            status, stderr = world.rawtap.stop()
        chaos.free_disk(world, None)
        told = Told.of(status, stderr)
        account = judge([log for play in clients.plays for log in logs_of(play)],
                        [pair for place in world.places.values() for pair in place.pairs()],
                        told, world.steady())
    check_broken(clients.plays, happened, account)
    named = {int(number) for text in account.complaints for number in re.findall(r"client (\d+)", text)}
    for play in clients.plays:
        if play.number in named:
            account.complaints.append(f"client {play.number}: {play.describe()}")
    head = f"seed {seed}: {seconds} s, {login} login process, a ring of {ring}"
    return Result(account, told, stderr, "\n".join([
        head, *report(clients.plays, happened, account),
        "peak memory of rawtap: {} kB, of its writer: {} kB".format(*memory), f"status {status}",
        f"duration: {time.monotonic() - begin:.0f} s"]))


def check_broken(plays, happened, account):
    """Clients fare as they would without rawtap: nobody's connection breaks of itself."""
    broken = [play for play in plays if play.error]
    if broken and not any(event.ends_connections for event in happened):
        account.complain(f"{len(broken)} connections broke, and nobody did it: {broken[0].error}")


def report(plays, happened, account):
    refused = sum(play.refused for play in plays)
    plays = [play for play in plays if not play.refused]
    kinds = Counter((play.protocol, play.transport) for play in plays)
    endings = Counter("broken" if play.error else play.ending or "idle" for play in plays)

    def table(counts):
        return "; ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "none"

    return [
        f"connections: {len(plays)}: " + table({" ".join(kind): n for kind, n in kinds.items()})
        + f"; {refused} refused, as there was no master",
        f"endings: {table(endings)}",
        f"events: {table({event.name: count for event, count in happened.items()})}",
        f"sessions with a log: {account.sessions}; logs that were not made, and told: {account.missing}",
        f"clients sent {sum(len(play.client.sent) for play in plays if play.client)} bytes and received "
        f"{sum(len(play.client.received) for play in plays if play.client)}",
        f"bytes said in sessions with a log: {account.said}, captured: {account.captured}, told lost: "
        + table({reason: size for reason, size in account.lost.items() if size})
        + ("; control records were lost, and the referee is lenient" if account.lenient else ""),
    ]
