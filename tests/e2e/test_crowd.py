# SPDX-License-Identifier: MIT
"""Long sessions stay whole while others come and go, and those are whole, too. The kernel's table
of sockets changes all the time then: none may be taken for gone that is there.

With --crowd it is the same with as many as the machine bears."""

import asyncio

import pytest

from crowd import Crowd, assert_complete, play
from private_dovecot import PrivateDovecot
from taps import Tap, recorded_user

UID = 5000
USERS = 40
SHORT = Crowd(long=400, rate=60, seconds=12)
LOGIN = """
mail_max_userip_connections = 0
service imap-login {
  service_count = 0
  process_min_avail = 1
}
"""


def limits(clients):
    """For so many clients at once, and what serves them."""
    return {"imap-login": {"client_limit": 3 * clients},
            "auth": {"client_limit": 4 * clients},
            "anvil": {"client_limit": 4 * clients},
            "stats": {"client_limit": 4 * clients}}


SERVED = {
    "a process each": {"service_count": 1, "process_limit": 10000},
    # All users are one to the system. A process that serves many asks about each over one socket.
    "shared": {"service_count": 0, "client_limit": 200, "process_limit": 200},
}


@pytest.mark.parametrize("served", SERVED)
@pytest.mark.timeout(900)
def test_every_byte(root, rawtap_binary, request, served):
    crowd = Crowd.parse(request.config.option.crowd) if request.config.option.crowd else SHORT
    services = limits(crowd.long + 1000) | {"imap": SERVED[served]}
    with PrivateDovecot(services=services, config=LOGIN) as dovecot:
        users = [recorded_user(dovecot, f"user{number}", uid=UID) for number in range(USERS)]
        with Tap("--base-dir", dovecot.base_dir, "--ring-size", "256M",
                 binary=rawtap_binary) as rawtap:
            clients = asyncio.run(play(dovecot, users, crowd))
            dovecot.wait_clients_gone("imap-login", "imap")
            rawtap.stop()
        assert_complete(users, clients)
    assert rawtap.count("sessions recorded") == len(clients)
    # Their ends are seen when they come; the last ones may not have closed when rawtap ended.
    assert rawtap.count("not ended") < len(clients) / 10
    assert (rawtap.status, rawtap.count("bytes lost")) == (0, 0)
