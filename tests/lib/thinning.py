# SPDX-License-Identifier: MIT
"""Fewer cases of the large matrices: pytest --thin K.

Of a test that has more than MATRIX cases, one in K stays: those whose names have the lowest CRC-32.
So it is the same ones in every run, and tests of one stage keep the same sessions. How many were
left out is told at the end."""

from collections import defaultdict
from zlib import crc32

MATRIX = 40


def thin(items, k):
    """(those that stay, those that do not), in their order."""
    matrices = defaultdict(list)
    for item in items:
        if hasattr(item, "callspec"):
            matrices[item.path, item.originalname].append(item)
    out = set()
    for cases in matrices.values():
        if len(cases) > MATRIX:
            cases.sort(key=lambda item: crc32(item.callspec.id.encode()))
            out.update(cases[-(-len(cases) // k):])
    return [item for item in items if item not in out], [item for item in items if item in out]
