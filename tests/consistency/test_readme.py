# SPDX-License-Identifier: MIT
"""What tests/README.md shows is what is there."""

import re
import textwrap

from recorder import REPOSITORY

README = (REPOSITORY / "tests/README.md").read_text()


def test_the_case_is_the_file():
    name = re.search(r"this is `(replay/\w+\.rls)`:", README)[1]
    case = (REPOSITORY / "tests" / name).read_text()
    assert textwrap.indent(case, "    ") in README


def test_all_fixtures_are_there():
    """Those of tests/conftest.py, which is for more than one file."""
    conftest = (REPOSITORY / "tests/conftest.py").read_text()
    fixtures = re.findall(r"^@pytest\.fixture.*\ndef (\w+)", conftest, re.M)
    assert fixtures
    for name in fixtures:
        assert re.search(rf"^\|.*`{name}\b.*\|.*\|$", README, re.M), name
