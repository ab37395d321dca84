# SPDX-License-Identifier: MIT
"""The directory of lmtp_proxy_rawlog_dir has no variables: a % in it is a %."""

import librawlogs
from private_dovecot import PrivateDovecot, make_message
from smtppeers import SmtpServer, lmtp

USER = "user@example.org"


def test_a_percent_sign_is_literal(root, record):
    with PrivateDovecot(protocols=("imap", "lmtp"), config="lmtp_proxy = yes\n") as dovecot, \
            SmtpServer(protocol="lmtp", certificate=dovecot.root, answers_quit=False) as server:
        dovecot.add_user(USER, passdb={"proxy": "y", "host": "127.0.0.1", "port": server.port,
                                       "nopassword": "y"})
        directory = dovecot.root / "100%_%u_%%_%{home}"
        directory.mkdir()
        with record(dovecot, "--lmtp-proxy-rawlog-dir", directory) as rawtap:
            client = lmtp(dovecot, "plain")
            client.greet()
            client.send_mail([USER], make_message(100))
            client.quit()
            dovecot.wait_lmtp_over(1)
            server.wait_over()
        session, = server.sessions
        assert librawlogs.contents(directory) == session.pairs
        assert rawtap.status == 0, rawtap.stderr
