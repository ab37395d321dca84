# SPDX-License-Identifier: MIT
"""The table of docs/DOVECOT.md says of a run what was run."""

import pytest

import update_dovecots

CELL = """<testcase classname="tests.e2e.test_all_modes" name="one"><properties>
<property name="cell" value="2.4.5 --rawlog plain"/></properties></testcase>"""
OTHER = '<testcase classname="tests.e2e.test_users" name="two"/>'
EACH = "".join(f'<testcase classname="{name}" name="one"/>' for name in sorted(update_dovecots.FILES))


@pytest.mark.parametrize("cases, total", [
    (CELL, None), (CELL + OTHER, None), (CELL + EACH, f"{len(update_dovecots.FILES) + 1} passed")])
def test_all_tests_are_no_part_of_them(tmp_path, cases, total):
    run = tmp_path / "e2e.xml"
    run.write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>")
    version, cells = update_dovecots.read_run(run)
    assert (version, cells["`--rawlog`", "plain"]) == ("2.4.5", "passed")
    assert cells.get(update_dovecots.TOTAL) == total
