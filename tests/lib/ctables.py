# SPDX-License-Identifier: MIT
"""The tables of the C sources that the tests need: read from there, so that a new row is in one
place. A table that has another form than expected is an error, never an empty table."""

import re
from collections import namedtuple

from recorder import REPOSITORY

COMM_LEN = 15       # bytes of a program's name, as the kernel has them

SERVICE = re.compile(r'\{ ?"(?P<name>[\w-]+)", (?:NULL|"\w+"), RL_ROLE_(?P<role>\w+), '
                     r'TRAFFIC_(?P<client>\w+), TRAFFIC_(?P<relay>\w+), "[^"]*", '
                     r'(?P<prefix_strings>\d+),')
MODE = re.compile(r'const struct mode (?P<variable>\w+) = \{ (?P<members>[^{}]*) \};')
MODES = re.compile(r'const struct mode \*const modes\[\] = \{ (?P<variables>[^{}]*) \};')
MEMBER = re.compile(r'\.(?P<name>\w+) = (?:"(?P<text>[^"]*)"|(?P<value>[^",]+)),')
Service = namedtuple("Service", "name role client relay prefix_strings")


def source(name):
    """The file of this name, wherever below user/."""
    path, = (REPOSITORY / "user").rglob(name)
    return path


def rows(name, pattern, count):
    """The matches in a source without its line ends; there are as many as there are `count`s."""
    text = re.sub(r"\s+", " ", source(name).read_text())
    found = list(pattern.finditer(text))
    assert found and len(found) == len(re.findall(count, text)), f"{name} has another form"
    return found


def x_rows(path, macro, pattern):
    """What the groups of `pattern` match in each X(...) of `#define MACRO(X)`."""
    body, = re.findall(rf"#define {macro}\(X\)((?:.*\\\n)+.*)", path.read_text())
    found = re.findall(rf"\bX\({pattern}\)", body)
    assert found and len(found) == body.count("X("), f"{macro} has another form"
    return found


def enumerators(path):
    """{name: value} of each enum with values of its own, as `NAME = 1` or `NAME = 1 << 0`."""
    text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
    found = {}
    for body in re.findall(r"\benum\b[^;{}]*\{([^}]*)\}", text):
        if "#" in body:     # made from a list: see x_rows()
            continue
        for line in filter(None, map(str.strip, body.split(","))):
            name, value, shift = re.fullmatch(r"(\w+) = (\d+)(?: << (\d+))?", line).groups()
            found[name] = int(value) << int(shift or 0)
    return found


def services():
    """{name as the kernel has it: Service}"""
    found = [Service(**row.groupdict()) for row in rows("service.c", SERVICE, r"\bRL_ROLE_")]
    return {service.name[:COMM_LEN]: service._replace(prefix_strings=int(service.prefix_strings))
            for service in found}


def mode_rows():
    """{variable, such as "mode_home": {member: value or text}}, in the order of modes[]"""
    found = {row["variable"]: {member["name"]: member["text"] or member["value"]
                               for member in MEMBER.finditer(row["members"])}
             for row in rows("mode.c", MODE, r"\.name =")}
    names = re.findall(r"&(\w+),", rows("mode.c", MODES, r"modes\[\]")[0]["variables"])
    assert sorted(names) == sorted(found), "mode.c has another form"
    return {name: found[name] for name in names}


def modes():
    """{name: traffic}"""
    return {mode["name"]: mode["traffic"].removeprefix("TRAFFIC_") for mode in mode_rows().values()}


def rule_words():
    """[word of a saved rule's other settings]"""
    return x_rows(source("rules.h"), "RULE_SETTINGS", r"[^,]+, (\w+)")
