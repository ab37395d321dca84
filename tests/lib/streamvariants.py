# SPDX-License-Identifier: MIT
"""The same events told in other records, or in another order: what comes of them must not differ."""

import random
from dataclasses import replace

from streamabi import FLAGS


def split_bytes(records):
    """The same system calls, a record for each byte."""
    for record in records:
        if record.data is None or len(record.data) < 2:
            yield record
            continue
        last = len(record.data) - 1
        for at in range(last + 1):
            yield replace(
                record, data=record.data[at:at + 1], offset=record.offset + at,
                passed_ino=0 if at else record.passed_ino,
                completes=record.completes if at == last else None,
                flags=record.flags | (FLAGS["more"] if at < last else 0) |
                (FLAGS["cont"] if at else 0))


def needs(records, at, tied):
    """Whom records[at] must not overtake."""
    record = records[at]
    for before, earlier in enumerate(records[:at]):
        same_pid = earlier.pid == record.pid
        if record.pid is None or earlier.pid is None or (same_pid and record.pid in tied) or \
                (record.cookie and earlier.cookie == record.cookie and not same_pid) or \
                (record.ino and earlier.ino == record.ino and not same_pid) or \
                (same_pid and (earlier.client is None or earlier.client == record.client or
                               record.type in ("PROC_EXIT", "PROC_EXEC") or
                               (earlier.type == "SOCK_CLOSE" and earlier.ino == record.ino))):
            yield before


def tied_pids(script):
    """Processes whose records have one order: they say of each other what is TLS already
    (UNDECIDED), or they number the process's files."""
    return {record.pid for record in script.records
            if script.numbered() or record.flags & FLAGS["undecided"]}


def interleave(script, seed):
    """Another order in which the same could have come."""
    records, tied = script.records, tied_pids(script)
    waits = [set(needs(records, at, tied)) for at in range(len(records))]
    chance, todo, done, order = random.Random(seed), list(range(len(records))), set(), []
    while todo:
        at = chance.choice([at for at in todo if waits[at] <= done])
        todo.remove(at)
        done.add(at)
        order.append(records[at])
    return order
