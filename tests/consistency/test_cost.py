# SPDX-License-Identifier: MIT
"""What tests/lib/cost.py takes for the same cost of verification, and which table it compares with."""

import pytest

import cost

OLD = {("sock", "program"): (1000, 100, 100)}


@pytest.mark.parametrize("instructions, differs", [
    (1000, False), (1250, False), (1300, True), (780, False), (700, True)])
def test_bounds(instructions, differs):
    new = {("sock", "program"): (instructions, 100, 100)}
    assert bool(cost.differences(OLD, new)) is differs
    assert bool(cost.differences(OLD, new, cost.same)) is (instructions != 1000)


def test_other_programs():
    assert cost.differences(OLD, {}) == ["sock program: (1000, 100, 100) -> not there"]
    assert cost.differences({}, OLD) == ["sock program: not there -> (1000, 100, 100)"]


@pytest.mark.parametrize("release, table", [
    ("6.1.0-99-amd64", "a"), ("6.12.1", "b"), ("6.18.44-x", "b"), ("7.2.13+deb14-amd64", "c"),
    ("5.15.0", None)])
def test_table(release, table):
    """Of the series, or of the last one before it: as numbers, not as text."""
    known = {("6.1", "14"): "a", ("6.12", "14"): "b", ("7.0", "14"): "c", ("6.18", "16"): "d"}
    assert cost.golden(known, release, "14") == table


def test_golden_file():
    """Every line is of a series, and no kernel of Debian's is missing."""
    kernels = {kernel for kernel, _ in cost.read()}
    assert all(cost.series(kernel) == kernel for kernel in kernels)
    assert {"6.1", "6.12"} <= kernels and any(kernel.startswith("7.") for kernel in kernels)
