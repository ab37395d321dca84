# SPDX-License-Identifier: MIT
"""What rawtap can't start without, whatever it is, it names."""

import ctypes
import os
import resource
import signal
import socket
import subprocess
import time

from recorder import Rawtap

PR_CAPBSET_DROP, CAP_SYS_RESOURCE = 24, 24
ERROR, READY = "rawtap: error: ", "rawtap: recording"
TIMEOUT = 60


def limit_files(limit):
    """Without CAP_SYS_RESOURCE not even root has more."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_CAPBSET_DROP, CAP_SYS_RESOURCE, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))


def start(binary, base_dir, limit):
    """With at most that many descriptors: (status, standard error)."""
    process = subprocess.Popen([binary, "--base-dir", base_dir], text=True,
                               stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                               preexec_fn=lambda: limit_files(limit))
    with process:
        said = []
        for line in process.stderr:
            said.append(line)
            if line.startswith(READY):
                process.send_signal(signal.SIGINT)
    return process.wait(TIMEOUT), "".join(said)


def descriptors(binary, base_dir):
    with Rawtap("--base-dir", base_dir, binary=binary) as rawtap:
        count = len(os.listdir(f"/proc/{rawtap.pid}/fd"))
        rawtap.stop()
    return count


def test_no_descriptor_left(rawtap_binary, tmp_path):
    """The signals', the ring's, the log connections', those of what runs already: some of
    them come first, the others last."""
    need = descriptors(rawtap_binary, tmp_path)
    failed = set()
    for limit in (*range(4, 10), *range(need - 6, need + 6)):
        status, said = start(rawtap_binary, tmp_path, limit)
        if status:
            assert status == 1 and said.count(ERROR) == 1 and READY not in said, (limit, said)
            failed.add(said.partition(ERROR)[2].partition(":")[0].strip())
        else:
            assert ERROR not in said, (limit, said)
    assert {"waiting for signals", "preparing to write logs"} <= failed
    assert not status


def test_what_is_saved_at_the_end(rawtap_binary, tmp_path):
    """A stream so short that it is written when it is closed, and can't be."""
    with Rawtap("--base-dir", tmp_path, "--save", tmp_path / "stream",
                binary=rawtap_binary) as rawtap:
        resource.prlimit(rawtap.writer_pid, resource.RLIMIT_FSIZE, (0, 0))
        status, said = rawtap.stop()
    assert status == 3
    assert said.count(ERROR) == 1 and "File too large" in said


def test_a_name_server_that_does_not_answer(rawtap_binary, mounts, tmp_path):
    """It can be stopped meanwhile."""
    address, configuration = "127.0.0.77", tmp_path / "resolv.conf"
    configuration.write_text(f"nameserver {address}\n")
    command = ["unshare", "-m", "sh", "-c",
               f'mount --bind {configuration} /etc/resolv.conf && exec "$@"', "sh", rawtap_binary,
               "--base-dir", tmp_path, "--rawlog-dir", "imap=tcp:receiver.invalid:9"]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((address, 53))
        server.settimeout(TIMEOUT)
        with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:
            server.recv(512)
            begin = time.monotonic()
            process.send_signal(signal.SIGINT)
            process.wait(TIMEOUT)
            assert time.monotonic() - begin < 1
