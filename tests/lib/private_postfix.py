# SPDX-License-Identifier: MIT
"""A Postfix of one's own: other directories and ports than the host's. What it takes, it throws
away.

    with PrivatePostfix(certificate=dovecot.root) as postfix:
        ... submit to postfix.ports["smtp"] (STARTTLS, XCLIENT) or ["smtps"]
        postfix.log()

Needs root and Debian's Postfix package, nothing else."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

POSTFIX = Path("/usr/sbin/postfix")
DAEMONS = "/usr/lib/postfix/sbin"
TIMEOUT = 60


class PrivatePostfix:
    """certificate: the directory of cert.pem and key.pem."""

    def __init__(self, *, certificate):
        self.root = Path(tempfile.mkdtemp(prefix="rawtap-postfix-", dir="/tmp"))
        self.root.chmod(0o755)      # its daemons are the user postfix
        self.config = self.root / "etc"
        self.log_file = self.root / "mail.log"
        self.certificate = certificate
        self.ports = {}
        self._reservations = []

    def __enter__(self):
        for name in "smtp", "smtps":
            self.ports[name] = self._reserve_port()
        for name in "etc", "spool", "data":
            (self.root / name).mkdir()
        owner = pwd.getpwnam("postfix")
        os.chown(self.root / "data", owner.pw_uid, owner.pw_gid)
        (self.config / "main.cf").write_text(MAIN.format(
            root=self.root, daemons=DAEMONS, certificate=self.certificate, log=self.log_file))
        (self.config / "master.cf").write_text(MASTER.format(**self.ports))
        try:
            self._postfix("check")      # makes the directories of the queue
            self._postfix("start")
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, *_):
        try:
            self._postfix("stop")
        finally:
            self._remove()

    def log(self):
        return self.log_file.read_text(errors="surrogateescape")

    def _postfix(self, command):
        result = subprocess.run([POSTFIX, "-c", self.config, command], capture_output=True,
                                text=True, stdin=subprocess.DEVNULL, timeout=TIMEOUT)
        if result.returncode:
            raise RuntimeError(f"postfix {command}: {result.stdout}{result.stderr}")

    def _remove(self):
        for reservation in self._reservations:
            reservation.close()
        shutil.rmtree(self.root, ignore_errors=True)

    def _reserve_port(self):
        """As that of PrivateDovecot: nobody else is given it, but Postfix can bind it."""
        sock = socket.socket()
        self._reservations.append(sock)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


MAIN = """\
compatibility_level = 3.6
queue_directory = {root}/spool
data_directory = {root}/data
command_directory = /usr/sbin
daemon_directory = {daemons}
maillog_file_prefixes = {root}
maillog_file = {log}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = relay.example
mydestination =
alias_maps =
alias_database =
default_transport = discard
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_authorized_xclient_hosts = 127.0.0.1
smtpd_tls_security_level = may
smtpd_tls_cert_file = {certificate}/cert.pem
smtpd_tls_key_file = {certificate}/key.pem
"""

MASTER = """\
127.0.0.1:{smtp} inet n - n - - smtpd
127.0.0.1:{smtps} inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
postlog unix-dgram n - n - 1 postlogd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
discard unix - - n - - discard
error unix - - n - - error
anvil unix - - n - 1 anvil
tlsmgr unix - - n 1000? 1 tlsmgr
proxymap unix - - n - - proxymap
"""
