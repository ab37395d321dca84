# SPDX-License-Identifier: MIT
r"""Event scripts (.rls): the form of a saved stream that people can read and review.

A line is an event: the time in seconds, a verb, arguments. The compiler keeps count of offsets,
inode numbers of sockets and numbers of sessions, so a script says only what matters. Strings are
"quoted", with \r \n \t \0 \\ \" \xHH; "x"*1000 repeats. Sockets and sessions have names.

    way [PROTOCOL|*] [-FLAGS]       the recorder's rules (before the first event; none: way *)
    user-mask MASK                  -u of the recorder
    setting "..."                   instead of these: the rules, as they are
    fixed-order, whole              not to be interleaved, not to be split (why: a comment)

    T clock ISO-TIME                realtime at T, and the zone
    T master PID VERSION [status=ok|gone|untrusted|version|excluded]
    T exec PID COMM parent=PID [found]      T exit PID        T ids PID UID GID  (from now on)
    T open SOCK PID CLASS ino=N [path=P]    client login auth postlogin other
                    [unseen]        no record   [again] [cookie=SOCK]   the cookie of another
    T in|out SOCK "bytes" [at=OFFSET] [pass=INO] [more] [cont] [eof] [as=UID,GID]
    T skip SOCK in|out N            bytes that pass unseen: no record
    T gap SOCK in|out N REASON      ring fault sendfile call backlog, or a number
    T close SOCK [tail] [live]      tail, live: with the final offsets
    T login SOCK SESSION ino=N [id=] [pid=] [tag=] [rip=] [rport=] [lip=] [lport=]
                         [input="..."] [prefix="..."] [data-size=N] [cut=N,N] [uncounted]
    T request SOCK SESSION id=N             the mail process asks who it is
    T user SOCK id=N NAME [field=value]     the answer, also: T notfound|fail SOCK id=N
    T session SESSION PID ino=N NAME [field=value] [rip=] [input=] [id=]
                                    all of these with the process's own sockets, then the client's,
                                    which has the session's name
    T log SESSION missing|notdir|lstat|create|opened [way=N] [error=N] [serial=N]
    T write SESSION [way=N] error=N size=IN,OUT
    T stats [counter=N]
    T raw TYPE "payload" [len=N]    any record; len: what its header claims
    T cut N                         the file ends N bytes earlier

What must come of it follows: for each run of `rawtap -D replay`, the options, the exit status,
what it says, and the files (see replaycase.py).
"""

import ipaddress
import re
import struct
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from scriptwords import Args, ScriptError, parse_line

MONOTONIC_BASE = 5000  # seconds that the machine was up at T = 0

HEADER = struct.Struct("=8sII")
MAGIC, ABI_VERSION, ENDIAN_MARK = b"RAWTAP\0\n", 1, 0x01020304

# Checked against include/rl_abi.h by test_replay.py: struct, its format, its fields.
STRUCTS = {
    "rl_rec": ("=IHHQIIIIQ", "len type flags time_ns tgid uid gid pad cookie"),
    "rl_clock": ("=qiI", "realtime_ns utc_offset pad"),
    "rl_proc": ("=IHH16s", "parent_tgid role pad comm"),
    "rl_open": ("=QHHHH128s", "ino class family role pad path"),
    "rl_inet": ("=16s16sHH", "local remote local_port remote_port"),
    "rl_data": ("=QQIBB2s", "offset passed_ino size dir class pad"),
    "rl_gap": ("=QQBBB5s", "offset size dir class reason pad"),
    "rl_close": ("=16s", "end"),
    "rl_master": ("=II64s256s", "status pad version base_dir"),
    "rl_log": ("=IIIIII", "session way status error serial pad"),
    "rl_write": ("=IIII16s", "session way error pad size"),
    "rl_setting": ("=II", "size pad"),
    "rl_tls": ("=Q", "offset"),
}
ENUMS = {
    "RL_": "CLOCK=1 SETTING=2 PROC_EXEC=3 PROC_EXIT=4 SOCK_OPEN=5 DATA=6 GAP=7 SOCK_CLOSE=8 "
           "FACT_MASTER=9 FACT_LOG=10 FACT_WRITE=11 STATS=12 TLS_BEGIN=13 FACT_SETTINGS=14 "
           "IN=0 OUT=1",
    "RL_CLASS_": "NONE=0 CLIENT=1 LOGIN=2 AUTH=3 POSTLOGIN=4 OTHER=5 RELAY=6",
    "RL_ROLE_": "NONE=0 MASTER=1 MAIL=2 STRANGER=3 LOGIN=4 DELIVERY=5",
    "RL_F_": "MORE=1 EOF=2 FOUND=4 CONT=8 LIVE=16 TLS=32 UNDECIDED=64",
    "RL_GAP_": "RING=1 FAULT=2 SENDFILE=3 CALL=4 BACKLOG=5",
    "RL_MASTER_": "OK=0 GONE=1 UNTRUSTED=2 VERSION=3 EXCLUDED=4",
    "RL_LOG_": "OPENED=0 MISSING=1 NOT_DIR=2 LSTAT_FAILED=3 CREATE_FAILED=4",
}

# The counters grow in number.
ABI = (Path(__file__).resolve().parent.parent.parent / "include/rl_abi.h").read_text()
COUNTERS = re.findall(r"X\((\w+), \"", ABI[ABI.index("#define RL_COUNTERS"):])
STRUCTS["rl_stats"] = (f"={len(COUNTERS)}Q", " ".join(COUNTERS))

NUMBERS = {prefix + name: int(number)
           for prefix, pairs in ENUMS.items()
           for name, number in (pair.split("=") for pair in pairs.split())}
LOG_STATUS = {"opened": "OPENED", "missing": "MISSING", "notdir": "NOT_DIR",
              "lstat": "LSTAT_FAILED", "create": "CREATE_FAILED"}

# struct master_auth_request of Dovecot 2.3 on a 64-bit machine (lib-master/master-auth.h).
LOGIN_REQUEST = struct.Struct("=IIII16s20s20sHHII4xQ")


def number(prefix, name):
    return int(name) if name.isdigit() else NUMBERS[prefix + name.upper()]


def pack(name, **values):
    """A struct; what is not named is zero."""
    layout, fields = STRUCTS[name]
    blank = dict(zip(fields.split(), struct.unpack(layout, bytes(struct.calcsize(layout)))))
    unknown = set(values) - set(blank)
    if unknown:
        raise ScriptError(f"{name} has no {unknown}")
    return struct.pack(layout, *(blank | values).values())


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
    # FACT_LOG, FACT_WRITE: of which session; DATA: the login request that is complete with it
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
    next: list = field(default_factory=lambda: [0, 0])


@dataclass
class Login:
    name: str
    auth_id: int
    client_pid: int
    cookie: bytes
    ino: int


def direction(name):
    return {"in": 0, "out": 1}[name]


def ip_addr(text):
    """struct ip_addr: the family, then the address."""
    if not text:
        return bytes(20)
    address = ipaddress.ip_address(text)
    return struct.pack("=HH16s", 2 if address.version == 4 else 10, 0, address.packed)


class Script:
    def __init__(self, text):
        self.setting = b""
        self.records = []
        self.socks = {}
        self.logins = {}
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
        elif verb == "way":
            protocol = args.text() if args.words and not args.words[0].startswith("-") else "*"
            flags = args.text() if args.words else "-"
            self.setting += f"way\0rawlog\0{protocol.replace('*', '')}\0{flags}\0".encode()
        elif verb == "user-mask":
            self.setting += f"user\0{args.text()}\0".encode()
        elif verb == "setting":
            self.setting = args.word()
        elif verb in ("fixed-order", "whole"):
            setattr(self, verb.replace("-", "_"), True)
        else:
            raise ScriptError(f"no such word: {verb}")
        args.done()

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
        self.add("FACT_MASTER", tgid=args.int(), payload=pack(
            "rl_master", version=args.text().encode(), base_dir=b"/run/dovecot",
            status=number("RL_MASTER_", args.key("status", "ok"))))

    def do_exec(self, args):
        pid, comm = args.int(), args.text()
        self.ids.pop(pid, None)
        self.add("PROC_EXEC", tgid=pid, pid=pid, flags=4 if args.flag("found") else 0,
                 payload=pack("rl_proc", parent_tgid=args.number("parent"), comm=comm.encode(),
                              role=NUMBERS["RL_ROLE_MAIL"]))

    def do_exit(self, args):
        pid = args.int()
        self.add("PROC_EXIT", tgid=pid, pid=pid)

    def do_ids(self, args):
        pid = args.int()
        self.ids[pid] = (args.int(), args.int())

    # Sockets

    def do_open(self, args):
        name, pid, kind = args.text(), args.int(), args.text()
        like = self.socks.get(args.key("cookie", name) if args.flag("again") else None)
        sock = Sock(name, like.cookie if like else 0x1000 + len(self.records), pid,
                    NUMBERS["RL_CLASS_" + kind.upper()], args.number("ino"))
        sock.next = like.next if like else sock.next
        self.socks[name] = sock
        if args.flag("unseen"):
            args.key("path")
            return
        self.add("SOCK_OPEN", tgid=pid, pid=pid, cookie=sock.cookie, payload=pack(
            "rl_open", ino=sock.ino, family=2 if kind == "client" else 1,
            path=args.key("path", "").encode(), **{"class": sock.sock_class}))

    def of_sock(self, sock):
        return {"tgid": sock.pid, "pid": sock.pid, "cookie": sock.cookie,
                "client": sock.name if sock.sock_class == NUMBERS["RL_CLASS_CLIENT"] else None}

    def data(self, sock, way, data, *, flags=0, at=None, passed_ino=0, ids=(0, 0)):
        sock.next[way] = (sock.next[way] if at is None else at) + len(data)
        return self.add("DATA", data=data, dir=way, flags=flags, passed_ino=passed_ino, ids=ids,
                        offset=sock.next[way] - len(data), sock_class=sock.sock_class,
                        **self.of_sock(sock))

    def bytes_moved(self, way, args):
        sock = self.socks[args.text()]
        flags = sum(flag for name, flag in (("more", 1), ("eof", 2), ("cont", 8))
                    if args.flag(name))
        self.data(sock, way, args.word() if args.words else b"", flags=flags,
                  at=args.number("at") if "at" in args.keys else None,
                  passed_ino=args.number("pass"),
                  ids=args.pair("as") if "as" in args.keys else (0, 0))

    def do_in(self, args):
        self.bytes_moved(0, args)

    def do_out(self, args):
        self.bytes_moved(1, args)

    def do_skip(self, args):
        sock = self.socks[args.text()]
        sock.next[direction(args.text())] += args.int()

    def do_gap(self, args):
        sock, way, size = self.socks[args.text()], direction(args.text()), args.int()
        self.add("GAP", payload=pack("rl_gap", offset=sock.next[way], size=size, dir=way,
                                     reason=number("RL_GAP_", args.text()),
                                     **{"class": sock.sock_class}), **self.of_sock(sock))
        sock.next[way] += size

    def do_close(self, args):
        sock, live = self.socks[args.text()], args.flag("live")
        ends = sock.next if live or args.flag("tail") else (0, 0)
        self.add("SOCK_CLOSE", flags=16 if live else 0, ino=sock.ino,
                 payload=pack("rl_close", end=struct.pack("=QQ", *ends)), **self.of_sock(sock))

    # The handshake

    def do_login(self, args):
        sock, name = self.socks[args.text()], args.text()
        count = len(self.logins) + 1
        login = Login(name, args.number("id", count), args.number("pid", 300),
                      bytes([count]) * 16, args.number("ino"))
        self.logins[name] = login
        data = f"{name}\0".encode() + args.key("prefix", b"a1\0") + args.key("input", b"")
        request = LOGIN_REQUEST.pack(
            args.number("tag", count), 0, login.auth_id, login.client_pid, login.cookie,
            ip_addr(args.key("lip", "192.0.2.1")), ip_addr(args.key("rip", "192.0.2.7")),
            args.number("lport", 143), args.number("rport", 51000), 0,
            args.number("data-size", len(data)), login.ino) + data
        cuts = [0, *map(int, args.key("cut", "").replace(",", " ").split()), len(request)]
        for begin, end in zip(cuts, cuts[1:]):
            record = self.data(sock, 0, request[begin:end],
                               passed_ino=0 if begin else login.ino)
            record.ino = login.ino
        if not args.flag("uncounted"):
            record.completes = name

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
        login = {key: args.keys.pop(key) for key in ("rip", "input", "prefix") if key in args.keys}
        for kind in ("login", "auth"):
            if f"{pid}.{kind}" not in self.socks:
                self.do_open(Args([f"{pid}.{kind}", pid, kind]))
        self.do_login(Args([f"{pid}.login", name], {"ino": ino, **login}))
        self.do_request(Args([f"{pid}.auth", name], {"id": lookup}))
        self.user(f"{pid}.auth", lookup, user, args)
        self.do_open(Args([name, pid, "client"], {"ino": ino}))

    # Facts

    def fact(self, kind, name, **values):
        login = self.logins[name]
        sock = next((sock for sock in reversed(self.socks.values())
                     if sock.ino == login.ino and sock.sock_class == NUMBERS["RL_CLASS_CLIENT"]),
                    None)
        client = {"pid": sock.pid, "client": sock.name} if sock else {}
        self.add(kind, session=name, fact=values, **client)

    def do_log(self, args):
        self.fact("FACT_LOG", args.text(), status=NUMBERS["RL_LOG_" + LOG_STATUS[args.text()]],
                  way=args.number("way"), error=args.number("error"),
                  serial=args.number("serial", 1))

    def do_write(self, args):
        self.fact("FACT_WRITE", args.text(), way=args.number("way"), error=args.number("error"),
                  size=struct.pack("=QQ", *args.pair("size")))

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


def encode(record, payload):
    kind = number("RL_", record.type)
    size = struct.calcsize(STRUCTS["rl_rec"][0]) + len(payload)
    return pack("rl_rec", len=size if record.claims is None else record.claims, type=kind,
                flags=record.flags, time_ns=record.time_ns, tgid=record.tgid, uid=record.ids[0],
                gid=record.ids[1], cookie=record.cookie) + payload


def padded(data):
    return data + bytes(-len(data) % 8)
