# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A connection to the engine that begins as an HTTP request and then is ours (`Upgrade: h2c`)."""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.errors import TransportError
from ansible_collections.slipway.images.plugins.module_utils.wire.answer import Answer, refusal
from ansible_collections.slipway.images.plugins.module_utils.wire.stream import Stream, TlsStream
from ansible_collections.slipway.images.plugins.module_utils.wire.transport import Transport

_SWITCHING = 101
_LONGEST_REFUSAL = 64 << 10  # bytes


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
        lines = [f"POST {'' if transport.address.is_unix else transport.address.path}{path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in (*first, *headers)]
        sock.sendall("\r\n".join([*lines, "", ""]).encode("ascii"))
        answer = http.client.HTTPResponse(t.cast(socket.socket, _Unbuffered(sock)), method="POST")
        answer.begin()
        if answer.status != _SWITCHING:
            said = b"" if answer.length is None else answer.read(_LONGEST_REFUSAL)
            raise refusal(Answer(_Refused(answer.status, said), (), failure), what)
        sock.settimeout(None)
    except transport.foreign as exc:
        _close(sock)
        raise failure(exc) from exc
    except BaseException:
        _close(sock)
        raise
    return TlsStream(sock, failure) if isinstance(sock, ssl.SSLSocket) else Stream(sock, failure)


class _Refused:
    """What `Answer` reads from."""

    def __init__(self, status: int, said: bytes) -> None:
        self.status, self.headers, self._said = status, dict[str, str](), said

    def stream(self, size: int, decode_content: bool) -> t.Iterator[bytes]:
        yield self._said

    def close(self) -> None:
        """The connection is closed by whoever made it."""


class _Unbuffered:
    """What `http.client` reads from: it asks for single lines and bytes, and gets no more than that."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def makefile(self, mode: str) -> io.RawIOBase:
        return self._sock.makefile("rb", buffering=0)


def _close(sock: socket.socket | None) -> None:
    if sock:
        sock.close()
