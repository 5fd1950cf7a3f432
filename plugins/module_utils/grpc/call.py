# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One call of the peer's: messages in, messages out, an end."""

from __future__ import annotations

import typing as t
from urllib.parse import unquote_plus

from ansible_collections.slipway.images.plugins.module_utils.grpc.connection import Connection, Headers
from ansible_collections.slipway.images.plugins.module_utils.grpc.exchange import Exchange
from ansible_collections.slipway.images.plugins.module_utils.grpc.status import INTERNAL, Status

_HEAD = [(b":status", b"200"), (b"content-type", b"application/grpc")]


class Call(Exchange):
    """What a handler is given."""

    def __init__(self, connection: Connection, stream: int, headers: Headers) -> None:
        super().__init__(connection, stream)
        self.metadata: dict[str, list[str]] = {}
        for name, value in headers:  # UTF-8 by custom; a path in it may be any bytes
            key = bytes(name).decode("utf-8", "surrogateescape")
            self.metadata.setdefault(key, []).append(bytes(value).decode("utf-8", "surrogateescape"))
        self._begun = False

    @property
    def path(self) -> str:
        """`/package.Service/Method`."""
        return self.metadata.get(":path", [""])[0]

    def values(self, key: str) -> list[str]:
        """The values of a metadata key, in order, decoded where the peer says that they are encoded."""
        values = self.metadata.get(key, [])
        encoded = self.metadata.get(key + "-encoded") == ["1"]
        return [unquote_plus(value, errors="surrogateescape") for value in values] if encoded else values

    def finish(self, status: Status) -> None:
        """The call's end."""
        self.stop()
        with self._sending, self._connection.turn:
            self._give_back()  # what is unread, so that the connection's window does not dwindle
            if not self._cancelled:
                self._connection.headers(self._stream, [*([] if self._begun else _HEAD), *status.trailers()], end=True)
                if not self._half_closed:
                    self._connection.reset(self._stream)

    def _begin(self) -> None:
        with self._connection.turn:
            if not self._begun and self._heard():
                self._begun = True
                self._connection.headers(self._stream, _HEAD, end=False)


Handler = t.Callable[[Call], None]


def unary(answer: t.Callable[[bytes], bytes]) -> Handler:
    """The handler of a method with one message in and one out."""

    def handle(call: Call) -> None:
        request = call.receive()
        if request is None:
            raise Status(INTERNAL, "a call without a message")
        call.send(answer(request))

    return handle
