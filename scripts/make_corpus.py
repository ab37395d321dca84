#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Inputs for the fuzz targets to begin with, from the replay cases.

scripts/make_corpus.py: into tests/fuzz/corpus/, after a change of include/rl_abi.h or of a case.
scripts/make_corpus.py --check: only compare, and name what differs.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/lib"))

from replaycase import Case  # noqa: E402

CORPUS = ROOT / "tests/fuzz/corpus"
STREAM_MAX = 7000
STREAMS = ("plain pipelined more-cont gap-middle two-at-once postlogin lookup-failed homes ids "
           "masters write-failed empty malformed pid-reuse inode-reuse clock prelogin prelogin-tls "
           "prelogin-answer-late starttls undecided undecided-out tls-given-up tls-gaps lmtp-tls "
           "lmtp-tls-late lmtp-proxy relay relay-smtps rawlog-dir rawlog-dir-settings redact "
           "login-odd-ends ids-unknown haproxy haproxy-tls compress compress-damaged compress-gaps").split()
RULES = {
    "end": b"end\0",
    "way": b"way\0rawlog\0\0-\0end\0",
    "flags": b"way\0rawlog\0imap\0-btIi\0way\0rawlog\0pop3\0-o\0end\0",
    "modes": b"way\0login\0imap\0-t\0dir\0logs\0way\0lmtp\0\0-t\0dir\0/%u\0redact\0end\0",
    "users": b"way\0rawlog\0\0-\0user\0*@example.org\0user\0u?\0end\0",
}
WORDS = {
    "script": b"script-login -d rawlog",
    "flags": b"/usr/lib/dovecot/script-login -d /usr/lib/dovecot/rawlog -b -t -I -f in",
    "old": b"script-login rawlog -o -t",
    "mail": b"imap -D -a auth -t 60 -u user postlogin",
    "login": b"/usr/lib/dovecot/imap-login -D -l imap -R rawlogs login",
}
V2 = b"\r\n\r\n\0\r\nQUIT\n"
IPV4 = bytes([192, 0, 2, 7, 198, 51, 100, 1, 199, 56, 3, 225])
PROXY = {
    "v1": b"PROXY TCP4 192.0.2.7 198.51.100.1 51000 993\r\na1 NOOP\r\n",
    "v1-ipv6": b"PROXY TCP6 [2001:db8::7] ::ffff:192.0.2.7 51000 993\r\n",
    "v1-numbers": b"PROXY TCP4 3221225991 0xc0.00.0x0207 51000 993\r\n",
    "v1-unknown": b"PROXY UNKNOWN\r\n",
    "v1-cut": b"PROXY TCP4 192.0.2.7",
    "v2": V2 + b"\x21\x11\0\x0c" + IPV4 + b"\x16\x03\x01",
    "v2-ipv6": V2 + b"\x21\x21\0\x24" + bytes(range(36)),
    "v2-tlvs": V2 + b"\x21\x11\0\x23" + IPV4 + b"\1\0\4imap\x20\0\x0d\1\0\0\0\0\x21\0\5TLSv1",
    "v2-unix": V2 + b"\x21\x31\0\7\1\0\4imap",
    "v2-local": V2 + b"\x20\0\0\0",
    "v2-cut": V2 + b"\x21\x11\0\x0c" + IPV4[:5],
    "no-header": b"a1 LOGIN u p\r\n",
}
# Values as fuzz_expand.c reads them.
VALUES = b"\0Bob@Ex.Org\0/home/bob\0cQ/pL9hg\0boss\0::1"
TEMPLATES = {
    "plain": b"/var/log/%u/%{session}",
    "cut": b"%2.03Lu%-3.{user}%0.-2h%5U{session}%020d%%%",
    "modifiers": b"%ETu%XiRh%DNn%2.256Hu%8.16Nu%Md",
    "hashes": b"%{sha1;rounds=2,truncate=13,format=base64,salt=%n:user}%{sha3-512:home}%{size:user}",
    "pkcs5": b"%{pkcs5;rounds=2,truncate=40,salt=%k:user}%{md5:md4:sha256:auth_user}",
    "condition": b"%{if;%d;eq;Ex.Org;%h;%{if;%u;*;b*@*;a\\;b;}}%{if;%{uid};>=;5000;a;b}",
    "unknown": b"%{userdb:home}%k%{if;a;b;c;d}%{encrypt;a=b:user}",
    "no-end": b"%{if;{;eq;{;a;b}",
    "2.4-plain": b"/var/log/%{user | username | lower}/%{userdb:quota}%{process:pid}%%{%",
    "2.4-texts": b"%{session|substr(1,-2)|concat('a\\x41\\102',5)|lfill(9,'x')|index('/',-1)|text}y%{}",
    "2.4-numbers": b"%{local_port + 7}%{user | md5 % 16}%{literal('0102') | unhexlify | benumber | hex(-4)}",
    "2.4-hashes": b"%{user|hash('sha3-256',rounds=2,salt=user)|truncate(bits=13)|base64(url=1,pad=0)|unbase64}",
    "2.4-choice": b"%{user|if('*','b*@*',home,nope)}%{switch(5,'<',3,'a',7,'b','c')}%{nope|default('x')}",
    "2.4-mistakes": b"%{user | lower()}%{{user!} | regexp('(.)','\\\\1')}%{user | default('\\q')}",
}
# As fuzz_engine_ops.c reads them: flags, modes, then the number of what happens and its arguments.
# Processes: 0 imap, 1 imap-login, 2 lmtp, 3 submission.
LOGIN = bytes([5, 1, 0, 0, 29, 1, 6, 1, 0, 0, 1, 7, 1, 0, 0, 0, 1])
SUBMISSION = bytes([5, 2, 0, 0, 29, 1, 6, 2, 0, 0, 1, 7, 2, 0, 0, 0, 1])
OPEN, LOG, CLOSE = bytes([3, 0, 0, 5, 0, 0]), bytes([14, 0, 0, 0, 0]), bytes([13, 5, 1])
BYTES, MANY = bytes([9, 5, 1, 0, 5]) + b"hello", bytes([10, 5, 1])
SCRIPT = bytes([8, 1, 0, 1, 1, 1, 0, 8, 1, 1, 0, 1, 1, 0])
CLIENT = [bytes([3, 0, 0, 5, process, 1]) for process in range(4)]  # inet
RELAY, RELAY_BYTES = bytes([3, 5, 1, 6, 3, 1]), bytes([9, 6, 0, 0, 5]) + b"220\r\n"
ASK, REPLY = bytes([21, 1, 0, 0, 29, 1]), bytes([22, 1, 0, 0, 1])
TLS, TLS_BYTES = bytes([24, 5, 2]), bytes([9, 5, 0, 4, 5]) + b"hello"
UNDECIDED, COMMAND = bytes([9, 5, 0, 8, 5]) + b"hello", bytes([27, 5, 0, 0, 0])
OPS = {
    "nothing": b"\0\0",
    "session": b"\0\0" + LOGIN + OPEN + BYTES + LOG + BYTES + CLOSE,
    "answered": b"\x17\0" + LOGIN + OPEN + BYTES + BYTES + CLOSE,
    "ended-early": b"\0\0" + LOGIN + OPEN + BYTES + CLOSE + LOG,
    "backlog": b"\x20\0" + LOGIN + OPEN + MANY + MANY + LOG + bytes([14, 0, 1, 0, 0]),
    "script": b"\x10\0" + LOGIN + SCRIPT + OPEN + BYTES + CLOSE,
    "full": b"\x10\0" + LOGIN + OPEN + bytes([19, 3]) + BYTES + bytes([18]) + BYTES + CLOSE,
    "rawlog-dir": b"\x10\x21" + bytes([25, 60]) + LOGIN + OPEN + BYTES + CLOSE,
    "pre-login": b"\x10\x42" + CLIENT[1] + BYTES + COMMAND + ASK + BYTES + REPLY + BYTES + CLOSE,
    "hand-over": b"\x10\x02" + CLIENT[1] + BYTES + ASK + bytes([26, 5, 0, 0]) + REPLY + BYTES,
    "pre-login-tls": b"\x10\x42" + CLIENT[1] + TLS + TLS_BYTES + ASK + REPLY + TLS_BYTES + CLOSE,
    "undecided": b"\x10\x04" + CLIENT[2] + UNDECIDED + UNDECIDED + bytes([18]) + CLOSE,
    "undecided-cont": b"\x10\x04" + CLIENT[2] + UNDECIDED + bytes([9, 5, 0, 2, 5]) + b"hello",
    "lmtp-tls": b"\x10\x04" + CLIENT[2] + BYTES + TLS + TLS_BYTES + CLOSE,
    "relay": b"\x10\x10" + SUBMISSION + CLIENT[3] + RELAY + RELAY_BYTES + bytes([24, 6, 1])
             + bytes([9, 6, 1, 4, 5]) + b"hello" + CLOSE + bytes([13, 6, 0]),
}


REDACT_BYTES = {
    "imap": (b"\0", b"a LOGIN u \"p\"\r\nb LOGIN {1}\r\n", b"a NO x\r\n+ OK\r\n", b"u {2+}\r\npp\r\n"),
    "imap-sasl": (b"\0", b"a AUTHENTICATE PLAIN\r\n", b"+ \r\n", b"AHUAcA==\r\n", b"a OK x\r\n", b"b NOOP\r\n"),
    "mechanism-nul": (b"\0", b"a AUTHENTICATE \0\0a s3cr3t==\r\nb NOOP\r\n"),
    "pop3": (b"\2", b"USER u\r\nPASS p\r\n", b"+OK\r\n-ERR x\r\n", b"AUTH PLAIN\r\n", b"+ \r\n", b"*\r\n"),
    "smtp": (b"\4", b"EHLO x\r\nAUTH LOGIN\r\n", b"220 x\r\n250 x\r\n334 x\r\n", b"dQ==\r\n", b"535 x\r\n"),
    "smtp-mail": (b"\4", b"MAIL x\r\nBDAT 4\r\nabcdDATA\r\n", b"220 x\r\n250 x\r\n250 x\r\n354 x\r\n",
                  b"AUTH x\r\n.\r\n", b"250 x\r\n"),
}
# As fuzz_redact.c's well_behaved() reads them: commands by number and tag, responses, answers.
REDACT_OPS = {
    "lines": bytes([0, 0, 0, 0, 5, 1, 0, 6, 2, 0, 7, 3, 4, 4, 4, 4, 4]),
    "sasl": bytes([4, 0, 10, 0, 6, 1, 1, 0, 12, 1, 3, 1, 4, 0, 0, 0, 4]),
    "pipelined": bytes([0, 0, 0, 0, 5, 0, 3, 1, 0, 0, 0, 0, 6, 1, 4, 4, 4, 4, 0, 5, 0, 4]),
    "mails": bytes([4, 7, 0, 7, 1, 0, 4, 0, 6, 1, 1, 0, 7, 1]),
}

IN, OUT, DEFLATE, GAP = 0, 1, 2, 6
# As fuzz_compress.c reads them: whose bytes, and how.
BEGIN = ((IN, b"a COMPRESS DEFLATE\r\n"), (OUT, b"a OK Begin compression"), (OUT, b".\r\n"))
COMPRESS = {
    "session": BEGIN + ((IN + DEFLATE, b"b NOOP\r\n"), (OUT + DEFLATE, b"b OK x\r\n")),
    "refused": ((IN, b"a COMPRESS X\r\nb NOOP\r\n"), (OUT, b"a NO x\r\nb OK x\r\n")),
    "early": ((IN, b"a COMPRESS DEFLATE\r\n"), (IN + DEFLATE, b"b NOOP\r\n")) + BEGIN[1:],
    "damaged": BEGIN + ((IN, b"\xff\xff\xff\xff"), (IN + DEFLATE, b"b NOOP\r\n")),
    "literals": ((IN, b"a X {3+}\r\nabc\r\nb X {9}\r\n"), (OUT, b"b NO x\r\n* 1 X {4}\r\n")) + BEGIN,
    "huffman": BEGIN + ((IN, b"KRP\xf0\xf3\xf7\x0fPH\xe4\xe5\x02\0\0\0\xff\xff"),),
    "gap-in-text": ((IN + GAP, b"x" * 20), (OUT + GAP, b"x" * 9)) + BEGIN,
    "gap-in-deflate": BEGIN + ((IN + GAP, b"x" * 5), (IN + DEFLATE, b"b NOOP\r\n")),
    "answer-lost": BEGIN[:1] + ((OUT + GAP, b"x" * 9), (IN + DEFLATE, b"b X\r\n"), (OUT + DEFLATE, b"b OK")),
}


def compress_bytes(parts):
    """Of a gap only its size is written."""
    return b"".join(bytes([len(part) << 3 | op]) + (b"" if op & GAP == GAP else part)
                    for op, part in parts)


def redact_bytes(parts):
    """The first part as it is, then whose (the client's first) and how many, and the bytes."""
    sides = bytearray(parts[0])
    for number, part in enumerate(parts[1:]):
        sides += bytes([len(part) << 2 & 0xff | number % 2]) + part[:63]
    return bytes(sides)


def inputs():
    """{target/name: bytes}"""
    made = {}

    def write(target, name, data):
        made[f"{target}/{name}"] = data

    types = {}
    for name in STREAMS:
        script = Case(ROOT / f"tests/replay/{name}.rls").script
        pieces = list(script.pieces())
        stream = b"".join(pieces)
        if len(stream) <= STREAM_MAX:
            write("engine", name, stream)
            write("engine", f"{name}-fixed", b"!" + stream[1:])
        for piece in pieces[1:]:
            types.setdefault(piece[4], piece)
    plain = b"".join(list(Case(ROOT / "tests/replay/plain.rls").script.pieces())[:5])
    write("saved_stream", "plain", plain)
    write("saved_stream", "cut", plain[:-5])
    for number, piece in types.items():
        write("event", f"type-{number}", piece)
    for name, data in OPS.items():
        write("engine_ops", name, data)
    for name, data in RULES.items():
        write("rules_load", name, data)
    for name, data in WORDS.items():
        write("doveconf_words", name, data)
    for name, data in PROXY.items():
        write("proxy_header", name, data)
    for name, data in TEMPLATES.items():
        write("expand", name, data + VALUES)
    for name, parts in COMPRESS.items():
        write("compress", name, compress_bytes(parts))
    for name, parts in REDACT_BYTES.items():
        write("redact", name, redact_bytes(parts))
    for name, data in REDACT_OPS.items():
        for number, protocol in enumerate(("imap", "pop3", "smtp")):
            write("redact", f"ops-{name}-{protocol}", bytes([1 + 2 * number]) + data)
    return made


def differs(name, data):
    path = CORPUS / name
    return not path.exists() or path.read_bytes() != data


def main():
    different = {name: data for name, data in inputs().items() if differs(name, data)}
    if sys.argv[1:] == ["--check"]:
        sys.exit("\n".join(f"{name} is not what make_corpus.py makes" for name in different) or 0)
    for name, data in different.items():
        (CORPUS / name).parent.mkdir(parents=True, exist_ok=True)
        (CORPUS / name).write_bytes(data)
        print(f"{name}: changed")


if __name__ == "__main__":
    main()
