# SPDX-License-Identifier: MIT
"""A service manager for rawtap: it hears when recording has begun, whatever standard error is.

    with Manager(path) as manager:
        subprocess.Popen([...], env=manager.env)
        assert manager.receive()[0] == READY
"""

import os
import select
import socket
import struct

READY, STOPPING = b"READY=1\nSTATUS=recording", b"STOPPING=1"


class Manager:
    """A service manager's socket. As systemd's it asks the kernel who sends."""

    def __init__(self, address):
        self.address = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.socket.settimeout(60)
        self.socket.bind(address.replace("@", "\0", 1) if address[0] == "@" else address)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    @property
    def env(self):
        return {**os.environ, "NOTIFY_SOCKET": self.address}

    def receive(self):
        """(the next datagram, its sender's pid)."""
        data, ((_, _, credentials),), _, _ = self.socket.recvmsg(4096, 256)
        return data, struct.unpack("3i", credentials)[0]

    def nothing_more(self):
        return not select.select([self.socket], [], [], 0)[0]
