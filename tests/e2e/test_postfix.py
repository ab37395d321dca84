# SPDX-License-Identifier: MIT
"""submission_relay_rawlog_dir where the relay is a Postfix, recorded by Dovecot and by rawtap."""

import re

import pytest

import librawlogs
from private_dovecot import make_message
from private_postfix import POSTFIX, PrivatePostfix
from smtp_stage import play, recording
from smtppeers import Submission
from relay_sessions import FRIEND, OTHER
from test_submission import RELAY, find_client, of_process, submission_dovecot

@pytest.fixture(scope="module")
def stage(rawtap_binary):
    """Mails through a Postfix, over each kind of connection; by user."""
    if not POSTFIX.exists():
        pytest.skip("needs postfix")
    with submission_dovecot() as (dovecot, modes), \
            PrivatePostfix(certificate=dovecot.root) as postfix:
        settings = {
            "plain": ("smtp", {"submission_relay_ssl": "no"}),
            "starttls": ("smtp", {"submission_relay_ssl": "starttls"}),
            "smtps": ("smtps", {"submission_relay_ssl": "smtps"}),
            "xclient": ("smtp", {"submission_relay_ssl": "starttls",
                                 "submission_relay_trusted": "yes"}),
        }

        def run(case, outcome):
            port, fields = settings[case]
            user = dovecot.add_user(f"{case}@example.org", fields={
                "submission_relay_port": postfix.ports[port],
                "submission_relay_ssl_verify": "no", **fields})
            outcome.client = Submission(dovecot, "tls", user)
            outcome.client.log_in()
            outcome.client.greet()
            for size in 100, 100_000:
                outcome.client.send_mail([FRIEND, OTHER], make_message(size), sender=user.name)
            outcome.client.quit()

        with recording(dovecot, modes, binary=rawtap_binary) as stage:
            play(stage, list(settings), run, dovecot.wait_sessions_over, at_once=2)
        stage.log = postfix.log()
        yield stage


@pytest.mark.parametrize("case", ["plain", "starttls", "smtps", "xclient"])
def test_postfix(stage, case):
    assert find_client(stage, "rawtap", case) == find_client(stage, "native", case)
    rawtap, native = (of_process(stage, kind, RELAY, case)
                      for kind in ("rawtap", "native"))
    librawlogs.assert_same_names(rawtap, native, case)
    librawlogs.assert_same_contents(rawtap, native, case)
    librawlogs.assert_same_attributes(rawtap, native, case)
    assert len(native) == {"plain": 1, "starttls": 2, "smtps": 2, "xclient": 2}[case]
    said = b"".join(pair.content[0] for _, pair in sorted(rawtap.items()))
    assert said.startswith(b"220 relay.example ESMTP Postfix")
    # And Postfix has these mails.
    queued = re.findall(rb"^250 2.0.0 Ok: .*queued as (\w+)\r$", said, re.MULTILINE)
    assert len(queued) == 2
    for name in queued:
        assert f": {name.decode()}: client=" in stage.log


def test_nothing_lost(stage):
    assert stage.status == 0, stage.stderr
