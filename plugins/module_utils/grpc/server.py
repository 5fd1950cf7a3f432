# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server side of gRPC over bytes that somebody else carries: each call runs in a thread of its own."""

from __future__ import annotations

import threading
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.errors import SlipwayError
from ansible_collections.slipway.images.plugins.module_utils.grpc.call import Call, Handler
from ansible_collections.slipway.images.plugins.module_utils.grpc.connection import Connection
from ansible_collections.slipway.images.plugins.module_utils.grpc.endpoint import Endpoint
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


class Server(Endpoint[Call]):
    """`handlers` by path, `/package.Service/Method`. `failed` is told what a handler raised, but for `Status`."""

    def __init__(self, handlers: t.Mapping[str, Handler], failed: Failed) -> None:
        super().__init__(Connection())
        self._handlers, self._failed = handlers, failed
        self._threads: list[threading.Thread] = []

    def drain(self, seconds: float) -> bool:
        """Let the calls that run come to their end by themselves; False when it takes longer."""
        with self._connection.turn:
            return self._connection.turn.wait_for(lambda: not self._calls, seconds)

    def join(self, seconds: float) -> None:
        """Wait for the calls' threads, `seconds` for each."""
        for thread in self._threads:
            thread.join(seconds)

    def _on(self, event: t.Any, kind: str, call: Call | None) -> None:
        if kind == "RequestReceived":
            self._begin(event.stream_id, event.headers)
        else:
            super()._on(event, kind, call)

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
