# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A connection to the engine that begins as an HTTP request and then is ours (`Upgrade: h2c`)."""

from __future__ import annotations

import io
import socket
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.errors import TransportError
from ansible_collections.slipway.images.plugins.module_utils.wire import http1
from ansible_collections.slipway.images.plugins.module_utils.wire.answer import Answer, refusal
from ansible_collections.slipway.images.plugins.module_utils.wire.stream import Stream
from ansible_collections.slipway.images.plugins.module_utils.wire.transport import Transport


def upgrade(transport: Transport, path: str, headers: t.Iterable[tuple[str, str]]) -> Stream:
    """`POST path` and take the connection over: not a byte behind the answer's head is read, nor one sent before.

    A header may be repeated. Raises what `Transport.request` raises.
    """
    what = f"POST /{path.rpartition('/')[2]}"

    def failure(exc: Exception) -> TransportError:
        return transport.explain(exc, what)

    sock: socket.socket | None = None
    try:
        sock = transport.connect()
        sock.settimeout(transport.timeout)
        host = transport.address.url.partition("://")[2].partition("/")[0]
        first = ("Host", host), ("Connection", "Upgrade"), ("Upgrade", "h2c"), ("Content-Length", "0")
        prefix = "" if transport.address.is_unix else transport.address.path
        sock.sendall(http1.request("POST", prefix + path, (*first, *headers)))
        source = sock.makefile("rb", buffering=0)
        head = http1.head(source)
        if head.status != http1.SWITCHING:
            raise refusal(Answer(_Refused(head, io.BufferedReader(source)), transport.foreign, failure), what)
        sock.settimeout(None)
    except transport.foreign as exc:
        _close(sock)
        raise failure(exc) from exc
    except BaseException:
        _close(sock)
        raise
    if not transport.address.tls:
        return Stream(sock, failure)
    from ansible_collections.slipway.images.plugins.module_utils.wire.tlsstream import TlsStream

    return TlsStream(sock, failure)


class _Refused:
    """What `Answer` reads from."""

    def __init__(self, head: http1.Head, source: io.BufferedReader) -> None:
        self.status, self.headers = head.status, head.headers
        self._head, self._source = head, source

    def stream(self, size: int, decode_content: bool) -> t.Iterator[bytes]:
        return http1.body(self._source, self._head, size)

    def close(self) -> None:
        """The connection is closed by whoever made it."""


def _close(sock: socket.socket | None) -> None:
    if sock:
        sock.close()
