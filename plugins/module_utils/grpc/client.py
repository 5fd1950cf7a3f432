# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client side of gRPC over bytes that somebody else carries: calls of ours, any number at a time."""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.grpc.connection import UNWANTED, Connection
from ansible_collections.slipway.images.plugins.module_utils.grpc.endpoint import Endpoint
from ansible_collections.slipway.images.plugins.module_utils.grpc.exchange import Exchange
from ansible_collections.slipway.images.plugins.module_utils.grpc.status import OK, UNKNOWN, Cancelled, Status

_HEAD = (
    (b":method", b"POST"),
    (b":scheme", b"http"),
    (b":authority", b"localhost"),
    (b"content-type", b"application/grpc"),
    (b"te", b"trailers"),
)


class Asked(Exchange):
    """A call of ours. An end that is not `OK` is raised as `Status`, and that there was none as `Cancelled`."""

    def __init__(self, connection: Connection, stream: int, forget: t.Callable[[], object]) -> None:
        super().__init__(connection, stream)
        self._status: Status | None = None
        self.at_end(forget)

    def receive(self) -> bytes | None:
        message = super().receive()
        if message is None and not self._stopped and self.failed:
            raise self._status or Status(UNKNOWN, "the engine ended a call without a word")
        return message

    def only(self) -> bytes:
        """The one message of its answer."""
        message = self.receive()
        if message is None or self.receive() is not None:
            raise Status(UNKNOWN, "the engine answered with none or many messages where one was due")
        return message

    def done(self) -> None:
        """Nothing more will be sent."""
        with self._sending, self._connection.turn:
            if self._heard():
                self._connection.end(self._stream)

    def give_up(self) -> None:
        """Nobody waits for it any more."""
        with self._connection.turn:
            if not self._ended:
                self._connection.reset(self._stream, UNWANTED)
                self._end()
            self.stop()

    @property
    def failed(self) -> bool:
        """Of a call that has ended: with anything but `OK`."""
        return self._status is None or self._status.code != OK

    def answered(self, headers: t.Sequence[tuple[bytes, bytes]]) -> None:
        """The first or the last headers; the turn is held."""
        if {(b":status", b"200")}.isdisjoint(headers) or any(name == b"grpc-status" for name, _value in headers):
            self._status = self._status or Status.of(headers)

    def take(self, data: bytes, size: int) -> None:
        super().take(b"" if self._status else data, size)  # else it is a page that HTTP explains itself with

    def half_close(self) -> None:
        super().half_close()
        self._end()

    def _heard(self) -> bool:
        return super()._heard() and not self._ended


class Client(Endpoint[Asked]):
    """Calls end when this does."""

    def __init__(self) -> None:
        super().__init__(Connection(calls=True))

    def call(
        self, path: str, *messages: bytes, metadata: t.Iterable[tuple[str, str]] = (), more: bool = False
    ) -> Asked:
        """`path` is `/package.Service/Method`; unless there are `more` to come, these are all messages.

        The keys of `metadata` are in lower case, and may be repeated.
        """
        said = [(name.encode(), value.encode()) for name, value in metadata]
        with self._connection.turn:
            if self._connection.closed:
                raise Cancelled
            stream = self._connection.open([(b":path", path.encode()), *_HEAD, *said])
            call = self._calls[stream] = Asked(self._connection, stream, lambda: self._calls.pop(stream, None))
        with contextlib.suppress(Cancelled):  # it is answered already; `receive` tells how
            call.send(*messages)
        if not more:
            call.done()
        return call

    def _on(self, event: t.Any, kind: str, call: Asked | None) -> None:
        if call and kind in ("ResponseReceived", "TrailersReceived"):
            call.answered(event.headers)
        else:
            super()._on(event, kind, call)
