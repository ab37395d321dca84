# SPDX-License-Identifier: MIT
"""The inputs with which fuzzing begins are those that make_corpus.py makes."""

import subprocess
import sys

from recorder import REPOSITORY


def test_corpus_is_up_to_date():
    """A case, a record or an option has changed? Then run scripts/make_corpus.py."""
    check = subprocess.run([sys.executable, "-B", REPOSITORY / "scripts/make_corpus.py", "--check"],
                           capture_output=True, text=True)
    assert (check.returncode, check.stderr) == (0, "")
