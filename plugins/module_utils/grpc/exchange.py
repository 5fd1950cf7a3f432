# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a call is to either end of it: messages in, messages out, on one stream of a connection."""

from __future__ import annotations

import threading
import typing as t
from collections import deque

from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError
from ansible_collections.slipway.images.plugins.module_utils.grpc.connection import Connection
from ansible_collections.slipway.images.plugins.module_utils.grpc.framing import Messages, frame
from ansible_collections.slipway.images.plugins.module_utils.grpc.status import Cancelled


class Exchange:
    """`receive` and `send` wait, and raise `Cancelled` when the peer is not there any more.

    Several threads may send: each message, and each batch of them, goes out in one piece.
    """

    def __init__(self, connection: Connection, stream: int) -> None:
        self._connection, self._stream = connection, stream
        self._sending = threading.Lock()
        self._came: deque[bytes] = deque()
        self._messages = Messages()
        self._unread = 0  # bytes that the peer's window has not got back
        self._half_closed = self._cancelled = self._stopped = self._ended = False
        self._broken: FormatError | None = None
        self._ends: list[t.Callable[[], object]] = []

    def receive(self) -> bytes | None:
        """The next message; None when the peer has said its last."""
        with self._connection.turn:
            while not self._came:
                if self._broken:
                    raise self._broken
                if self._cancelled:
                    raise Cancelled
                if self._half_closed or self._stopped:
                    return None
                self._give_back()
                self._connection.turn.wait_for(lambda: self._came or self._unread or not self._open)
            return self._came.popleft()

    def __iter__(self) -> t.Iterator[bytes]:
        return iter(self.receive, None)

    def send(self, *messages: bytes) -> None:
        with self._sending:
            self._begin()
            if not self._connection.send(self._stream, frame(*messages), self._heard):
                raise Cancelled

    def stop(self) -> None:
        """Whoever still sends gets `Cancelled`, and nothing more is received."""
        with self._connection.turn:
            self._stopped = True
            self._connection.turn.notify_all()

    def at_end(self, function: t.Callable[[], object]) -> None:
        """Call `function` when the peer gives up, and when it is done with a call of ours; for one who waits for
        somebody else."""
        with self._connection.turn:
            if not self._ended:
                self._ends.append(function)
                return
        function()

    def take(self, data: bytes, size: int) -> None:
        """Bytes of the peer's, which cost `size` of its window. This and what follows: with the turn held."""
        self._unread += size
        if not self._broken:
            try:
                self._came.extend(self._messages.feed(data))
            except FormatError as exc:
                self._broken = exc

    def half_close(self) -> None:
        self._half_closed = True
        if self._messages.unfinished and not self._broken:
            self._broken = FormatError("the engine ended a call in the middle of a message")

    def cancel(self) -> None:
        self._cancelled = True
        self._end()

    def _end(self) -> None:
        self._ended = True
        while self._ends:
            self._ends.pop()()

    def _begin(self) -> None:
        """What goes before the first message."""

    def _give_back(self) -> None:
        unread, self._unread = self._unread, 0
        self._connection.acknowledge(self._stream, unread)

    def _heard(self) -> bool:
        return not (self._cancelled or self._stopped)

    @property
    def _open(self) -> bool:
        return not (self._half_closed or self._cancelled or self._stopped or self._broken)
