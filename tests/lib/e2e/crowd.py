# SPDX-License-Identifier: MIT
"""Many IMAP clients of one Dovecot: long sessions, and others that log in and out beside them.
Each keeps its transcript, and says what no other says.

    clients = asyncio.run(play(dovecot, users, Crowd(long=400, rate=100, seconds=15)))
    assert_complete(users, clients)
"""

import asyncio
import itertools
import time
from collections import Counter
from dataclasses import dataclass

import rawlogs

CONNECTING = 64         # at once: the login service's backlog is no part of this


@dataclass(frozen=True)
class Crowd:
    """long: sessions from the beginning to the end; rate: short ones, by the second."""
    long: int
    rate: float
    seconds: float

    @classmethod
    def parse(cls, text):
        """LONG,RATE,SECONDS"""
        long, rate, seconds = text.split(",")
        return cls(int(long), float(rate), float(seconds))


class Client:
    """session_in, session_out: what a rawlog of it must hold."""

    def __init__(self, number, user):
        self.number = number
        self.user = user
        self.session_in = bytearray()
        self.session_out = bytearray()
        self._tags = itertools.count(1)

    async def log_in(self, port):
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", port)
        await self._reader.readline()
        tag = self._tag()
        self._writer.write(b"%s LOGIN %s %s\r\n" % (
            tag, self.user.name.encode(), self.user.password.encode()))
        await self._reply(tag)

    async def noop(self):
        tag = self._tag()
        self._send(tag + b" NOOP\r\n")
        await self._reply(tag)

    async def log_out(self):
        self._send(self._tag() + b" LOGOUT\r\n")
        self.session_out += await self._reader.read()
        self._writer.close()

    def _tag(self):
        return b"c%dt%d" % (self.number, next(self._tags))

    def _send(self, data):
        self.session_in += data
        self._writer.write(data)

    async def _reply(self, tag):
        while True:
            line = await self._reader.readline()
            assert line, f"client {self.number}: closed"
            self.session_out += line
            if line.startswith(tag):
                assert line.startswith(tag + b" OK"), line
                return


async def _short(client, port):
    await client.log_in(port)
    await client.noop()
    await client.log_out()


async def play(dovecot, users, crowd):
    """The clients, when all have logged out. The long sessions say something every few seconds."""
    port, numbers, users = dovecot.ports["imap"], itertools.count(), itertools.cycle(users)
    gate = asyncio.Semaphore(CONNECTING)

    def new_client():
        return Client(next(numbers), next(users))

    async def gated(coroutine):
        async with gate:
            await coroutine

    long = [new_client() for _ in range(crowd.long)]
    await asyncio.gather(*(gated(client.log_in(port)) for client in long))
    short, running = [], set()
    begin = time.monotonic()
    speakers = itertools.cycle(long)
    # each long session speaks once in some five seconds
    speakers_due = crowd.long / 5
    for step in range(int(crowd.seconds * 10)):
        await asyncio.sleep(max(0, begin + step / 10 - time.monotonic()))
        for _ in range(int(crowd.rate * (step + 1) / 10) - len(short)):
            short.append(new_client())
            running.add(asyncio.ensure_future(gated(_short(short[-1], port))))
        await asyncio.gather(*(next(speakers).noop() for _ in range(int(speakers_due / 10))))
    await asyncio.gather(*running)
    await asyncio.gather(*(gated(client.log_out()) for client in long))
    return long + short


def assert_complete(users, clients):
    """Every session is in a pair of files of its own, and nothing else is in any."""
    found = Counter((pair.read("in"), pair.read("out")) for user in users
                    for pair in rawlogs.find_pairs(user.rawlog_dir))
    said = Counter((bytes(client.session_in), bytes(client.session_out)) for client in clients)
    missing, strange = said - found, found - said
    assert not missing and not strange, (
        f"{missing.total()} of {said.total()} sessions are not in a file as they were; "
        f"{strange.total()} files hold something else, as {next(iter(strange), None)}")
