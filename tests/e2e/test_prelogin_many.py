# SPDX-License-Identifier: MIT
"""500 TLS logins through one login process, all of them under way at the same time: each file
holds its own client's words, and no other's."""

import asyncio
import itertools

import pytest

from login_stage import FAST, login_dovecot, record_logins
from mailclient import trusting_context

CLIENTS = 500
UID = 5000
LIMITS = {
    # A connection in the login process: the client's, and both ends of the one to the mail process.
    "imap-login": {"client_limit": 4 * CLIENTS},
    # All users are one to the system: one process serves them.
    "imap": {"service_count": 0, "client_limit": 2 * CLIENTS},
    "auth": {"client_limit": 4 * CLIENTS},
    "anvil": {"client_limit": 4 * CLIENTS},
    "stats": {"client_limit": 4 * CLIENTS},
}


class Client:
    """What one of them sends and receives, and a secret of its own in all of it."""

    def __init__(self, number, user):
        self.number = number
        self.user = user
        self.secret = f"secret-{number}-{number * 7919 % 1_000_003}"
        self.sent = bytearray()
        self.received = bytearray()
        self.login_in = self.login_out = None
        self.tags = itertools.count(1)

    async def connect(self, port, start_tls, context):
        self.reader, self.writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=None if start_tls else context)
        await self.until(b"ready.\r\n")
        if start_tls:
            await self.command("STARTTLS")
            await self.writer.start_tls(context)

    async def until(self, end):
        line = await self.reader.readuntil(end)
        self.received += line
        return line

    async def send(self, data):
        self.sent += data
        self.writer.write(data)
        await self.writer.drain()

    def tag(self):
        return f"c{self.number}t{next(self.tags)}".encode()

    async def reply(self, tag, status=b"OK"):
        while not (line := await self.until(b"\r\n")).startswith(tag):
            pass
        assert line.startswith(tag + b" " + status), line

    async def command(self, text, status=b"OK"):
        tag = self.tag()
        await self.send(tag + b" " + text.encode() + b"\r\n")
        await self.reply(tag, status)

    # The session: between its parts all wait for each other.

    async def speak(self):
        await self.command(f'ID ("name" "{self.secret}")')
        await self.command(f"LOGIN nobody-{self.secret} {self.secret}", status=b"NO")

    async def begin_login(self):
        """As far as the middle of the password's literal."""
        self.login_tag = self.tag()
        name = self.user.name.encode()
        await self.send(b"%s LOGIN %s {%d}\r\n"
                        % (self.login_tag, name, len(self.user.password)))
        await self.until(b"+ OK\r\n")
        await self.send(self.user.password[:5].encode())

    async def end_login(self):
        await self.send(self.user.password[5:].encode() + b"\r\n")
        self.login_in, self.login_out = bytes(self.sent), bytes(self.received)
        await self.reply(self.login_tag)

    async def go_on(self):
        await self.command("NOOP")
        await self.send(self.tag() + b" LOGOUT\r\n")
        self.received += await self.reader.read()
        self.writer.close()


PARTS = (Client.speak, Client.begin_login, Client.end_login, Client.go_on)


async def play(clients, ports):
    """All of them do the first part, then all the second, and so on."""
    context = trusting_context()        # one for all: it reads all certificates of the host
    await asyncio.gather(*(client.connect(*ports[client.number % len(ports)], context)
                           for client in clients))
    for part in PARTS:
        await asyncio.gather(*(part(client) for client in clients))


@pytest.fixture
def dovecot(root):
    dovecot = login_dovecot(services=LIMITS, config="""
auth_cache_size = 0
mail_max_userip_connections = 0
service imap-login {
  service_count = 0
  process_min_avail = 1
  process_limit = 1
}
""")
    for number in range(CLIENTS):
        dovecot.add_user(f"user{number}", uid=UID, password=f"password-of-{number}")
    with dovecot:
        yield dovecot


def test_500_at_once(dovecot, rawtap_binary):
    clients = [Client(number, user) for number, user in enumerate(dovecot.users.values())]
    ports = [(dovecot.ports["imaps"], False), (dovecot.ports["imap"], True)]
    def over(*_):
        """The imap process stays as well."""
        dovecot.wait_clients_gone("imap-login", "imap")

    with record_logins(dovecot, mode=FAST, binary=rawtap_binary, over=over) as logs:
        asyncio.run(play(clients, ports))
        assert len(dovecot.processes("imap-login")) == 1
    assert len(dovecot.logins()) == CLIENTS
    logs.assert_all(*clients)
    # Not by the way they were looked for: each secret is in one pair alone.
    contents = [b"".join(pair) for pair in logs.contents()]
    for client in clients:
        assert sum(client.secret.encode() in content for content in contents) == 1
