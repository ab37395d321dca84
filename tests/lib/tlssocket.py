# SPDX-License-Identifier: MIT
"""TLS on a socket, record by record: what ssl.SSLSocket does not let a test do.

    tls = TlsSocket(raw, context)
    raw.sendall(tls.encrypt(b"one") + tls.encrypt(b"two"))      # two records, one segment
"""

import ssl

MAX_SEGMENT = 65536


class TlsSocket:
    """Where it has the methods of a socket, they do the same. raw is its own from then on."""

    def __init__(self, raw, context, *, session=None, start=True):
        """start: shake hands at once. Otherwise by start(), or by hand: hello(), ..."""
        self.raw = raw
        self.ciphertext_received = 0
        self._in = ssl.MemoryBIO()
        self._out = ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._in, self._out, session=session)
        if start:
            self.start()

    def __getattr__(self, name):
        return getattr(self.raw, name)

    # The handshake

    def hello(self):
        """The records of the ClientHello."""
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            return self._out.read()
        raise AssertionError("the handshake cannot have ended with its first message")

    def start(self):
        self._repeat(self.tls.do_handshake)
        self._flush()

    # Data

    def encrypt(self, data):
        """Its records: as many as it takes, one for up to 16 kB."""
        assert self.tls.write(data) == len(data)
        return self._out.read()

    def sendall(self, data):
        self.raw.sendall(self.encrypt(data))

    def recv(self, size):
        try:
            return self._repeat(self.tls.read, size)
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""

    # The end

    def close_records(self):
        """That end our direction. The other side's may stay open."""
        try:
            self.tls.unwrap()
        except ssl.SSLWantReadError:
            pass
        return self._out.read()

    def close_notify(self):
        self.raw.sendall(self.close_records())

    def _repeat(self, operation, *arguments):
        """Until it needs nothing more from the other side."""
        while True:
            try:
                return operation(*arguments)
            except ssl.SSLWantReadError:
                self._flush()
                if data := self.raw.recv(MAX_SEGMENT):
                    self.ciphertext_received += len(data)
                    self._in.write(data)
                else:
                    self._in.write_eof()
            except ssl.SSLError:
                self._flush()           # an alert tells the other side
                raise

    def _flush(self):
        if data := self._out.read():
            self.raw.sendall(data)
