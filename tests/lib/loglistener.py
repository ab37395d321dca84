# SPDX-License-Identifier: MIT
"""The other end of rawlog_dir = tcp:HOST:PORT.

    with LogListener() as log:
        ... log.port ...
        log.wait_streams(2)     # [bytes, bytes], in the order of the connections
"""

import socket
import threading

from rawlogs import wait_until

TIMEOUT = 60


class LogListener:
    """reads: what to do with a connection, by its number: "all" that comes, "nothing" as long
    as it is open, or "some", and then it is closed."""

    def __init__(self, host="127.0.0.1", *, reads=lambda number: "all"):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.streams = []               # of each connection
        self._ended = []
        self._reads = reads
        self._open = []
        self._threads = []
        self._listener = socket.create_server((host, 0), family=family)
        self.port = self._listener.getsockname()[1]
        self.target = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    def __enter__(self):
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)       # ends accept()
        self._accepting.join(TIMEOUT)
        self._listener.close()
        for sock in self._open:
            sock.close()
        for thread in self._threads:
            thread.join(TIMEOUT)

    def wait_streams(self, count):
        """What came over each connection, once so many have ended."""
        wait_until(lambda: len(self._ended) >= count, f"{count} connections to end")
        return [bytes(stream) for stream in self.streams]

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return          # shut down
            stream = bytearray()
            how = self._reads(len(self.streams))
            self.streams.append(stream)
            if how == "nothing":
                self._open.append(sock)
                continue
            thread = threading.Thread(target=self._read, args=(sock, stream, how), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _read(self, sock, stream, how):
        sock.settimeout(TIMEOUT)
        with sock:
            while data := sock.recv(65536):
                stream += data
                if how == "some":
                    break
        self._ended.append(stream)
