# SPDX-License-Identifier: MIT
r"""Event scripts (.rls): the form of a saved stream that people can read and review.

A line is an event: the time in seconds, a verb, arguments. The compiler keeps count of offsets,
inode numbers of sockets and numbers of sessions, so a script says only what matters. Strings are
"quoted", with \r \n \t \0 \\ \" \xHH; "x"*1000 repeats. Sockets and sessions have names.

    rule [MODE] [PROTOCOL|*] [-FLAGS] [dir=DIR] [format=NAME]
                                    the recorder's rules (before the first event; none: rule *)
                                    MODE: rawlog rawlog_dir login lmtp lmtp_proxy relay
    user-mask MASK, redact          -u and --redact of the recorder
    setting "..."                   instead of these: the rules, as they are
    fixed-order, whole              not to be interleaved, not to be split (why: a comment)

    T clock ISO-TIME                realtime at T, and the zone
    T master PID VERSION [status=ok|gone|untrusted|version|excluded|container|silent|missed|whose]
    T settings PID [NAME "VALUE"]...        of the master
    T users PID [NAME "VALUE"]...           likewise: listen PORT, user "PID\tIP\tNAME\t...", error "..."
    T exec PID COMM parent=PID [found] [stranger]
    T exit PID        T ids PID UID GID  (from now on)
    T groups PID N [gids=N]         it has N of them; gids: so many are in the record
    T open SOCK PID CLASS ino=N [path=P]    client login auth postlogin other relay
                    [rip=] [rport=] [lip=] [lport=] [family=unix] [found]
                    [unseen]        no record   [again] [cookie=SOCK]   the cookie of another
                    [handed=SOCK]   it was this one, of another process
           A client of a login process or of lmtp and a relay are a session of the socket's name,
           if a rule records such; [uncounted]: not this one. So is a mail process's that was found.
    T in|out SOCK "bytes" [at=OFFSET] [pass=INO] [more] [cont] [eof] [as=UID,GID]
                    [tls]           the text inside TLS   [undecided]   it can be TLS already
                    [deflate]       the bytes as COMPRESS has them, and a flush
    T tls SOCK [at=OFFSET]          TLS begins, with the last undecided bytes that came in
      [out-end=OFFSET]
    T give-up PID                   TLS was about to begin in this process, and does not
    T skip SOCK in|out N [tls]      bytes that pass unseen: no record
    T gap SOCK in|out N REASON [tls] [undecided]
                ring fault sendfile call backlog unseen doubt cipher awaited deflate, or a number
    T close SOCK [tail] [live]      tail, live: with the final offsets; [tls]: of the text inside TLS
    T ask SOCK CLIENT [tag=] and as login   a login process's request for this client of its own
                    [pass=INO]      another socket than the client's is passed along: TLS
    T link PID CLIENT|- [end=IN,OUT]    before it: so much had passed when records were lost
                    [pass=INO]      TLS: when its first bytes from the mail process are passed on
    T reply SOCK CLIENT [tag=] [status=N]   what it is answered; 0: the client is taken over
    T login SOCK SESSION ino=N [id=] [pid=] [tag=] [rip=] [rport=] [lip=] [lport=]
                         [login-flags=N] [input="..."] [prefix="..."] [data-size=N] [cut=N,N]
                         [uncounted] [says=INO]
           prefix: the strings before the client's bytes. Each service has its number of them;
           says: not the inode that is passed along
    T request SOCK SESSION id=N             the mail process asks who it is
    T user SOCK id=N NAME [field=value]     the answer, also: T notfound|fail SOCK id=N
    T session SESSION PID ino=N NAME [field=value] [id=] [handed=SOCK] [inet] and as login
                                    all of these with the process's own sockets, then the client's,
                                    which has the session's name
    T log SESSION missing|notdir|lstat|create|opened|late [rule=N] [error=N] [serial=N]
    T write SESSION ended|behind|goes-on [rule=N] [turn=N] [error=N] [size=IN,OUT]
    T stats [counter=N]
    T raw TYPE "payload" [len=N]    any record; len: what its header claims
    T cut N                         the file ends N bytes earlier

What must come of it follows: for each run of `rawtap -D replay`, the options, the exit status,
what it says, and the files (see replaycase.py).
"""

import struct
from dataclasses import dataclass, field
from datetime import datetime

import ctables
from scriptwords import Args, ScriptError, parse_line
from streamabi import ABI_VERSION, ENDIAN_MARK, FLAGS, HEADER, LOG_STATUS, LOGIN_REPLY, MAGIC, \
    NUMBERS, STRUCTS, WRITE_STATUS, encode, inet, ip_addr, login_request, number, pack, padded

MONOTONIC_BASE = 5000  # seconds that the machine was up at T = 0

# what `login` takes, and `session` leaves to it
LOGIN_KEYS = "rip lip input prefix login-flags cut says pid data-size".split()

SERVICES = ctables.services()
MODES = ctables.modes()
RULE_WORDS = ctables.rule_words()
# What sh and others are taken for: the kernel tells rawtap of no such process.
OTHER = SERVICES["imap"]
# The strings before a client's first bytes in a login request: a tag, or nothing.
PREFIXES = {0: b"", 1: b"a1\0", 2: b"\0\0"}


def mode_of(service, kind):
    """Which mode records the sockets of this class as sessions of their own. What a mail process
    accepts is a session that begins with its login request."""
    traffic = getattr(service, kind) if kind in ("client", "relay") else "NONE"
    return None if traffic == "MAIL" else next(
        (mode for mode, of in MODES.items() if of == traffic), None)


@dataclass
class Record:
    type: str  # without RL_
    time_ns: int
    payload: bytes = b""
    flags: int = 0
    tgid: int = 0
    ids: tuple = (0, 0)
    cookie: int = 0
    # DATA: what payload is made of, so that it can be split
    data: bytes | None = None
    offset: int = 0
    passed_ino: int = 0
    dir: int = 0
    sock_class: int = 0
    # FACT_LOG, FACT_WRITE: of which session; others: the session that begins with it
    fact: dict | None = None
    session: str | None = None
    completes: str | None = None
    # what must stay in order
    pid: int | None = None      # None: everything before stays before, what follows behind
    client: str | None = None   # of this client's connection, not of the process
    ino: int = 0                # of the login request, or of the connection that closes
    claims: int | None = None   # raw: the length in the header


@dataclass
class Sock:
    name: str
    cookie: int
    pid: int
    sock_class: int
    ino: int
    addresses: dict = field(default_factory=dict)
    next: list = field(default_factory=lambda: [0, 0])
    text: list = field(default_factory=lambda: [0, 0])  # inside TLS
    undecided: int = 0  # where the last undecided bytes that came in begin
    out_end: int = 0    # of a client: what had gone out then

    def offsets(self, tls):
        return self.text if tls else self.next


@dataclass
class Login:
    name: str
    pid: int
    auth_id: int
    client_pid: int
    cookie: bytes
    ino: int


def deflate(data):
    """In blocks that are stored: the same bytes with any zlib, and with any before them."""
    blocks = b""
    for at in range(0, len(data), 0xffff):
        block = data[at:at + 0xffff]
        blocks += struct.pack("<BHH", 0, len(block), len(block) ^ 0xffff) + block
    return blocks + b"\0\0\0\xff\xff"


def direction(name):
    return {"in": 0, "out": 1}[name]


class Script:
    def __init__(self, text):
        self.setting = b""
        self.records = []
        self.socks = {}
        self.logins = {}
        self.asks = {}
        self.comms = {}
        self.parents = {}
        self.layouts = {None: login_request("2.3.0")}   # by master; None: another one's
        self.modes = set()
        self.ids = {}
        self.cut = 0
        self.fixed_order = self.whole = False
        for at, line in enumerate(text.split("\n"), 1):
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            try:
                self.line(parse_line(line))
            except (ScriptError, KeyError, ValueError) as error:
                raise ScriptError(f"line {at}: {line.strip()}: {error!r}") from error

    def line(self, args):
        verb = args.text()
        if verb[0].isdigit():
            self.time_ns = round((MONOTONIC_BASE + float(verb)) * 10**9)
            verb = args.text()
            getattr(self, "do_" + verb.replace("-", "_"))(args)
        elif verb == "rule":
            self.rule(args)
        elif verb == "redact":
            self.setting += b"redact\0"
        elif verb == "user-mask":
            self.setting += f"user\0{args.text()}\0".encode()
        elif verb == "setting":
            self.setting = args.word()
        elif verb in ("fixed-order", "whole"):
            setattr(self, verb.replace("-", "_"), True)
        else:
            raise ScriptError(f"no such word: {verb}")
        args.done()

    def rule(self, args):
        mode = args.text() if args.words and args.words[0] in MODES else "rawlog"
        protocol = args.text() if args.words and not args.words[0].startswith("-") else "*"
        flags = args.text() if args.words else "-"
        self.setting += f"way\0{mode}\0{protocol.replace('*', '')}\0{flags}\0".encode()
        for word in RULE_WORDS:
            if word in args.keys:
                self.setting += f"{word}\0{args.key(word)}\0".encode()
        self.modes.add(mode)

    def numbered(self):
        """Are files numbered, by process? Then what happens in one process has an order."""
        return bool(self.modes - {"rawlog"})

    def add(self, kind, **values):
        record = Record(kind, self.time_ns, **values)
        if record.tgid and record.ids == (0, 0):
            record.ids = self.ids.get(record.tgid, (0, 0))
        self.records.append(record)
        return record

    # The world and its processes

    def do_clock(self, args):
        when = datetime.fromisoformat(args.text())
        seconds = int(when.replace(microsecond=0).timestamp())
        self.add("CLOCK", payload=pack(
            "rl_clock", realtime_ns=seconds * 10**9 + when.microsecond * 1000,
            utc_offset=int(when.utcoffset().total_seconds())))

    def do_master(self, args):
        pid, version = args.int(), args.text()
        self.layouts[pid] = login_request(version)
        self.add("FACT_MASTER", tgid=pid, payload=pack(
            "rl_master", version=version.encode(), base_dir=b"/run/dovecot",
            status=number("RL_MASTER_", args.key("status", "ok"))))

    def do_settings(self, args, record="FACT_SETTINGS"):
        pid, text = args.int(), b""
        while args.words:
            text += args.text().encode() + b"\0" + args.text().encode() + b"\0"
        self.add(record, tgid=pid, payload=pack("rl_setting", size=len(text)) + text)

    def do_users(self, args):
        self.do_settings(args, "FACT_USERS")

    def do_exec(self, args):
        pid, comm = args.int(), args.text()
        self.ids.pop(pid, None)
        self.comms[pid], self.parents[pid] = comm, args.number("parent")
        self.add("PROC_EXEC", tgid=pid, pid=pid, flags=FLAGS["found"] if args.flag("found") else 0,
                 payload=pack("rl_proc", parent_tgid=self.parents[pid], comm=comm.encode(),
                              role=NUMBERS["RL_ROLE_STRANGER"] if args.flag("stranger") else
                              self.role(pid)))

    def role(self, pid):
        return NUMBERS["RL_ROLE_" + self.service(pid).role]

    def service(self, pid):
        return SERVICES.get(self.comms.get(pid), OTHER)

    def do_exit(self, args):
        pid = args.int()
        self.add("PROC_EXIT", tgid=pid, pid=pid)

    def do_ids(self, args):
        pid = args.int()
        self.ids[pid] = (args.int(), args.int())

    def do_groups(self, args):
        pid, count = args.int(), args.int()
        gids = range(args.number("gids", count))
        self.add("GROUPS", tgid=pid, pid=pid, payload=struct.pack(f"=II{len(gids)}I", count, 0, *gids))

    # Sockets

    def do_open(self, args):
        name, pid, kind = args.text(), args.int(), args.text()
        like = self.socks.get(args.key("cookie", name) if args.flag("again") else None)
        sock = Sock(name, like.cookie if like else 0x1000 + len(self.records), pid,
                    NUMBERS["RL_CLASS_" + kind.upper()], args.number("ino"))
        sock.next = like.next if like else sock.next
        if "handed" in args.keys:
            sock.cookie = self.socks[args.key("handed")].cookie
        found = args.flag("found")
        open_before = found and kind == "client" and self.service(pid).client == "MAIL"
        mode = mode_of(self.service(pid), kind) or args.flag("inet") or open_before
        sock.addresses = {key: args.key(key, default if mode else "") for key, default in
                          (("lip", "192.0.2.1"), ("lport", "143"), ("rip", "192.0.2.7"),
                           ("rport", "51000"))}
        self.socks[name] = sock
        if args.flag("unseen"):
            args.key("path")
            return
        counted = not args.flag("uncounted") and (
            open_before or (mode in self.modes and not found))
        family = NUMBERS["RL_AF_" + args.key(
            "family", "inet" if kind in ("client", "relay") else "unix").upper()]
        self.add("SOCK_OPEN", tgid=pid, pid=pid, cookie=sock.cookie, ino=sock.ino,
                 flags=FLAGS["found"] if found else 0, completes=name if counted else None,
                 payload=pack("rl_open", ino=sock.ino, family=family, role=self.role(pid),
                              path=args.key("path", "").encode() if family == 1 else
                              inet(**sock.addresses), **{"class": sock.sock_class}))

    def of_sock(self, sock):
        traffic = sock.sock_class in (NUMBERS["RL_CLASS_CLIENT"], NUMBERS["RL_CLASS_RELAY"])
        return {"tgid": sock.pid, "pid": sock.pid, "cookie": sock.cookie,
                "client": sock.name if traffic else None}

    def data(self, sock, dir, data, *, flags=0, at=None, passed_ino=0, ids=(0, 0)):
        offsets = sock.offsets(flags & FLAGS["tls"])
        begin = offsets[dir] if at is None else at
        offsets[dir] = begin + len(data)
        if flags & FLAGS["undecided"] and dir == 0 and not flags & FLAGS["cont"]:
            sock.undecided = begin
            if sock.sock_class == NUMBERS["RL_CLASS_CLIENT"]:
                sock.out_end = sock.next[1]
        return self.add("DATA", data=data, dir=dir, flags=flags, passed_ino=passed_ino, ids=ids,
                        offset=begin, sock_class=sock.sock_class, **self.of_sock(sock))

    def flags(self, args, *names):
        return sum(FLAGS[name] for name in names if args.flag(name))

    def bytes_moved(self, dir, args):
        sock = self.socks[args.text()]
        flags = self.flags(args, "more", "eof", "cont", "tls", "undecided")
        moved = args.word() if args.words else b""
        self.data(sock, dir, deflate(moved) if args.flag("deflate") else moved, flags=flags,
                  at=args.number("at") if "at" in args.keys else None,
                  passed_ino=args.number("pass"),
                  ids=args.pair("as") if "as" in args.keys else (0, 0))

    def do_in(self, args):
        self.bytes_moved(0, args)

    def do_out(self, args):
        self.bytes_moved(1, args)

    def do_tls(self, args):
        sock = self.socks[args.text()]
        self.add("TLS_BEGIN", payload=pack("rl_tls", offset=args.number("at", sock.undecided),
                                           out_end=args.number("out-end", sock.out_end)),
                 **self.of_sock(sock))

    def do_give_up(self, args):
        pid = args.int()
        self.add("TLS_BEGIN", tgid=pid, pid=pid, payload=pack("rl_tls"))

    def do_skip(self, args):
        sock, dir, size = self.socks[args.text()], direction(args.text()), args.int()
        sock.offsets(args.flag("tls"))[dir] += size

    def do_gap(self, args):
        sock, dir, size = self.socks[args.text()], direction(args.text()), args.int()
        reason, flags = args.text(), self.flags(args, "tls", "undecided")
        offsets = sock.offsets(flags & FLAGS["tls"])
        self.add("GAP", flags=flags, payload=pack(
            "rl_gap", offset=offsets[dir], size=size, dir=dir, reason=number("RL_GAP_", reason),
            **{"class": sock.sock_class}), **self.of_sock(sock))
        offsets[dir] += size

    def do_close(self, args):
        sock, live = self.socks[args.text()], args.flag("live")
        ends = sock.offsets(args.flag("tls")) if live or args.flag("tail") else (0, 0)
        self.add("SOCK_CLOSE", flags=FLAGS["live"] if live else 0, ino=sock.ino,
                 payload=pack("rl_close", end=struct.pack("=QQ", *ends)), **self.of_sock(sock))

    # The handshake

    def login(self, sock, dir, args, login, tag, passed_ino):
        data = f"{login.name}\0".encode() + self.prefix(sock, args) + args.key("input", b"")
        layout = self.layouts.get(self.parents.get(sock.pid), self.layouts[None])
        request = layout.pack(
            tag, 0, login.auth_id, login.client_pid, login.cookie,
            ip_addr(args.key("lip", "192.0.2.1")), ip_addr(args.key("rip", "192.0.2.7")),
            args.number("lport", 143), args.number("rport", 51000), args.number("login-flags", 0),
            args.number("data-size", len(data)), args.number("says", login.ino)) + data
        cuts = [0, *map(int, args.key("cut", "").replace(",", " ").split()), len(request)]
        for begin, end in zip(cuts, cuts[1:]):
            record = self.data(sock, dir, request[begin:end],
                               passed_ino=0 if begin else passed_ino)
            record.ino = login.ino
        return record

    def prefix(self, sock, args):
        """As the process's service has it; a wrong one would be taken for the client's bytes."""
        count = self.service(sock.pid).prefix_strings
        prefix = args.key("prefix", PREFIXES[count])
        if prefix.count(b"\0") != count and "data-size" not in args.keys:
            raise ScriptError(f"prefix= has {prefix.count(0)} strings, not {count}")
        return prefix

    def do_login(self, args):
        sock, name = self.socks[args.text()], args.text()
        count = len(self.logins) + 1
        login = Login(name, sock.pid, args.number("id", count), args.number("pid", 300),
                      bytes([count]) * 16, args.number("ino"))
        self.logins[name] = login
        record = self.login(sock, 0, args, login, args.number("tag", count), login.ino)
        if not args.flag("uncounted"):
            record.completes = name

    def do_ask(self, args):
        sock, client = self.socks[args.text()], self.socks[args.text()]
        count = len(self.asks) + 1
        tag = self.asks[client.name] = args.number("tag", count)
        passed_ino = args.number("pass", client.ino)
        for key, value in client.addresses.items():
            if value:
                args.keys.setdefault(key, value)
        login = Login(client.name, sock.pid, count, sock.pid, bytes([count]) * 16, passed_ino)
        self.login(sock, 1, args, login, tag, passed_ino)

    def do_reply(self, args):
        sock, client = self.socks[args.text()], args.text()
        tag = args.number("tag") if "tag" in args.keys else self.asks[client]
        self.data(sock, 0, LOGIN_REPLY.pack(tag, args.number("status"), 500))

    def do_link(self, args):
        pid, sock, end = args.int(), self.socks.get(args.text()), args.pair("end", "0,0")
        self.add("LINK", tgid=pid, pid=pid, cookie=sock.cookie if sock else 0, payload=pack(
            "rl_link", ino=args.number("pass", sock.ino if sock else 0),
            end=struct.pack("=QQ", *end)))

    def do_request(self, args):
        sock, login = self.socks[args.text()], self.logins[args.text()]
        self.data(sock, 1, f"REQUEST\t{args.key('id')}\t{login.client_pid}\t{login.auth_id}\t"
                           f"{login.cookie.hex()}\tsession={login.name}\n".encode())

    def answer(self, kind, args, rest=""):
        self.data(self.socks[args.text()], 0, f"{kind}\t{args.key('id')}{rest}\n".encode())

    def do_user(self, args):
        sock, name = args.text(), args.text()
        self.user(sock, args.key("id"), name, args)

    def user(self, sock, id_text, name, args):
        fields = [f"{key}={args.key(key)}" for key in list(args.keys)]
        self.data(self.socks[sock], 0,
                  "\t".join(["USER", id_text, name, *fields]).encode() + b"\n")

    def do_notfound(self, args):
        self.answer("NOTFOUND", args)

    def do_fail(self, args):
        self.answer("FAIL", args, "\ttemp")

    def do_session(self, args):
        name, pid, user = args.text(), args.text(), args.text()
        ino, lookup = args.key("ino"), args.key("id", str(len(self.logins) + 1))
        login = {key: args.keys.pop(key) for key in LOGIN_KEYS if key in args.keys}
        handed = {"handed": args.keys.pop("handed")} if "handed" in args.keys else {}
        inet_words = ["inet"] if args.flag("inet") else []
        for kind in ("login", "auth"):
            if f"{pid}.{kind}" not in self.socks:
                self.do_open(Args([f"{pid}.{kind}", pid, kind]))
        self.do_login(Args([f"{pid}.login", name], {"ino": ino, **login}))
        self.do_request(Args([f"{pid}.auth", name], {"id": lookup}))
        self.user(f"{pid}.auth", lookup, user, args)
        self.do_open(Args([name, pid, "client", *inet_words], {"ino": ino, **handed}))

    # Facts

    def sock_of(self, name):
        """The socket of a session: its login says which, or it has its name."""
        login = self.logins.get(name)
        if not login:
            return self.socks[name]
        return next((sock for sock in reversed(self.socks.values())
                     if sock.ino == login.ino and sock.pid == login.pid and
                     sock.sock_class == NUMBERS["RL_CLASS_CLIENT"]), None)

    def fact(self, kind, name, **values):
        sock = self.sock_of(name)
        client = {"pid": sock.pid, "client": sock.name} if sock else {}
        self.add(kind, session=name, fact=values, **client)

    def do_log(self, args):
        self.fact("FACT_LOG", args.text(), status=NUMBERS["RL_LOG_" + LOG_STATUS[args.text()]],
                  rule=args.number("rule"), error=args.number("error"),
                  serial=args.number("serial", 1))

    def do_write(self, args):
        self.fact("FACT_WRITE", args.text(),
                  status=NUMBERS["RL_WRITE_" + WRITE_STATUS[args.text()]],
                  rule=args.number("rule"), turn=args.number("turn"), error=args.number("error"),
                  size=struct.pack("=QQ", *args.pair("size", "0,0")))

    def do_stats(self, args):
        values = {name: args.number(name.replace("_", "-"))
                  for name in STRUCTS["rl_stats"][1].split()}
        self.add("STATS", payload=pack("rl_stats", **values))

    def do_raw(self, args):
        self.add(args.text(), payload=args.word() if args.words else b"",
                 claims=args.number("len") if "len" in args.keys else None)

    def do_cut(self, args):
        self.cut = args.int()

    # The stream

    def compile(self, records=None):
        return b"".join(self.pieces(records))

    def pieces(self, records=None):
        """The header, then each record, padded."""
        setting = self.setting or b"way\0rawlog\0\0-\0"
        if not setting.endswith(b"end\0"):
            setting += b"end\0"
        yield HEADER.pack(MAGIC, ABI_VERSION, ENDIAN_MARK)
        yield padded(encode(Record("SETTING", 0), pack("rl_setting", size=len(setting)) + setting))
        numbers = {}
        body = []
        for record in self.records if records is None else records:
            body.append(padded(encode(record, payload_of(record, numbers))))
            if record.completes:
                numbers[record.completes] = len(numbers) + 1
        if self.cut:
            body[-1] = body[-1][:-self.cut]
        yield from body


def payload_of(record, numbers):
    if record.data is not None:
        return pack("rl_data", offset=record.offset, passed_ino=record.passed_ino,
                    size=len(record.data), dir=record.dir,
                    **{"class": record.sock_class}) + record.data
    if record.fact is not None:
        name = {"FACT_LOG": "rl_log", "FACT_WRITE": "rl_write"}[record.type]
        return pack(name, session=numbers[record.session], **record.fact)
    return record.payload
