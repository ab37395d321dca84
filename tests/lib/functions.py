# SPDX-License-Identifier: MIT
"""Which of the kernel's functions a client's bytes pass, told by the kernel's function tracer:
not by BPF. In a guest only: nobody else uses the tracer there."""

import os
import re
import socket
from pathlib import Path

TRACING = Path("/sys/kernel/tracing")
FUNCTION = re.compile(r"(tcp|unix_stream)_\w*(sendmsg|recvmsg|sendpage|splice_read)")
KINDS = ("tcp", "unix")
SIZE = 1000                     # within a page: each page passes by itself


# What prepares a call, the call, and what cleans up: trace() goes from yield to yield.

def splice_out(end, path):
    with open(path, "rb") as file:
        reading, writing = os.pipe()
        os.splice(file.fileno(), writing, SIZE)
        yield
        os.splice(reading, end.fileno(), SIZE)
        yield
        os.close(reading)
        os.close(writing)


def splice_in(end, path):
    reading, writing = os.pipe()
    yield
    os.splice(end.fileno(), writing, SIZE)
    yield
    os.close(reading)
    os.close(writing)


def sendfile(end, path):
    with open(path, "rb") as file:
        yield
        os.sendfile(end.fileno(), file.fileno(), 0, SIZE)
        yield


def plain(call):
    """One call needs nothing around it."""
    def run(end, path):
        yield
        call(end)
        yield
    return run


DATA = b"x" * SIZE
SENDS = {
    "write": plain(lambda end: os.write(end.fileno(), DATA)),
    "writev": plain(lambda end: os.writev(end.fileno(), [DATA])),
    "pwritev2": plain(lambda end: os.pwritev(end.fileno(), [DATA], -1)),
    "sendto": plain(lambda end: end.send(DATA)),
    "sendmsg": plain(lambda end: end.sendmsg([DATA])),
    "sendfile": sendfile,
    "splice-out": splice_out,
}
RECEIVES = {
    "read": plain(lambda end: os.read(end.fileno(), SIZE)),
    "readv": plain(lambda end: os.readv(end.fileno(), [bytearray(SIZE)])),
    "preadv2": plain(lambda end: os.preadv(end.fileno(), [bytearray(SIZE)], -1)),
    "recvfrom": plain(lambda end: end.recv(SIZE)),
    "recvmsg": plain(lambda end: end.recvmsg(SIZE)),
    "splice-in": splice_in,
}
CALLS = (*SENDS, *RECEIVES)


def connection(kind):
    if kind == "unix":
        return socket.socketpair()
    with socket.create_server(("127.0.0.1", 0)) as server:
        return socket.create_connection(server.getsockname()), server.accept()[0]


def control(name, text):
    (TRACING / name).write_text(text)


def passed(name, kind, path):
    """The functions that one call enters, in their order."""
    end, far = connection(kind)
    with end, far:
        if name in RECEIVES:
            far.sendall(DATA)
        steps = (SENDS | RECEIVES)[name](end, path)
        next(steps)
        control("trace", "")
        control("tracing_on", "1")
        next(steps)
        control("tracing_on", "0")
        for _ in steps:
            raise AssertionError(f"{name}: a third step")
        if name in SENDS:
            assert far.recv(SIZE, socket.MSG_WAITALL) == DATA, name
    return re.findall(r": (\w+) <-", (TRACING / "trace").read_text())


def trace(path):
    """{"CALL KIND": functions}; `path` is a file of SIZE times x, which sendfile() sends."""
    path.write_bytes(DATA)
    known = (TRACING / "available_filter_functions").read_text().split()
    control("set_ftrace_filter", "\n".join(name for name in known if FUNCTION.fullmatch(name)))
    control("set_ftrace_pid", str(os.getpid()))
    control("tracing_on", "0")
    control("current_tracer", "function")
    try:
        return {f"{name} {kind}": passed(name, kind, path) for name in CALLS for kind in KINDS}
    finally:
        control("current_tracer", "nop")
        control("set_ftrace_filter", "")
        control("set_ftrace_pid", "")
        control("tracing_on", "1")
