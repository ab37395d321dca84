# SPDX-License-Identifier: MIT
"""What .clang-tidy switches on is found, by each clang-tidy that is here."""

import shutil
import subprocess

import pytest

from recorder import REPOSITORY

PROGRAMS = [name for name in ("clang-tidy", "clang-tidy-19") if shutil.which(name)]
BUGS = {
    "clang-analyzer-core.NullDereference": """
        int f(int *number) { return number ? 0 : *number; }""",
    "clang-analyzer-unix.Malloc": """
        #include <stdlib.h>
        char f(char *text) { free(text); return *text; }""",
}


@pytest.mark.skipif(not PROGRAMS, reason="there is no clang-tidy here")
@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("check", BUGS)
def test_a_bug_is_found(tmp_path, name, check):
    (tmp_path / "bug.c").write_text(BUGS[check])
    result = subprocess.run([name, "--quiet", f"--config-file={REPOSITORY / '.clang-tidy'}",
                             tmp_path / "bug.c", "--"], capture_output=True, text=True)
    assert result.returncode == 1
    assert f"[{check}" in result.stdout
