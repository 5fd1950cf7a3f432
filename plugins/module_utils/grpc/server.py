# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server side of gRPC over bytes that somebody else carries: each call runs in a thread of its own."""

from __future__ import annotations

import threading
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError, SlipwayError
from ansible_collections.slipway.images.plugins.module_utils.grpc.call import Call, Handler
from ansible_collections.slipway.images.plugins.module_utils.grpc.connection import Connection
from ansible_collections.slipway.images.plugins.module_utils.grpc.status import (
    CANCELLED,
    INTERNAL,
    OK,
    UNIMPLEMENTED,
    UNKNOWN,
    Cancelled,
    Status,
)

Failed = t.Callable[[BaseException], None]


class Server:
    """`handlers` by path, `/package.Service/Method`. `failed` is told what a handler raised, but for `Status`."""

    def __init__(self, handlers: t.Mapping[str, Handler], failed: Failed) -> None:
        self._handlers, self._failed = handlers, failed
        self._connection = Connection()
        self._calls: dict[int, Call] = {}
        self._threads: list[threading.Thread] = []

    def receive(self, data: bytes) -> None:
        """Bytes of the peer's. `FormatError` when it does not speak our language: then there is no going on."""
        with self._connection.turn:
            try:
                for event in self._connection.receive(data):
                    self._on(event)
            except FormatError:
                self.close()
                raise
            self._connection.turn.notify_all()

    def outgoing(self) -> bytes:
        """Bytes for the peer; waits for them. `b""` when the server is closed."""
        return self._connection.outgoing()

    @property
    def busy(self) -> bool:
        """Whether a call is being served."""
        with self._connection.turn:
            return bool(self._calls)

    def drain(self, seconds: float) -> bool:
        """Let the calls that run come to their end by themselves; False when it takes longer."""
        with self._connection.turn:
            return self._connection.turn.wait_for(lambda: not self._calls, seconds)

    def close(self) -> None:
        """Nobody is there any more: all calls are cancelled."""
        with self._connection.turn:
            for call in self._calls.values():
                call.cancel()
            self._connection.close()

    def join(self, seconds: float) -> None:
        """Wait for the calls' threads, `seconds` for each."""
        for thread in self._threads:
            thread.join(seconds)

    def _on(self, event: t.Any) -> None:
        kind, stream = type(event).__name__, getattr(event, "stream_id", None)
        call = self._calls.get(stream or 0)
        if kind == "RequestReceived":
            self._begin(event.stream_id, event.headers)
        elif kind == "DataReceived":
            if call:
                call.take(event.data, event.flow_controlled_length)
            else:
                self._connection.acknowledge(event.stream_id, event.flow_controlled_length)
        elif call and kind == "StreamEnded":
            call.half_close()
        elif call and kind == "StreamReset":
            call.cancel()
        elif kind == "ConnectionTerminated":
            self.close()

    def _begin(self, stream: int, headers: t.Sequence[tuple[bytes, bytes]]) -> None:
        call = self._calls[stream] = Call(self._connection, stream, headers)
        handler = self._handlers.get(call.path, _unknown)
        thread = threading.Thread(target=self._serve, args=(stream, call, handler), name=call.path, daemon=True)
        self._threads = [*(other for other in self._threads if other.is_alive()), thread]
        thread.start()

    def _serve(self, stream: int, call: Call, handler: Handler) -> None:
        status = Status(OK)
        try:
            handler(call)
        except Status as said:
            status = said
        except Cancelled:
            status = Status(CANCELLED)
        except BaseException as exc:  # nobody is above a thread; whoever has the server will raise it
            self._failed(exc)
            status = Status(UNKNOWN if isinstance(exc, SlipwayError) else INTERNAL, str(exc))
        call.finish(status)
        with self._connection.turn:
            del self._calls[stream]
            self._connection.turn.notify_all()


def _unknown(call: Call) -> None:
    raise Status(UNIMPLEMENTED, f"no method {call.path} here")
