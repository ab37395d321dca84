# SPDX-License-Identifier: MIT
"""The other ends of Dovecot's SMTP and LMTP: clients, and a server to relay or forward to.
Both remember every plaintext byte, and where TLS began.

    with SmtpServer(tls="starttls", certificate=dovecot.root) as relay:
        client = lmtp(dovecot, "plain")
        client.greet()
        client.send_mail(["alice"], make_message(1000))
        client.quit()
        client.pairs, relay.sessions[0].pairs    # what rawlogs of them must hold
"""

import re
import socket
import ssl
import threading
from dataclasses import dataclass, field

from mailclient import Connection, ProtocolError, sasl_plain
from rawlogs import PATIENCE

TIMEOUT = 60 * PATIENCE
FINAL_REPLY = re.compile(rb"\d{3}(?: |\r\n)")


class SmtpClient(Connection):
    """SMTP (hello="EHLO") or LMTP ("LHLO")."""

    def __init__(self, host, port, *, hello="EHLO", name="client.example", **options):
        super().__init__(host, port, **options)
        self.hello = hello
        self.name = name
        self._starttls = []             # (bytes sent, bytes received) in front of each
        self.greeting = self.read_reply(b"220")

    @property
    def pairs(self):
        """[(sent, received)]: STARTTLS begins a new one."""
        return cut(self.sent, self.received, self._starttls)

    def read_reply(self, expect=b"2"):
        """All lines of one reply."""
        reply = b""
        while True:
            line = self.read_line()
            reply += line
            if FINAL_REPLY.match(line):
                if not line.startswith(expect):
                    raise ProtocolError(f"expected {expect!r}, got {reply!r}")
                return reply

    def command(self, text, expect=b"2"):
        self.send((text if isinstance(text, bytes) else text.encode()) + b"\r\n")
        return self.read_reply(expect)

    def greet(self):
        return self.command(f"{self.hello} {self.name}")

    def begin_starttls(self):
        """As far as the handshake."""
        self.command("STARTTLS", expect=b"220")
        self._starttls.append((len(self.sent), len(self.received)))

    def starttls(self):
        self.begin_starttls()
        self.start_tls()

    # Mails

    def envelope(self, recipients, sender="sender@example.org"):
        """recipients: addresses, or (address, the reply that is expected)."""
        self.command(f"MAIL FROM:<{sender}>")
        for recipient in recipients:
            address, expect = recipient if isinstance(recipient, tuple) else (recipient, b"2")
            self.command(f"RCPT TO:<{address}>", expect)

    def send_mail(self, recipients, message, *, replies=1, expect=b"2", **options):
        """replies: LMTP sends one for each recipient that it took."""
        self.envelope(recipients, **options)
        self.data(message, replies=replies, expect=expect)

    def data(self, message, *, replies=1, expect=b"2"):
        self.command("DATA", expect=b"354")
        self.send(stuff(message) + b".\r\n")
        return self._read_replies(replies, expect)

    def bdat(self, *chunks, replies=1):
        """Each chunk is one BDAT command; it need not end in a line end."""
        for chunk in chunks[:-1]:
            self.send(b"BDAT %d\r\n" % len(chunk) + chunk)
            self.read_reply()
        self.send(b"BDAT %d LAST\r\n" % len(chunks[-1]) + chunks[-1])
        return self._read_replies(replies)

    def _read_replies(self, count, expect=b"2"):
        return b"".join(self.read_reply(expect) for _ in range(count))

    def quit(self):
        """To the end of the connection."""
        self.command("QUIT", expect=b"221")
        self.read_to_end()
        self.close()


def lmtp(dovecot, transport, **options):
    """An LMTP client over "plain", "starttls", "tls" or "unix" that has read the greeting and,
    if asked for, started TLS."""
    client = _lmtp(dovecot, transport, **options)
    if transport == "starttls":
        client.greet()
        client.starttls()
    return client


def _lmtp(dovecot, transport, **options):
    if transport == "unix":
        return SmtpClient(dovecot.base_dir / "lmtp", None, hello="LHLO", **options)
    tls = transport == "tls"
    port = dovecot.ports["lmtps" if tls else "lmtp"]
    return SmtpClient("127.0.0.1", port, hello="LHLO", tls=tls, **options)


class Submission(SmtpClient):
    """What rawlog_dir has of it begins after the AUTH command."""

    def __init__(self, dovecot, transport, user, **options):
        tls = transport == "tls"
        port = dovecot.ports["submissions" if tls else "submission"]
        super().__init__("127.0.0.1", port, tls=tls, **options)
        self.user = user
        self.protocol = "submission"
        self._login = None
        if transport == "starttls":
            self.greet()
            self.starttls()
        self.greet()

    def log_in(self, pipelined=b"", expect=b"235"):
        """pipelined: sent in the same segment, after the AUTH command."""
        line = b"AUTH PLAIN " + sasl_plain(self.user) + b"\r\n"
        self._login = len(self.sent) + len(line), len(self.received)
        self.send(line + pipelined)
        return self.read_reply(expect)

    @property
    def session_in(self):
        """Everything sent after the login command."""
        return bytes(self.sent[self._login[0]:])

    @property
    def session_out(self):
        """Everything received from the reply to the login command on."""
        return bytes(self.received[self._login[1]:])


# The server

@dataclass
class Session:
    """One connection to the server, as the server saw it."""
    sent: bytearray = field(default_factory=bytearray)
    received: bytearray = field(default_factory=bytearray)
    starttls: list = field(default_factory=list)
    messages: list = field(default_factory=list)
    error: Exception | None = None

    @property
    def pairs(self):
        """As its client's rawlog: [(what this server sent, what it received)]."""
        return self.pairs_without(b"")

    def pairs_without(self, unread):
        """Of a client that did not read this end of what was sent."""
        return cut(self.sent.removesuffix(unread), self.received, self.starttls)


@dataclass
class Faults:
    """What the server does wrong. Commands are named by their first word, "." is the end of a
    mail, "greeting" is the time before the greeting, "handshake" that of TLS's."""
    close_at: str | None = None         # closes when it has read this
    reset_at: str | None = None         # the same, with RST
    replies: dict = field(default_factory=dict)     # "RCPT": b"550 no"
    byte_by_byte: bool = False          # each byte in a segment of its own
    garbage: bool = False               # plain text where TLS's handshake should be


class SmtpServer:
    """Listens on a port of 127.0.0.1, serves each connection in a thread.

    tls: None, "starttls" or "implicit"; certificate: the directory of cert.pem and key.pem."""

    CAPABILITIES = ("PIPELINING", "SIZE 10240000", "8BITMIME", "ENHANCEDSTATUSCODES", "CHUNKING",
                    "DSN", "VRFY")

    def __init__(self, *, protocol="smtp", tls=None, certificate=None, extra=(), lacks=(),
                 faults=None, answers_quit=True):
        self.protocol = protocol
        self.tls = tls
        # extra: more capabilities ("AUTH PLAIN", "XCLIENT ADDR"); lacks: not these
        self.capabilities = [word for word in (*self.CAPABILITIES, *extra) if word not in lacks]
        self.faults = faults or Faults()
        self.answers_quit = answers_quit    # no: for a client that closes right after its QUIT
        self.sessions = []              # in the order of the connections
        self._context = None
        self._threads = []
        if tls:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]

    def __enter__(self):
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind, *_):
        self.stop_listening()
        self.wait_over()
        errors = [session.error for session in self.sessions if session.error]
        if errors and kind is None:
            raise errors[0]

    def stop_listening(self):
        """Connections to the port are refused from now on."""
        if self._thread.is_alive():
            self._listener.shutdown(socket.SHUT_RDWR)       # ends accept()
            self._thread.join(TIMEOUT)
            self._listener.close()

    def wait_over(self):
        """Until all connections are closed."""
        for thread in list(self._threads):
            thread.join(TIMEOUT)
            if thread.is_alive():
                raise TimeoutError("a connection to the server is still open")

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return          # shut down
            session = Session()
            self.sessions.append(session)
            thread = threading.Thread(target=self._serve, args=(sock, session), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock, session):
        sock.settimeout(TIMEOUT)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        conversation = _Conversation(self, sock, session)
        try:
            conversation.run()
        except _Over:
            pass
        except Exception as error:      # raised where the server is left
            session.error = error
        finally:
            conversation.close()


class _Over(Exception):
    """The connection is at its end."""


class _Conversation:
    def __init__(self, server, sock, session):
        self.server = server
        self.socket = sock
        self.session = session
        self.faults = server.faults
        self.recipients = 0
        self.body = b""
        self._read = 0          # what of session.received has been handled

    def run(self):
        if self.server.tls == "implicit":
            self._start_tls()
        self._fault("greeting")
        self._reply("greeting", b"220 relay.example ESMTP")
        while True:
            self._command(self._line())

    def close(self):
        if self.faults.reset_at:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    # Bytes

    def _receive(self):
        try:
            data = self.socket.recv(65536)
        except (ConnectionResetError, ssl.SSLError):
            data = b""
        if not data:
            raise _Over
        self.session.received += data

    def _line(self):
        while (end := self.session.received.find(b"\n", self._read)) < 0:
            self._receive()
        return self._take(end + 1)

    def _bytes(self, count):
        while len(self.session.received) < self._read + count:
            self._receive()
        return self._take(self._read + count)

    def _take(self, end):
        data = bytes(self.session.received[self._read:end])
        self._read = end
        return data

    def _send(self, data):
        try:
            if self.faults.byte_by_byte:
                for byte in data:
                    self.socket.sendall(bytes([byte]))
            else:
                self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            raise _Over from None
        self.session.sent += data

    def _reply(self, verb, *lines):
        lines = [self.faults.replies[verb]] if verb in self.faults.replies else lines
        last = len(lines) - 1
        self._send(b"".join(line[:3] + (b" " if i == last else b"-") + line[4:] + b"\r\n"
                            for i, line in enumerate(lines)))

    def _start_tls(self):
        self._fault("handshake")
        if self.faults.garbage:
            self.socket.sendall(b"what is TLS?\r\n")
            raise _Over
        try:
            self.socket = self.server._context.wrap_socket(self.socket, server_side=True)
        except (ssl.SSLError, OSError):
            raise _Over from None       # the client did not want to

    def _fault(self, where):
        if where in (self.faults.close_at, self.faults.reset_at):
            raise _Over

    # Commands

    def _command(self, line):
        words = line.split()
        verb = words[0].upper().decode() if words else ""
        self._fault(verb)
        handler = getattr(self, f"_on_{verb.lower()}", None)
        if handler is None:
            self._reply(verb, b"500 5.5.1 Unknown command")
        else:
            handler(words[1:])

    def _on_ehlo(self, _):
        capabilities = self.server.capabilities.copy()
        if self.server.tls == "starttls" and not self.session.starttls:
            capabilities.append("STARTTLS")
        self._reply("EHLO", b"250 relay.example",
                    *(b"250 " + capability.encode() for capability in capabilities))

    _on_lhlo = _on_ehlo

    def _on_starttls(self, _):
        self._reply("STARTTLS", b"220 2.0.0 Go ahead")
        if "STARTTLS" in self.faults.replies:
            return
        self.session.starttls.append((len(self.session.sent), len(self.session.received)))
        self._start_tls()

    def _on_auth(self, words):
        if len(words) == 1:
            self._reply("AUTH continuation", b"334 ")
            self._line()
        self._reply("AUTH", b"235 2.7.0 Authenticated")

    def _on_xclient(self, _):
        self._reply("XCLIENT", b"220 relay.example ESMTP")

    def _on_mail(self, _):
        self.recipients, self.body = 0, b""
        self._reply("MAIL", b"250 2.1.0 Ok")

    def _on_rcpt(self, _):
        self.recipients += "RCPT" not in self.faults.replies
        self._reply("RCPT", b"250 2.1.5 Ok")

    def _on_data(self, _):
        self._reply("DATA", b"354 Go ahead")
        if "DATA" in self.faults.replies:
            return
        lines = []
        while (line := self._line()) != b".\r\n":
            lines.append(line.removeprefix(b"."))
        self._end_of_mail(b"".join(lines))

    def _on_bdat(self, words):
        self.body += self._bytes(int(words[0]))
        if words[1:]:
            self._end_of_mail(self.body)
        else:
            self._reply("BDAT", b"250 2.0.0 Ok")

    def _end_of_mail(self, message):
        self._fault(".")
        self.session.messages.append(message)
        for _ in range(self.recipients if self.server.protocol == "lmtp" else 1):
            self._reply(".", b"250 2.0.0 Ok: queued")

    def _on_rset(self, _):
        self._reply("RSET", b"250 2.0.0 Ok")

    def _on_noop(self, _):
        self._reply("NOOP", b"250 2.0.0 Ok")

    def _on_vrfy(self, _):
        self._reply("VRFY", b"252 2.0.0 Maybe")

    def _on_quit(self, _):
        if self.server.answers_quit:
            self._reply("QUIT", b"221 2.0.0 Bye")
        raise _Over


def stuff(message):
    """A mail as DATA carries it: dots doubled at the start of lines."""
    return re.sub(rb"(?m)^\.", b"..", message)


def cut(sent, received, places):
    """[(sent, received)], cut at these places: [(bytes sent, bytes received)]."""
    starts = [(0, 0), *places]
    ends = [*places, (len(sent), len(received))]
    return [(bytes(sent[a:c]), bytes(received[b:d])) for (a, b), (c, d) in zip(starts, ends)]
