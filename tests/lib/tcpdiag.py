# SPDX-License-Identifier: MIT
"""TCP sockets of this host, of other processes too: by netlink, as ss does. (/proc/net/tcp would
be read through the kernel's whole table each time.)"""

import socket
import struct
from dataclasses import dataclass

# linux/netlink.h, linux/sock_diag.h, linux/inet_diag.h, net/tcp_states.h
NETLINK_SOCK_DIAG = 4
NLMSG_ERROR, NLMSG_DONE, SOCK_DIAG_BY_FAMILY = 2, 3, 20
NLM_F_REQUEST, NLM_F_DUMP = 1, 0x300
ENOENT = 2
TCP_ESTABLISHED, TCP_CLOSE_WAIT, TCP_LISTEN = 1, 8, 10
HEADER = struct.Struct("=IHHII")
REQUEST = struct.Struct("=BBBxI")           # family, protocol, extensions; states
SOCKET_ID = struct.Struct(">HH16s16s")      # then interface, cookie
ANY = struct.pack("=III", 0, 0xffffffff, 0xffffffff)
MESSAGE = struct.Struct("=BBBB48xIIIII")    # family, state, …; expires, rqueue, wqueue, uid, inode


@dataclass(frozen=True)
class TcpSocket:
    state: int
    inode: int          # 0: no process has it (any more, or yet)
    unread: int         # bytes that its process has not read

    @property
    def is_open(self):
        """Its own side has not closed."""
        return self.state in (TCP_ESTABLISHED, TCP_CLOSE_WAIT)


def find(own, peer):
    """The connected socket with these addresses, as getsockname() gives them; None."""
    family = socket.AF_INET6 if ":" in own[0] else socket.AF_INET
    addresses = (socket.inet_pton(family, end[0]).ljust(16, b"\0") for end in (own, peer))
    identity = SOCKET_ID.pack(own[1], peer[1], *addresses) + ANY
    for found in _ask(family, NLM_F_REQUEST, identity):
        return found
    return None


def connected_inodes():
    """Of all sockets that are connected, or were, and that a process has."""
    nobody = SOCKET_ID.pack(0, 0, bytes(16), bytes(16)) + ANY
    return {found.inode for family in (socket.AF_INET, socket.AF_INET6)
            for found in _ask(family, NLM_F_REQUEST | NLM_F_DUMP, nobody) if found.inode}


def _ask(family, flags, identity):
    states = ~(1 << TCP_LISTEN) & 0xffffffff
    body = REQUEST.pack(family, socket.IPPROTO_TCP, 0, states) + identity
    message = HEADER.pack(HEADER.size + len(body), SOCK_DIAG_BY_FAMILY, flags, 1, 0) + body
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as netlink:
        netlink.sendall(message)
        while True:
            data = netlink.recv(1 << 20)
            while data:
                length, kind, *_ = HEADER.unpack_from(data)
                body, data = data[HEADER.size:length], data[length + 3 & ~3:]
                if kind == NLMSG_DONE:
                    return
                if kind == NLMSG_ERROR:
                    error = -struct.unpack_from("=i", body)[0]
                    if error == ENOENT:
                        return
                    raise OSError(error, "sock_diag")
                _, state, _, _, _, unread, _, _, inode = MESSAGE.unpack_from(body)
                yield TcpSocket(state, inode, unread)
            if not flags & NLM_F_DUMP:
                return
