# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What both ends of a connection have in common: bytes in, bytes out, and the calls that are under way."""

from __future__ import annotations

import typing as t

from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError
from ansible_collections.slipway.images.plugins.module_utils.grpc.connection import Connection
from ansible_collections.slipway.images.plugins.module_utils.grpc.exchange import Exchange

Of = t.TypeVar("Of", bound=Exchange)


class Endpoint(t.Generic[Of]):
    """Whoever holds the socket carries bytes to `receive` and from `outgoing`, in a thread for each."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._calls: dict[int, Of] = {}  # by stream

    def receive(self, data: bytes) -> None:
        """Bytes of the peer's. `FormatError` when it does not speak our language: then there is no going on."""
        with self._connection.turn:
            try:
                for event in self._connection.receive(data):
                    if self._connection.closed:  # nobody would end a call that began now
                        break
                    self._on(event, type(event).__name__, self._calls.get(getattr(event, "stream_id", None) or 0))
            except FormatError:
                self.close()
                raise
            self._connection.turn.notify_all()

    def outgoing(self) -> bytes:
        """Bytes for the peer; waits for them. `b""` when this end is closed."""
        return self._connection.outgoing()

    @property
    def busy(self) -> bool:
        """Whether a call is under way."""
        with self._connection.turn:
            return bool(self._calls)

    def close(self) -> None:
        """Nobody is there any more: all calls are cancelled."""
        with self._connection.turn:
            for call in list(self._calls.values()):
                call.cancel()
            self._connection.close()

    def _on(self, event: t.Any, kind: str, call: Of | None) -> None:
        if call and kind == "DataReceived":  # for a call that is over there is none: h2 gives that back by itself
            call.take(event.data, event.flow_controlled_length)
        elif call and kind == "StreamEnded":
            call.half_close()
        elif call and kind == "StreamReset":
            call.cancel()
        elif kind == "ConnectionTerminated":
            self.close()
