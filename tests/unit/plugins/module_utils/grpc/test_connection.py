# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading

import pytest
from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError
from ansible_collections.slipway.images.plugins.module_utils.grpc.connection import Connection
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.settings import SettingCodes
from hypothesis import given, settings
from hypothesis import strategies as st

HTTP1 = b"HTTP/1.1 400 Bad Request\r\n\r\n"


def opening() -> bytes:
    peer = H2Connection(H2Configuration(client_side=True))
    peer.initiate_connection()
    peer.send_headers(1, [(":method", "POST"), (":scheme", "http"), (":path", "/a"), (":authority", "x")])
    peer.send_data(1, b"\0\0\0\0\1x", end_stream=True)
    return peer.data_to_send()


class Peer:
    """The caller on the other end, which is `h2` itself; `heard` is the data that it got."""

    def __init__(self, window: int = 1 << 20, frame: int = 1 << 14) -> None:
        self.connection, self.heard = Connection(), b""
        self.h2 = H2Connection(H2Configuration(client_side=True))
        self.h2.initiate_connection()
        self.update(INITIAL_WINDOW_SIZE=window, MAX_FRAME_SIZE=frame)
        self.h2.increment_flow_control_window(1 << 20)
        self.h2.send_headers(1, [(":method", "POST"), (":scheme", "http"), (":path", "/a"), (":authority", "x")])
        self.speak()
        self.connection.headers(1, [(b":status", b"200")], end=False)

    def update(self, **values: int) -> None:
        self.h2.update_settings({SettingCodes[name]: value for name, value in values.items()})

    def speak(self) -> None:
        with self.connection.turn:
            self.connection.receive(self.h2.data_to_send())
            self.connection.turn.notify_all()

    def hear(self) -> list[str]:
        data = self.connection.outgoing()
        pieces = (data[at : at + 50] for at in range(0, len(data), 50))  # for the next one it learns from those before
        events = [event for piece in pieces for event in self.h2.receive_data(piece)]
        self.heard += b"".join(event.data for event in events if type(event).__name__ == "DataReceived")
        return [type(event).__name__ for event in events]

    def windows(self) -> tuple[int, int]:
        """What the peer thinks that we may send, and what we do."""
        with self.connection.turn:
            return self.h2.remote_flow_control_window(1), self.connection._h2.local_flow_control_window(1)


@pytest.mark.parametrize(("size", "frame", "frames"), [(1, 1 << 14, 1), (1 << 14, 1 << 14, 1), (100_000, 1 << 15, 4)])
def test_data_goes_out_in_frames_that_the_peer_takes(size: int, frame: int, frames: int) -> None:
    peer, data = Peer(frame=frame), os.urandom(size)
    assert peer.connection.send(1, data, lambda: True)
    peer.connection.headers(1, [(b"grpc-status", b"0")], end=True)
    said = peer.hear()
    assert said[-frames - 3 :] == ["ResponseReceived", *["DataReceived"] * frames, "TrailersReceived", "StreamEnded"]
    assert peer.heard == data


@pytest.mark.parametrize("window", [1 << 20, 1 << 21])
def test_both_ends_count_alike(window: int) -> None:
    """That of the stream, or the connection's own where it is narrower."""
    peer = Peer(window)
    for size in (10, 70_000, 0, 16_384):
        peer.connection.send(1, bytes(size), lambda: True)
        if size:
            peer.hear()
        assert len(set(peer.windows())) == 1
    assert peer.windows()[0] == min(window, 65_535 + (1 << 20)) - len(peer.heard)


def test_a_window_that_shrank_below_what_is_out_is_waited_for() -> None:
    """It is negative then, and what may be sent less than nothing."""
    peer = Peer(window=10)
    peer.connection.send(1, b"0123456789", lambda: True)
    peer.hear()
    peer.update(INITIAL_WINDOW_SIZE=4)
    peer.speak()
    assert peer.windows()[1] == -6
    sender = threading.Thread(target=peer.connection.send, args=(1, b"abc", lambda: True))
    sender.start()
    peer.hear()  # the settings' acknowledgement
    peer.h2.increment_flow_control_window(8, 1)
    peer.speak()
    peer.hear()
    assert peer.heard == b"0123456789ab"
    peer.h2.increment_flow_control_window(1, 1)
    peer.speak()
    sender.join(10)
    peer.hear()
    assert peer.heard == b"0123456789abc" and not sender.is_alive()


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
