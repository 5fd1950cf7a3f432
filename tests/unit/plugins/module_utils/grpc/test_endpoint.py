# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.slipway.images.plugins.module_utils.grpc.call import Call, unary
from ansible_collections.slipway.images.plugins.module_utils.grpc.client import Client
from ansible_collections.slipway.images.plugins.module_utils.grpc.server import Server
from ansible_collections.slipway.images.tests.support.caller import PATIENCE
from ansible_collections.slipway.images.tests.unit.plugins.module_utils.conftest import Start

WINDOW = 65535 + 16 * (1 << 20)  # of the connection: what all calls together may have unread


def test_what_nobody_reads_is_given_back(start: Start) -> None:
    """Or the connection's window would be used up by calls that are long over."""
    caller, _failures = start({"/s/One": unary(bytes)})
    for _turn in range(30):
        caller.call("/s/One", b"x" * 1_000_000, b"y" * 50_000).end()
    assert not caller.server.busy
    assert caller.h2.outbound_flow_control_window > WINDOW - 5_000_000


def test_no_call_begins_in_a_closed_end() -> None:
    began: list[Call] = []
    client, server = Client(), Server({"/s/One": began.append}, lambda failure: None)
    client.call("/s/One", b"x")
    server.close()
    server.receive(client.outgoing())
    server.join(PATIENCE)
    assert began == []
    client.close()
