# SPDX-License-Identifier: MIT
"""Run rawtap.

    with Rawtap("--base-dir", dovecot.base_dir, "-t") as rawtap:
        ...
        status, stderr = rawtap.stop()
"""

import os
import re
import signal
import subprocess
import threading
from pathlib import Path

import dialect
from rawlogs import PATIENCE

REPOSITORY = Path(__file__).resolve().parents[2]
READY = "rawtap: recording"
TIMEOUT = 60 * PATIENCE
BACKEND = os.environ.get("RAWTAP_BACKEND")      # that all recorders are to use; else they choose


def default_binary():
    return Path(os.environ.get("RAWTAP") or REPOSITORY / ".output" / "rawtap")


def lacks(binary):
    """What this host lacks for rawtap to attach at all, in its own words; "" if it can."""
    check = subprocess.run([binary, "check"], capture_output=True, text=True).stdout
    missing = re.findall("^NO +(?:privileges|kernel|backend).*", check, re.MULTILINE)
    return "" if re.search("^ok +backend", check, re.MULTILINE) else "; ".join(missing)


class Rawtap:
    """A recorder that is attached once the constructor returns."""

    def __init__(self, *args, binary=None, env=None):
        self._lines = []
        self._news = threading.Condition()
        self._finished = False
        chosen = ["--backend", BACKEND] if BACKEND else []
        self.process = subprocess.Popen(
            [binary or default_binary(), *chosen, *dialect.options(args)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            text=True, errors="surrogateescape", env=env)
        # Its standard error is read all the time, or it would block on a full pipe.
        self._reader = threading.Thread(target=self._collect, daemon=True)
        self._reader.start()
        self._wait_ready()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    @property
    def pid(self):
        return self.process.pid

    @property
    def writer_pid(self):
        """Of the process that writes its files."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        writer, = (child for child in children
                   if Path(f"/proc/{child}/comm").read_text() == "rawtap-writer\n")
        return int(writer)

    @property
    def stderr(self):
        with self._news:
            return "".join(self._lines)

    def wait_line(self, start, timeout=TIMEOUT):
        """Until a line that starts so is on standard error, or nothing more can come."""
        def printed():
            return any(line.startswith(start) for line in self._lines)
        with self._news:
            self._news.wait_for(lambda: printed() or self._finished, timeout)
            if not printed():
                raise RuntimeError(f"rawtap did not print {start!r}:\n{''.join(self._lines)}")

    def stop(self, sig=signal.SIGINT):
        """Have it drain and end: (exit status, everything from its standard error)."""
        self.process.send_signal(sig)
        try:
            return self.wait()
        except subprocess.TimeoutExpired:
            self.kill()
            raise RuntimeError(f"rawtap did not end on signal {sig}:\n{self.stderr}") from None

    def wait(self):
        status = self.process.wait(TIMEOUT)
        self._reader.join()
        return status, self.stderr

    def kill(self):
        self.process.kill()
        self.process.wait()
        self._reader.join()

    def _wait_ready(self):
        try:
            self.wait_line(f"{READY} (backend {BACKEND})" if BACKEND else READY)
        except RuntimeError:
            self.kill()
            raise RuntimeError(f"rawtap did not attach, exit status "
                               f"{self.process.returncode}:\n{self.stderr}") from None

    def _collect(self):
        with self.process.stderr as pipe:
            for line in pipe:
                with self._news:
                    self._lines.append(line)
                    self._news.notify_all()
        with self._news:
            self._finished = True
            self._news.notify_all()
