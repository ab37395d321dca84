# SPDX-License-Identifier: MIT
"""include/rl_abi.h and Dovecot's login request, as streamscript.py writes them."""

import ipaddress
import re
import struct

import ctables
from recorder import REPOSITORY
from scriptwords import ScriptError

HEADER = struct.Struct("=8sII")
MAGIC, ABI_VERSION, ENDIAN_MARK = b"RAWTAP\0\n", 2, 0x01020304

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
    "rl_write": ("=IIIHH16s", "session rule error status turn size"),
    "rl_setting": ("=II", "size pad"),
    "rl_tls": ("=2Q", "offset out_end"),
    "rl_link": ("=Q16s", "ino end"),
}

# What grows in number is read from there.
ABI = REPOSITORY / "include/rl_abi.h"
TYPES = ctables.x_rows(ABI, "RL_RECORD_TYPES", r"(\w+), (\d+), (\w+)")
COUNTERS = ctables.x_rows(ABI, "RL_COUNTERS", r'(\w+), "[^"]*"')
STRUCTS["rl_stats"] = (f"={len(COUNTERS)}Q", " ".join(COUNTERS))

NUMBERS = ctables.enumerators(ABI)
NUMBERS |= {f"RL_{name}": int(value) for name, value, _ in TYPES}
GAPS = ctables.x_rows(ABI, "RL_GAP_REASONS", r'(\w+), (\d+), "([^"]*)"')
NUMBERS |= {f"RL_GAP_{name}": int(value) for name, value, _ in GAPS}
WRITE_STATUS = {"ended": "ENDED", "behind": "BEHIND", "goes-on": "GOES_ON"}
LOG_STATUS = {"late": "LATE", "opened": "OPENED", "missing": "MISSING", "notdir": "NOT_DIR",
              "lstat": "LSTAT_FAILED", "create": "CREATE_FAILED"}


def names(prefix):
    """The values of an enum, as scripts call them."""
    return {name.removeprefix(prefix).lower(): value for name, value in NUMBERS.items()
            if name.startswith(prefix)}


FLAGS = names("RL_F_")

# By the release of Dovecot: struct master_auth_request of lib-master/master-auth.h, 2.3, and struct
# login_request of lib-login/login-interface.h, 2.4, on a 64-bit machine.
LOGIN_REQUESTS = {(2, 3): struct.Struct("=IIII16s20s20sHHII4xQ"),
                  (2, 4): struct.Struct("=IIII16s24s24sHHII4xQ")}
# struct master_auth_reply: the same tag, enum master_auth_status, the mail process
LOGIN_REPLY = struct.Struct("=III")


def number(prefix, name):
    return int(name) if name.isdigit() else NUMBERS[prefix + name.upper()]


def unpack(name, data):
    layout, fields = STRUCTS[name]
    return dict(zip(fields.split(), struct.unpack(layout, data)))


def pack(name, **values):
    """A struct; what is not named is zero."""
    layout = STRUCTS[name][0]
    blank = unpack(name, bytes(struct.calcsize(layout)))
    unknown = set(values) - set(blank)
    if unknown:
        raise ScriptError(f"{name} has no {unknown}")
    return struct.pack(layout, *(blank | values).values())


def login_request(version):
    """The layout of the last release that is not newer, or of the oldest."""
    release = tuple(map(int, re.findall(r"\d+", version)[:2]))
    older = [known for known in LOGIN_REQUESTS if known <= release]
    return LOGIN_REQUESTS[max(older, default=min(LOGIN_REQUESTS))]


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


def encode(record, payload):
    kind = number("RL_", record.type)
    size = struct.calcsize(STRUCTS["rl_rec"][0]) + len(payload)
    return pack("rl_rec", len=size if record.claims is None else record.claims, type=kind,
                flags=record.flags, time_ns=record.time_ns, tgid=record.tgid, uid=record.ids[0],
                gid=record.ids[1], cookie=record.cookie) + payload


def padded(data):
    return data + bytes(-len(data) % 8)


def saved_records(path):
    """(type, payload) of each record of a saved stream."""
    data = path.read_bytes()[HEADER.size:]
    head = struct.calcsize(STRUCTS["rl_rec"][0])
    while data:
        size, kind, *_ = struct.unpack_from(STRUCTS["rl_rec"][0], data)
        yield kind, data[head:size]
        data = data[size + -size % 8:]
