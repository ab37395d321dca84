# SPDX-License-Identifier: MIT
"""The table of docs/DOVECOT.md says of a run what was run."""

import os
import subprocess
import sys
import xml.etree.ElementTree as xml

import pytest

import update_dovecots

CELL = """<testcase classname="tests.e2e.test_all_modes" name="one"><properties>
<property name="cell" value="2.4.5 --rawlog plain"/></properties></testcase>"""
OTHER = '<testcase classname="tests.e2e.test_users" name="two"/>'
THIN = OTHER.replace("/>", '><properties><property name="thin" value="2"/></properties></testcase>')
MATRIX = """
import pytest

@pytest.mark.parametrize("case", range(50))
def test_one(case):
    pass
"""
EACH = "".join(f'<testcase classname="{name}" name="one"/>' for name in sorted(update_dovecots.FILES))


@pytest.mark.parametrize("cases, total", [
    (CELL, None), (CELL + OTHER, None), (CELL + EACH, f"{len(update_dovecots.FILES) + 1} passed"),
    (CELL + EACH + THIN, None)])
def test_all_tests_are_no_part_of_them(tmp_path, cases, total):
    run = tmp_path / "e2e.xml"
    run.write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>")
    version, cells = update_dovecots.read_run(run)
    assert (version, cells["`--rawlog`", "plain"]) == ("2.4.5", "passed")
    assert cells.get(update_dovecots.TOTAL) == total


@pytest.mark.parametrize("thin, told", [("1", []), ("25", ["25", "25"])])
def test_a_run_tells_that_cases_were_left_out(tmp_path, thin, told):
    (tmp_path / "test_matrix.py").write_text(MATRIX)
    root = update_dovecots.ROOT
    subprocess.run([sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider",
                    "-c", root / "pytest.ini", "-p", "tests.conftest", "--thin", thin,
                    f"--junitxml={tmp_path}/run.xml", "-o", "junit_family=xunit1", tmp_path],
                   cwd=root, check=True, capture_output=True,
                   env={**os.environ, "PYTHONPATH": ":".join(sys.path)})
    assert [item.get("value") for item in xml.parse(tmp_path / "run.xml").iter("property")] == told
