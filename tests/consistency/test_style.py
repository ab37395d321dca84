# SPDX-License-Identifier: MIT
"""The house rules' numbers are those of scripts/check_style.py, which refuses what is longer."""

import re

import pytest

import check_style
from recorder import REPOSITORY


def errors_of(tmp_path, monkeypatch, text):
    monkeypatch.setattr(check_style, "ROOT", tmp_path)
    (tmp_path / "a.c").write_text(f"// SPDX-License-Identifier: MIT\n{text}")
    report = check_style.Report()
    check_style.check(tmp_path / "a.c", report)
    return report.errors


def test_the_rule_names_the_limits():
    rule = re.search(r"^7\. .*\n   .*$", (REPOSITORY / "CONTRIBUTING.md").read_text(), re.M)[0]
    assert re.findall(r"\d\d+", rule) == [str(check_style.FUNCTION_LINES),
                                         *map(str, check_style.FILE_LINES)]


@pytest.mark.parametrize("more", [0, 1])
def test_what_is_too_long_is_refused(tmp_path, monkeypatch, more):
    function = "int f(void)\n{\n" + "\t;\n" * (check_style.FUNCTION_LINES + more) + "}\n"
    assert errors_of(tmp_path, monkeypatch, function) == more
    file = "int a;\n" * (check_style.FILE_LINES[1] - 1 + more)
    assert errors_of(tmp_path, monkeypatch, file) == more
