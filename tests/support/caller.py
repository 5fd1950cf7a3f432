# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gRPC client in the engine's place: it calls a `Server` of ours, in memory."""

from __future__ import annotations

import queue
import struct
import threading
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.grpc.server import Server
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, ResponseReceived, StreamEnded, StreamReset, TrailersReceived

PATIENCE = 10.0  # seconds until a test that hangs fails


class Caller:
    """Moves bytes between its `h2` and the server's; a thread of its own waits for what the server says."""

    def __init__(self, server: Server, window: int = 65535) -> None:
        self.server, self.window = server, window
        self.lock = threading.Lock()
        self.sending = threading.Lock()
        self.h2 = H2Connection(H2Configuration(client_side=True, header_encoding=None))
        self.streams: dict[int, queue.Queue[t.Any]] = {}
        self.received = 0
        self.h2.initiate_connection()
        self.pump = threading.Thread(target=self._pump, daemon=True)
        self.pump.start()
        self.flush()

    def call(self, path: str, *messages: bytes, end: bool = True, metadata: t.Iterable[tuple[str, str]] = ()) -> Talk:
        with self.lock:
            stream = self.h2.get_next_available_stream_id()
            self.streams[stream] = queue.Queue()
            head = [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "localhost")]
            self.h2.send_headers(stream, [*head, ("content-type", "application/grpc"), *metadata])
        talk = Talk(self, stream)
        talk.send(*messages, end=end)
        return talk

    def flush(self) -> None:
        with self.sending:  # what was taken first must arrive first
            with self.lock:
                data = self.h2.data_to_send()
            if data:
                self.server.receive(data)

    def close(self) -> None:
        self.server.close()
        self.pump.join(PATIENCE)
        self.server.join(PATIENCE)
        assert not self.pump.is_alive()

    def _pump(self) -> None:
        while data := self.server.outgoing():
            with self.lock:
                for event in self.h2.receive_data(data):
                    stream = self.streams.get(getattr(event, "stream_id", 0) or 0)
                    if isinstance(event, DataReceived):
                        self.received += len(event.data)
                        if event.flow_controlled_length:
                            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                    if stream:
                        stream.put(event)
            self.flush()


class Talk:
    """One call; `status` and `text` are there once `end` has come back."""

    def __init__(self, caller: Caller, stream: int) -> None:
        self.caller, self.stream = caller, stream
        self.status, self.text = -1, ""
        self._held = b""
        self._ended = False

    def send(self, *messages: bytes, end: bool = False) -> None:
        self.raw(b"".join(struct.pack(">BL", 0, len(message)) + message for message in messages), end=end)

    def raw(self, data: bytes, end: bool = False) -> None:
        with self.caller.lock:
            for at in range(0, len(data), 16384):
                self.caller.h2.send_data(self.stream, data[at : at + 16384])
            if end:
                self.caller.h2.end_stream(self.stream)
        self.caller.flush()

    def cancel(self) -> None:
        with self.caller.lock:
            self.caller.h2.reset_stream(self.stream, ErrorCodes.CANCEL)
        self.caller.flush()

    def message(self) -> bytes | None:
        """The next message; None at the end."""
        while True:
            if len(self._held) >= 5:
                flag, size = struct.unpack_from(">BL", self._held)
                assert flag == 0
                if len(self._held) >= 5 + size:
                    message, self._held = self._held[5 : 5 + size], self._held[5 + size :]
                    return message
            if self._ended:
                assert not self._held
                return None
            event = self.caller.streams[self.stream].get(timeout=PATIENCE)
            if isinstance(event, DataReceived):
                self._held += event.data
            elif isinstance(event, (ResponseReceived, TrailersReceived)):
                headers = {bytes(name): bytes(value).decode() for name, value in event.headers or ()}
                self.status = int(headers.get(b"grpc-status", self.status))
                self.text = headers.get(b"grpc-message", self.text)
            elif isinstance(event, (StreamEnded, StreamReset)):
                self._ended = True

    def end(self) -> list[bytes]:
        """All messages up to the end."""
        return list(iter(self.message, None))
