# SPDX-License-Identifier: MIT
"""IMAP, POP3 and submission clients that remember every plaintext byte of their connection.

    client = connect(dovecot, "imap", "starttls", user)
    client.login()
    client.command("SELECT INBOX")
    client.logout()
    client.session_in, client.session_out    # what a rawlog of it must hold
    client.login_in, client.login_out        # and a pre-login rawlog
"""

import base64
import hashlib
import re
import socket
import ssl
import struct
import zlib

import tcpdiag
from rawlogs import PATIENCE, wait_until

TRANSPORTS = ("plain", "starttls", "tls")
TIMEOUT = 60 * PATIENCE
LITERAL_AT_END = re.compile(rb"\{(\d+)\}\r\n$")


class ProtocolError(Exception):
    """The server answered something else than the test counts on."""


class Connection:
    """A socket and its transcript: what was sent, what was received, in plaintext."""

    def __init__(self, host, port, *, tls=False, receive_buffer=None, source=None, wrap=None,
                 header=b""):
        """port=None: host is the path of a unix socket. wrap: makes TLS of a connected
        socket, where it is to be a special one. header: of the PROXY protocol; comes first,
        and is in no transcript."""
        address = str(host) if port is None else (host, port)
        family = (socket.AF_UNIX if port is None else
                  socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.socket = socket.socket(family)
        if receive_buffer:
            # Before connecting: it limits the window from the first packet on.
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(TIMEOUT)
        if family != socket.AF_UNIX:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if source:
            self.socket.bind((source, 0))
        self.socket.connect(address)
        self.socket.sendall(header)
        self.wrap = wrap or wrap_socket
        self.sent = bytearray()
        self.received = bytearray()
        self.read_size = 65536
        self.ended = False          # the server has closed
        self.half_closed = False
        self.was_reset = False
        self.read_in_part = False   # by the server, which has closed before the end
        self._cursor = 0        # what of received has been read by the caller
        self._deflate = self._inflate = None    # COMPRESS: zlib's
        self.tls_start = None       # how much was sent and received before TLS started
        if tls:
            self.start_tls()

    def start_tls(self):
        self.tls_start = len(self.sent), len(self.received)
        self.socket = self.wrap(self.socket)

    def start_compression(self, level=6):
        self._deflate = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
        self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)

    def compressed(self, data):
        """As it would be sent next."""
        return self._deflate.compress(data) + self._deflate.flush(zlib.Z_SYNC_FLUSH)

    # Send

    def send(self, data):
        """In one segment, and in one TLS record, as far as it fits."""
        self.sent += data
        self.socket.sendall(self.compressed(data) if self._deflate else data)

    def send_as_is(self, data):
        """Bytes that are in no transcript: damage, or a part of what is compressed."""
        self.socket.sendall(data)

    def send_urgent(self, byte):
        """Out of band: TCP numbers it, and no read() of the other side returns it."""
        # Not SSLSocket's own send(): it takes no flags.
        socket.socket.send(self.socket, byte, socket.MSG_OOB)

    # Receive

    def receive(self):
        """Wait for bytes; false at the end of the connection."""
        try:
            data = self.socket.recv(self.read_size)
        except BrokenPipeError:     # OpenSSL 3.5 would answer to the end of TLS
            if not self.half_closed:
                raise
            data = b""
        self.received += self._inflate.decompress(data) if self._inflate else data
        self.ended = not data
        return bool(data)

    def read_until(self, end):
        start = self._cursor
        search = start
        while (found := self.received.find(end, search)) < 0:
            search = max(start, len(self.received) - len(end) + 1)
            self._receive_more()
        return self._take(found + len(end) - start)

    def read_line(self):
        return self.read_until(b"\n")

    def read_bytes(self, count):
        while len(self.received) - self._cursor < count:
            self._receive_more()
        return self._take(count)

    def read_to_end(self):
        while self.receive():
            pass
        return self._take(len(self.received) - self._cursor)

    def all_read(self):
        return self._cursor == len(self.received)

    def _receive_more(self):
        if not self.receive():
            raise ProtocolError(f"connection closed, unread: {bytes(self.received[self._cursor:])!r}")

    def _take(self, count):
        data = bytes(self.received[self._cursor:self._cursor + count])
        self._cursor += count
        return data

    # End

    def close(self):
        """FIN, if all that the server sent has been read."""
        self.socket.close()

    def half_close(self):
        """FIN, and go on reading."""
        # Not SSLSocket's own shutdown(): it forgets the TLS state, and reads ciphertext then.
        socket.socket.shutdown(self.socket, socket.SHUT_WR)
        self.half_closed = True

    def reset(self):
        """RST: an abrupt disconnect."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()
        self.was_reset = True

    def wait_received(self):
        """Until the server's process has taken everything sent out of its socket, so
        that a reset cannot take it away again."""
        wait_taken(self.socket)


def wait_taken(sock):
    """Until the process on the other side, on this host, has read all that was sent."""
    def taken():
        found = tcpdiag.find(sock.getpeername(), sock.getsockname())
        if not (found and found.is_open):
            raise ProtocolError("the server has closed the connection")
        return found.unread == 0
    wait_until(taken, "the server to read what was sent")


def trusting_context():
    """For a server whose certificate nobody signed. ssl.create_default_context() would read
    all that the host trusts, which takes 140 ms."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def wrap_socket(raw):
    return trusting_context().wrap_socket(raw)


class MailClient(Connection):
    """What the protocols have in common: the session begins after the login command."""

    def __init__(self, user, host, port, **options):
        super().__init__(host, port, **options)
        self.user = user
        self.pipelined = b""         # sent together with the login command, after it
        self._in_start = None
        self._out_start = None

    def send_login(self, command, pipelined=b""):
        """The command (or the last piece of it) that completes the login."""
        if not self.all_read():
            raise ProtocolError("cannot tell where the reply to the login will start")
        self._out_start = len(self.received)
        self.send(command + pipelined)
        self._in_start = len(self.sent) - len(pipelined)
        self.pipelined = pipelined

    @property
    def session_in(self):
        """Everything sent after the login command."""
        return bytes(self.sent[self._in_start:])

    @property
    def session_out(self):
        """Everything received from the reply to the login command on."""
        return bytes(self.received[self._out_start:])

    @property
    def login_in(self):
        """Everything sent until the login was complete, what was sent together with its last
        command included: the login process reads it all at once (if it is less than 1 kB)."""
        end = self._in_start and self._in_start + len(self.pipelined)
        return bytes(self.sent[:end])

    @property
    def login_out(self):
        """Everything received up to the reply to the login command, which is the mail process's."""
        return bytes(self.received[:self._out_start])


class Imap(MailClient):
    tag_prefix = b"a"

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self._last_tag = 0
        self.greeting = self.read_line()

    def next_tag(self):
        self._last_tag += 1
        return self.tag_prefix + b"%d" % self._last_tag

    def send_command(self, text):
        tag = self.next_tag()
        self.send(tag + b" " + _bytes(text) + b"\r\n")
        return tag

    def command(self, text, expect=b"OK"):
        """Returns everything up to and including the tagged reply."""
        return self.read_reply(self.send_command(text), expect)

    def read_reply(self, tag, expect=b"OK"):
        reply = b""
        while True:
            line = self._read_line_with_literals()
            reply += line
            if line.startswith(tag + b" "):
                _expect(line, tag + b" " + expect)
                return reply

    def read_continuation(self):
        line = self.read_line()
        _expect(line, b"+")
        return line

    def _read_line_with_literals(self):
        line = self.read_line()
        while match := LITERAL_AT_END.search(line):
            line += self.read_bytes(int(match[1])) + self.read_line()
        return line

    def starttls(self):
        self.command("STARTTLS")
        self.start_tls()

    def compress(self, expect=b"OK"):
        self.command("COMPRESS DEFLATE", expect)
        if not self.all_read():
            raise ProtocolError("compressed bytes were read together with the reply")
        if expect == b"OK":
            self.start_compression()

    # Logins

    def login(self, pipelined=b""):
        tag = self.next_tag()
        self.send_login(b"%s LOGIN %s %s\r\n" % (tag, *self._credentials()), pipelined)
        return self.read_reply(tag)

    def login_literals(self, synchronising=True):
        tag, (name, password) = self.next_tag(), self._credentials()
        if synchronising:
            self.send(b"%s LOGIN {%d}\r\n" % (tag, len(name)))
            self.read_continuation()
            self.send(b"%s {%d}\r\n" % (name, len(password)))
            self.read_continuation()
            self.send_login(password + b"\r\n")
        else:
            self.send_login(b"%s LOGIN {%d+}\r\n%s {%d+}\r\n%s\r\n"
                            % (tag, len(name), name, len(password), password))
        return self.read_reply(tag)

    def authenticate_plain(self, initial_response=False, pipelined=b""):
        tag, secret = self.next_tag(), sasl_plain(self.user)
        if initial_response:
            self.send_login(tag + b" AUTHENTICATE PLAIN " + secret + b"\r\n", pipelined)
        else:
            self.send(tag + b" AUTHENTICATE PLAIN\r\n")
            self.read_continuation()
            self.send_login(secret + b"\r\n", pipelined)
        return self.read_reply(tag)

    def authenticate_login(self):
        tag = self.next_tag()
        self.send(tag + b" AUTHENTICATE LOGIN\r\n")
        self.read_continuation()
        self.send(base64.b64encode(self.user.name.encode()) + b"\r\n")
        self.read_continuation()
        self.send_login(base64.b64encode(self.user.password.encode()) + b"\r\n")
        return self.read_reply(tag)

    def _credentials(self):
        return self.user.name.encode(), self.user.password.encode()

    # Commands with a dialogue of their own

    def start_append(self, size, synchronising=True):
        """As far as the literal."""
        tag = self.next_tag()
        self.send(b"%s APPEND INBOX {%d%s}\r\n" % (tag, size, b"" if synchronising else b"+"))
        if synchronising:
            self.read_continuation()
        return tag

    def append(self, message, synchronising=True):
        tag = self.start_append(len(message), synchronising)
        self.send(message + b"\r\n")
        return self.read_reply(tag)

    def start_idle(self):
        tag = self.send_command("IDLE")
        self.read_continuation()
        return tag

    def done(self, tag):
        self.send(b"DONE\r\n")
        return self.read_reply(tag)

    def logout(self):
        """To the end of the connection."""
        self.command("LOGOUT")
        self.read_to_end()
        self.close()


class Pop3(MailClient):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.greeting = self.read_line()

    def send_command(self, text):
        self.send(_bytes(text) + b"\r\n")

    def command(self, text, expect=b"+OK"):
        self.send_command(text)
        return self.read_reply(expect)

    def read_reply(self, expect=b"+OK"):
        line = self.read_line()
        _expect(line, expect)
        return line

    def multiline(self, text):
        """A command whose reply ends with a line of one dot."""
        return self.command(text) + self.read_until(b"\r\n.\r\n")

    def starttls(self):
        self.command("STLS")
        self.start_tls()

    # Logins

    def login(self, pipelined=b""):
        self.command(f"USER {self.user.name}")
        self.send_login(f"PASS {self.user.password}\r\n".encode(), pipelined)
        return self.read_reply()

    def apop(self):
        timestamp = re.search(rb"<.*>", self.greeting)[0]
        digest = hashlib.md5(timestamp + self.user.password.encode()).hexdigest()
        self.send_login(f"APOP {self.user.name} {digest}\r\n".encode())
        return self.read_reply()

    def auth_plain(self, initial_response=False):
        secret = sasl_plain(self.user)
        if initial_response:
            self.send_login(b"AUTH PLAIN " + secret + b"\r\n")
        else:
            self.command("AUTH PLAIN", expect=b"+ ")
            self.send_login(secret + b"\r\n")
        return self.read_reply()

    def logout(self):
        """To the end of the connection."""
        self.command("QUIT")
        self.read_to_end()
        self.close()


class Submission(MailClient):
    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.greeting = self.read_reply()

    def send_command(self, text):
        self.send(_bytes(text) + b"\r\n")

    def command(self, text, expect=b"2"):
        self.send_command(text)
        return self.read_reply(expect)

    def read_reply(self, expect=b"2"):
        """All lines of it."""
        reply = b""
        while True:
            line = self.read_line()
            _expect(line, expect)
            reply += line
            if line[3:4] != b"-":
                return reply

    def ehlo(self):
        return self.command("EHLO client.example.org")

    def starttls(self):
        self.ehlo()
        self.command("STARTTLS")
        self.start_tls()

    # Logins

    def login(self, pipelined=b""):
        self.ehlo()
        self.send_login(b"AUTH PLAIN " + sasl_plain(self.user) + b"\r\n", pipelined)
        return self.read_reply(b"235")

    def auth_plain(self):
        """In two steps."""
        self.ehlo()
        self.command("AUTH PLAIN", expect=b"334")
        self.send_login(sasl_plain(self.user) + b"\r\n")
        return self.read_reply(b"235")

    def auth_login(self):
        self.ehlo()
        self.command("AUTH LOGIN", expect=b"334")
        self.command(base64.b64encode(self.user.name.encode()), expect=b"334")
        self.send_login(base64.b64encode(self.user.password.encode()) + b"\r\n")
        return self.read_reply(b"235")

    def logout(self):
        """To the end of the connection."""
        self.command("QUIT")
        self.read_to_end()
        self.close()


CLIENTS = {"imap": Imap, "pop3": Pop3, "submission": Submission}
PROTOCOLS = tuple(CLIENTS)


def connect(dovecot, protocol, transport, user, host="127.0.0.1", **options):
    """A client that has read the greeting and, if asked for, started TLS."""
    tls = transport == "tls"
    port = dovecot.ports[protocol + "s" if tls else protocol]
    client = CLIENTS[protocol](user, host, port, tls=tls, **options)
    client.dovecot = dovecot
    if transport == "starttls":
        client.starttls()
    return client


def sasl_plain(user):
    return base64.b64encode(f"\0{user.name}\0{user.password}".encode())


def _bytes(text):
    return text if isinstance(text, bytes) else text.encode()


def _expect(line, start):
    if not line.startswith(start):
        raise ProtocolError(f"expected {start!r}, got {line!r}")
