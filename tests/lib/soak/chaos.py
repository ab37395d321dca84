# SPDX-License-Identifier: MIT
"""What happens meanwhile. An event is a row of EVENTS: its name, how often it comes, what it does
to the world, and whether it ends connections.

The schedule follows from the seed alone, and so does what an event chooses, as far as there is the
same to choose from.
"""

import os
import random
import signal
import subprocess
import time
from collections import Counter
from dataclasses import dataclass
from typing import Callable

from hangfs import KINDS
from losses import asleep

PAUSE = (0.2, 1.6)      # seconds between events
BURST = 20              # logins at once
SLEEP = (0.1, 1.5)      # seconds of rawtap's
HANG = (0.1, 2)         # seconds
MAIL, LOGIN = ("imap", "pop3", "submission", "lmtp"), ("imap-login", "pop3-login", "submission-login")


def burst(world, rng):
    world.clients.burst(BURST)


def _end_one(world, rng, names, number):
    pids = world.dovecot.processes(*names)
    if pids:
        try:
            os.kill(rng.choice(sorted(pids)), number)
        except ProcessLookupError:
            pass


def terminate_mail(world, rng):
    _end_one(world, rng, MAIL, signal.SIGTERM)


def kill_mail(world, rng):
    _end_one(world, rng, MAIL, signal.SIGKILL)


def terminate_login(world, rng):
    _end_one(world, rng, LOGIN, signal.SIGTERM)


def kill_login(world, rng):
    _end_one(world, rng, LOGIN, signal.SIGKILL)


def kick(world, rng):
    """Whether or not the user has a session."""
    subprocess.run(["doveadm", "-c", world.dovecot.config_file, "kick", rng.choice(world.users).name],
                   stdin=subprocess.DEVNULL, capture_output=True, timeout=60)


def reload(world, rng):
    world.dovecot.reload()


def restart(world, rng):
    world.dovecot.restart()


def make_directory(world, rng):
    rng.choice(world.wild_places()).make()


def remove_directory(world, rng):
    rng.choice(world.wild_places()).remove()


def rename_directory(world, rng):
    rng.choice(world.wild_places()).rename()


def make_unwritable(world, rng):
    rng.choice(world.wild_places()).set_writable(False)


def make_writable(world, rng):
    rng.choice(world.wild_places()).set_writable(True)


def fill_disk(world, rng):
    if not world.disks:
        return
    with open(world.filler, "ab", buffering=0) as filler:
        try:
            while True:
                filler.write(b"x" * 4096)
        except OSError:
            pass


def free_disk(world, rng):
    world.filler.unlink(missing_ok=True)


def sleep(world, rng):
    """Nothing is taken out of the ring."""
    with asleep(world.rawtap):
        world.clients.burst(BURST // 2)
        time.sleep(rng.uniform(*SLEEP))


def hang(world, rng):
    """Calls on the files of one user's logs don't come back for a while; other sessions must not
    notice."""
    kind, seconds = rng.choice(KINDS), rng.uniform(*HANG)
    if world.hangfs:
        world.hangfs.hang(kind, world.places["dir", "hung"].path.resolve())
        world.clients.burst(BURST // 2)
        time.sleep(seconds)
        world.hangfs.release()


@dataclass(frozen=True)
class Event:
    name: str
    weight: int
    act: Callable
    ends_connections: bool = False


EVENTS = (
    Event("burst of logins", 6, burst),
    Event("mail process terminated", 3, terminate_mail, True),
    Event("mail process killed", 3, kill_mail, True),
    Event("login process terminated", 2, terminate_login, True),
    Event("login process killed", 2, kill_login, True),
    Event("user kicked", 3, kick, True),
    Event("reload", 2, reload, True),
    Event("master restarted", 1, restart, True),
    Event("log directory made", 7, make_directory),
    Event("log directory removed", 2, remove_directory),
    Event("log directory renamed", 2, rename_directory),
    Event("log directory unwritable", 3, make_unwritable),
    Event("log directory writable", 4, make_writable),
    Event("disk full", 2, fill_disk),
    Event("disk free again", 2, free_disk),
    Event("rawtap asleep", 2, sleep),
    Event("log directory hangs", 3, hang),
)


def schedule(seed, seconds, events=EVENTS):
    """[(when, event, a Random of its own)]: as many as have time."""
    rng = random.Random(f"{seed} chaos")
    planned, now = [], 0
    weights = [event.weight for event in events]
    while (now := now + rng.uniform(*PAUSE)) < seconds:
        event, = rng.choices(events, weights)
        planned.append((now, event, random.Random(rng.random())))
    return planned


def happen(world, planned):
    """How often each did. One that comes late because another took long still comes."""
    happened, begin = Counter(), time.monotonic()
    for when, event, rng in planned:
        time.sleep(max(0, begin + when - time.monotonic()))
        event.act(world, rng)
        happened[event] += 1
    return happened
