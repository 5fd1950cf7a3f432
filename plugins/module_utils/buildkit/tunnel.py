# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stream of bytes within a call: the session, where the engine has no `POST /session` for it.

Engines have `Control.Session` beside it from 18.09 on, and from 29.2 on say that it alone will stay.
"""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.buildkit import control, protobuf
from ansible_collections.slipway.images.plugins.module_utils.buildkit.carriage import Stream, carried
from ansible_collections.slipway.images.plugins.module_utils.errors import TransportError
from ansible_collections.slipway.images.plugins.module_utils.grpc.client import Client
from ansible_collections.slipway.images.plugins.module_utils.grpc.status import Cancelled, Status

_PIECE = 1 << 20  # bytes in one message; BuildKit takes at most 4 MiB


@contextlib.contextmanager
def through(stream: Stream, headers: t.Iterable[tuple[str, str]]) -> t.Iterator[Tunnel]:
    """A tunnel of its own over `stream`, a connection for calls of ours, for as long as the block lasts."""
    client = Client()
    with carried(client, stream, "control connection", lambda failure: None):  # who is in the tunnel notices
        yield Tunnel(client, headers)


class Tunnel:
    """A `carriage.Stream`. One thread receives."""

    def __init__(self, client: Client, headers: t.Iterable[tuple[str, str]]) -> None:
        """`headers` as for `POST /session`."""
        metadata = [(name.lower(), value) for name, value in headers]
        self._call = client.call(control.SESSION, metadata=metadata, more=True)
        self._held = b""
        self._shut = False

    def receive(self, size: int) -> bytes:
        try:
            while not self._held:
                message = self._call.receive()
                if message is None:
                    return b""
                self._held = protobuf.octets(protobuf.last(message).get(1))
        except Cancelled:
            return b""
        except Status as status:
            if self._shut:
                return b""
            raise TransportError(f"the engine broke off the build's session: {status}") from status
        piece, self._held = self._held[:size], self._held[size:]
        return piece

    def send(self, data: bytes) -> None:
        try:
            for at in range(0, len(data), _PIECE):
                self._call.send(protobuf.message((1, data[at : at + _PIECE])))
        except Cancelled as exc:
            raise TransportError("the engine broke off the build's session") from exc

    def shut(self) -> None:
        self._shut = True
        self._call.give_up()

    def close(self) -> None:
        """The connection is closed by whoever made it."""
