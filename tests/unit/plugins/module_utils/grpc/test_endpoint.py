# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.slipway.images.plugins.module_utils.grpc.call import Call, unary
from ansible_collections.slipway.images.plugins.module_utils.grpc.client import Client
from ansible_collections.slipway.images.plugins.module_utils.grpc.server import Server
from ansible_collections.slipway.images.plugins.module_utils.grpc.status import Cancelled
from ansible_collections.slipway.images.tests.support.caller import PATIENCE
from ansible_collections.slipway.images.tests.unit.plugins.module_utils.conftest import Start
from h2.config import H2Configuration
from h2.connection import H2Connection

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


def test_nor_does_a_call_that_was_given_up_use_it_up() -> None:
    client, peer = Client(), H2Connection(H2Configuration(client_side=False))
    peer.initiate_connection()
    for stream in range(1, 20, 2):
        call = client.call("/s/One", b"x")
        peer.receive_data(client.outgoing())
        client.receive(peer.data_to_send())
        call.give_up()
        peer.send_headers(stream, [(":status", "200")])  # the peer does not know yet
        while peer.local_flow_control_window(stream):
            peer.send_data(stream, bytes(min(16384, peer.local_flow_control_window(stream))))
        peer.send_headers(stream, [("grpc-status", "0")], end_stream=True)
        client.receive(peer.data_to_send())
        peer.receive_data(client.outgoing())
    assert peer.outbound_flow_control_window > WINDOW // 4
    assert not client.busy
    client.close()


def test_a_peer_that_says_goodbye() -> None:
    client, peer = Client(), H2Connection(H2Configuration(client_side=False))
    call = client.call("/s/One", b"x")
    peer.initiate_connection()
    peer.receive_data(client.outgoing())
    peer.close_connection()
    client.receive(peer.data_to_send())
    assert not client.busy
    with pytest.raises(Cancelled):
        call.receive()
