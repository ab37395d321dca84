# SPDX-License-Identifier: MIT
"""The table of user/base/printable.c, compared with Python's Unicode: every character of it."""

import re
import sys
import unicodedata

import ctables

ROW = re.compile(r"\{0x(?P<first>[0-9a-f]+), (?:0x(?P<last>[0-9a-f]+)|UINT32_MAX)\}")
SHOWN = "LMNPS"         # the first letters of their categories: what Python does not know is open
UNSEEN = re.compile(r"VARIATION SELECTOR|COMBINING GRAPHEME JOINER|HANGUL .*FILLER"
                    r"|KHMER VOWEL INHERENT")


def ranges():
    return [(int(row["first"], 16), int(row["last"] or "ffffffff", 16))
            for row in ctables.rows("printable.c", ROW, r"\{0x")]


def is_noncharacter(code):
    return code & 0xfffe == 0xfffe or 0xfdd0 <= code <= 0xfdef


def wanted(code):
    """May it be hidden: True, False; None: both are right."""
    character = chr(code)
    category = unicodedata.category(character)
    if category == "Cn":
        return True if is_noncharacter(code) else None
    return not (character == " " or category[0] in SHOWN) or \
        bool(UNSEEN.search(unicodedata.name(character, "")))


def test_rows_are_in_order():
    numbers = [number for row in ranges() for number in row]
    assert numbers == sorted(numbers)


def test_what_is_hidden():
    hidden = {code for first, last in ranges()
              for code in range(first, min(last, sys.maxunicode) + 1)}
    wrong = [f"U+{code:04X}" for code in range(sys.maxunicode + 1)
             if wanted(code) not in (None, code in hidden)]
    assert wrong == []
