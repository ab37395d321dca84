# SPDX-License-Identifier: MIT
"""A TLS client that does not read, so that Dovecot has to call SSL_write again."""

from pathlib import Path

from mailclient import connect, wait_taken
from rawlogs import wait_until
from tlssocket import TlsSocket

# What holds replies back once the kernel takes no more: the stream to the socket
# (login-common/client-common.h), OpenSSL's BIO pair (crypto/bio/bss_bio.c). Beyond that SSL_write
# refuses, and as much as the first of them is kept for it to be called again; then the client is
# thrown out.
STREAM, BIO_PAIR = 4096, 17 * 1024


class Flood:
    """CAPABILITY, again and again, without reading the replies."""

    def __init__(self, dovecot, transport, context):
        self.client = connect(dovecot, "imap", transport, dovecot.user, receive_buffer=4096,
                              wrap=lambda raw: TlsSocket(raw, context))
        self.pid = dovecot.wait_serving(self.client, "imap-login")
        self.count = 0
        self.measure(1)                 # what else comes with the first (TLS 1.3's tickets)
        self.cost = self.measure(1)     # of a command's reply, in ciphertext
        assert self.measure(50) == 50 * self.cost
        self.before = self.written()
        self.unread = 0

    def send(self, count):
        numbers = range(self.count, self.count + count)
        self.client.send(b"".join(b"%06d CAPABILITY\r\n" % number for number in numbers))
        self.count += count

    def measure(self, count):
        before = self.client.socket.ciphertext_received
        self.send(count)
        self.read_all()
        return self.client.socket.ciphertext_received - before

    def read_all(self):
        self.client.read_until(b"\r\n%06d OK " % (self.count - 1))
        self.client.read_line()

    def ask(self, count):
        """Send so many commands, and wait until the login process can do no more about them."""
        self.send(count)
        wait_taken(self.client.socket)
        wait_until(lambda: is_asleep(self.pid), "the login process to be done")
        self.unread += count * self.cost

    def held_back(self):
        return self.unread - (self.written() - self.before)

    def written(self):
        """By the login process, into all descriptors. It has no other that it would write to."""
        fields = dict(line.split(": ") for line in Path(f"/proc/{self.pid}/io").read_text().split("\n")
                      if line)
        return int(fields["wchar"])

    def fill(self):
        """Until SSL_write has refused."""
        limit = STREAM + BIO_PAIR
        while (held := self.held_back()) <= limit + self.cost:
            self.ask(max(1, min(50, (limit - held) // self.cost)))


def is_asleep(pid):
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "S"
