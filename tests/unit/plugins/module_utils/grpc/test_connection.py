# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import subprocess
import sys

import pytest
from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError
from ansible_collections.slipway.images.plugins.module_utils.grpc.connection import Connection
from h2.config import H2Configuration
from h2.connection import H2Connection
from hypothesis import given, settings
from hypothesis import strategies as st

HTTP1 = b"HTTP/1.1 400 Bad Request\r\n\r\n"


def opening() -> bytes:
    peer = H2Connection(H2Configuration(client_side=True))
    peer.initiate_connection()
    peer.send_headers(1, [(":method", "POST"), (":scheme", "http"), (":path", "/a"), (":authority", "x")])
    peer.send_data(1, b"\0\0\0\0\1x", end_stream=True)
    return peer.data_to_send()


def test_a_peer_of_another_tongue() -> None:
    with pytest.raises(FormatError, match="does not speak HTTP/2"):
        Connection().receive(HTTP1)


def test_wherever_it_is_cut() -> None:
    data = opening()
    for cut in range(len(data)):
        connection = Connection()
        events = connection.receive(data[:cut]) + connection.receive(data[cut:])
        assert [type(event).__name__ for event in events][-3:] == ["RequestReceived", "DataReceived", "StreamEnded"]


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_wrong_bytes_are_events_or_our_error(data: st.DataObject) -> None:
    sent = bytearray(opening())
    for _turn in range(data.draw(st.integers(1, 4))):
        sent[data.draw(st.integers(0, len(sent) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(FormatError):
        Connection().receive(bytes(sent) + data.draw(st.binary(max_size=50)))


def test_without_the_library_it_says_what_to_install() -> None:
    """In a process of its own, where the library cannot be imported."""
    code = (
        "import sys; sys.modules['h2'] = sys.modules['h2.config'] = None\n"
        "from ansible_collections.slipway.images.plugins.module_utils.grpc.connection import Connection\n"
        "try: Connection()\n"
        "except Exception as error: print(type(error).__name__, error.facts['library'], error)\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.startswith("RequirementError h2 ")
    assert "python3-h2" in said
    assert f"{sys.executable} -m pip install h2" in said
