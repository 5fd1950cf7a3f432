# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One call of the peer's: messages in, messages out, an end."""

from __future__ import annotations

import threading
import typing as t
from collections import deque
from urllib.parse import unquote_plus

from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError
from ansible_collections.slipway.images.plugins.module_utils.grpc.connection import Connection, Headers
from ansible_collections.slipway.images.plugins.module_utils.grpc.framing import Messages, frame
from ansible_collections.slipway.images.plugins.module_utils.grpc.status import INTERNAL, Cancelled, Status

_HEAD = [(b":status", b"200"), (b"content-type", b"application/grpc")]


class Call:
    """What a handler is given. `receive` and `send` wait, and raise `Cancelled` when the peer is not there any more.

    Several threads may send: each message, and each batch of them, goes out in one piece.
    """

    def __init__(self, connection: Connection, stream: int, headers: Headers) -> None:
        self._connection, self._stream = connection, stream
        self.metadata: dict[str, list[str]] = {}
        for name, value in headers:  # UTF-8 by custom; a path in it may be any bytes
            key = bytes(name).decode("utf-8", "surrogateescape")
            self.metadata.setdefault(key, []).append(bytes(value).decode("utf-8", "surrogateescape"))
        self._sending = threading.Lock()
        self._begun = False
        self._came: deque[bytes] = deque()
        self._messages = Messages()
        self._unread = 0  # bytes that the peer's window has not got back
        self._half_closed = self._cancelled = self._stopped = False
        self._broken: FormatError | None = None
        self._ends: list[t.Callable[[], object]] = []

    @property
    def path(self) -> str:
        """`/package.Service/Method`."""
        return self.metadata.get(":path", [""])[0]

    def values(self, key: str) -> list[str]:
        """The values of a metadata key, in order, decoded where the peer says that they are encoded."""
        values = self.metadata.get(key, [])
        encoded = self.metadata.get(key + "-encoded") == ["1"]
        return [unquote_plus(value, errors="surrogateescape") for value in values] if encoded else values

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
                unread, self._unread = self._unread, 0
                self._connection.acknowledge(self._stream, unread)
                self._connection.turn.wait_for(lambda: self._came or self._unread or not self._open)
            return self._came.popleft()

    def __iter__(self) -> t.Iterator[bytes]:
        return iter(self.receive, None)

    def send(self, *messages: bytes) -> None:
        with self._sending:
            with self._connection.turn:
                if not self._begun and self._heard():
                    self._begun = True
                    self._connection.headers(self._stream, _HEAD, end=False)
            if not self._connection.send(self._stream, b"".join(map(frame, messages)), self._heard):
                raise Cancelled

    def stop(self) -> None:
        """Whoever still sends gets `Cancelled`, and nothing more is received."""
        with self._connection.turn:
            self._stopped = True
            self._connection.turn.notify_all()

    def finish(self, status: Status) -> None:
        """The call's end."""
        self.stop()
        with self._sending, self._connection.turn:
            # What is unread is given back, so that the connection's window does not dwindle.
            self._connection.acknowledge(self._stream, self._unread)
            if not self._cancelled:
                self._connection.headers(self._stream, [*([] if self._begun else _HEAD), *status.trailers()], end=True)
                if not self._half_closed:
                    self._connection.reset(self._stream)

    def at_end(self, function: t.Callable[[], object]) -> None:
        """Call `function` when the peer gives up; for a handler that waits for somebody else than the peer."""
        with self._connection.turn:
            if not self._cancelled:
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
        for function in self._ends:
            function()

    def _heard(self) -> bool:
        return not (self._cancelled or self._stopped)

    @property
    def _open(self) -> bool:
        return not (self._half_closed or self._cancelled or self._stopped or self._broken)


Handler = t.Callable[[Call], None]


def unary(answer: t.Callable[[bytes], bytes]) -> Handler:
    """The handler of a method with one message in and one out."""

    def handle(call: Call) -> None:
        request = call.receive()
        if request is None:
            raise Status(INTERNAL, "a call without a message")
        call.send(answer(request))

    return handle
