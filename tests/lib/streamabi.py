# SPDX-License-Identifier: MIT
"""include/rl_abi.h and Dovecot's login request, as streamscript.py writes them."""

import ipaddress
import re
import struct

from recorder import REPOSITORY
from scriptwords import ScriptError

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
    "rl_log": ("=IIIIII", "session rule status error serial pad"),
    "rl_write": ("=IIII16s", "session rule error pad size"),
    "rl_setting": ("=II", "size pad"),
    "rl_tls": ("=2Q", "offset out_end"),
    "rl_link": ("=Q", "ino"),
}
ENUMS = {
    "RL_": "IN=0 OUT=1",
    "RL_CLASS_": "NONE=0 CLIENT=1 LOGIN=2 AUTH=3 POSTLOGIN=4 OTHER=5 RELAY=6",
    "RL_AF_": "UNIX=1 INET=2 INET6=10",
    "RL_ROLE_": "NONE=0 MASTER=1 MAIL=2 STRANGER=3 LOGIN=4 DELIVERY=5",
    "RL_F_": "MORE=1 EOF=2 FOUND=4 CONT=8 LIVE=16 TLS=32 UNDECIDED=64",
    "RL_GAP_": "RING=1 FAULT=2 SENDFILE=3 CALL=4 BACKLOG=5 UNSEEN=6 DOUBT=7 CIPHER=8",
    "RL_MASTER_": "OK=0 GONE=1 UNTRUSTED=2 VERSION=3 EXCLUDED=4",
    "RL_LOG_": "OPENED=0 MISSING=1 NOT_DIR=2 LSTAT_FAILED=3 CREATE_FAILED=4",
}

# These grow in number.
ABI = (REPOSITORY / "include/rl_abi.h").read_text()
TYPES = re.findall(r"X\((\w+), (\d+), (rl_\w+)\)", ABI)
COUNTERS = re.findall(r"X\((\w+), \"", ABI[ABI.index("#define RL_COUNTERS"):])
STRUCTS["rl_stats"] = (f"={len(COUNTERS)}Q", " ".join(COUNTERS))

FLAGS = {name.lower(): int(value)
         for name, value in (pair.split("=") for pair in ENUMS["RL_F_"].split())}
NUMBERS = {prefix + name: int(number)
           for prefix, pairs in ENUMS.items()
           for name, number in (pair.split("=") for pair in pairs.split())}
NUMBERS |= {f"RL_{name}": int(number) for name, number, payload in TYPES}
LOG_STATUS = {"opened": "OPENED", "missing": "MISSING", "notdir": "NOT_DIR",
              "lstat": "LSTAT_FAILED", "create": "CREATE_FAILED"}

# struct master_auth_request of Dovecot 2.3 on a 64-bit machine (lib-master/master-auth.h).
LOGIN_REQUEST = struct.Struct("=IIII16s20s20sHHII4xQ")
# struct master_auth_reply: the same tag, enum master_auth_status, the mail process
LOGIN_REPLY = struct.Struct("=III")


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


def ip_addr(text):
    """struct ip_addr: the family, then the address."""
    if not text:
        return bytes(20)
    address = ipaddress.ip_address(text)
    return struct.pack("=HH16s", 2 if address.version == 4 else 10, 0, address.packed)


def inet(lip, lport, rip, rport):
    """struct rl_inet"""
    local, remote = (ipaddress.ip_address(text).packed if text else b"" for text in (lip, rip))
    return pack("rl_inet", local=local, remote=remote, local_port=int(lport or 0),
                remote_port=int(rport or 0))
