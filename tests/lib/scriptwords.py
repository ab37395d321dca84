# SPDX-License-Identifier: MIT
"""The words of a line of an event script, and strings with escapes."""

import re
from dataclasses import dataclass, field


class ScriptError(Exception):
    pass


ESCAPES = {"r": b"\r", "n": b"\n", "t": b"\t", "0": b"\0", "\\": b"\\", '"': b'"'}
TOKEN = re.compile(r'\s*(?:(?P<key>[a-z-]+)=)?'
                   r'(?:"(?P<text>(?:[^"\\]|\\.)*)"(?:\*(?P<times>\d+))?|(?P<word>[^\s"]+))')
ESCAPE = re.compile(r'\\(x[0-9a-f]{2}|.)')


def unquote(text):
    out, at = b"", 0
    for match in ESCAPE.finditer(text):
        out += text[at:match.start()].encode()
        code = match[1]
        out += bytes.fromhex(code[1:]) if len(code) > 1 else ESCAPES[code]
        at = match.end()
    return out + text[at:].encode()


def quote(data):
    names = {value[0]: "\\" + key for key, value in ESCAPES.items()}
    return '"' + "".join(names.get(byte) or (chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}")
                         for byte in data) + '"'


@dataclass
class Args:
    """The words of a line: positional, key=value, and flags that stand alone."""
    words: list = field(default_factory=list)
    keys: dict = field(default_factory=dict)

    def word(self):
        if not self.words:
            raise ScriptError("an argument is missing")
        return self.words.pop(0)

    def text(self):
        word = self.word()
        return word.decode() if isinstance(word, bytes) else word

    def int(self):
        return int(self.text())

    def flag(self, name):
        if name not in self.words:
            return False
        self.words.remove(name)
        return True

    def key(self, name, default=None):
        value = self.keys.pop(name, default)
        return value.decode() if isinstance(value, bytes) and not isinstance(default, bytes) \
            else value

    def number(self, name, default=0):
        return int(self.key(name, str(default)))

    def pair(self, name, default=None):
        left, right = self.key(name, default).split(",")
        return int(left), int(right)

    def done(self):
        if self.words or self.keys:
            raise ScriptError(f"not understood: {self.words} {self.keys}")


def parse_line(line):
    args, at, line = Args(), 0, line.rstrip()
    while at < len(line):
        match = TOKEN.match(line, at)
        if not match:
            raise ScriptError(f"not understood: {line[at:]}")
        at = match.end()
        value = match["word"]
        if match["text"] is not None:
            value = unquote(match["text"]) * int(match["times"] or 1)
        if match["key"]:
            args.keys[match["key"]] = value
        else:
            args.words.append(value)
    return args
