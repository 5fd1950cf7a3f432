# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections to a unix socket."""

from __future__ import annotations

import io
import socket
import typing as t
from contextlib import suppress

from ansible_collections.slipway.images.plugins.module_utils.wire import http1

_BUFFER = 64 << 10  # bytes: a stream's chunk is to be had in one go


class Request(t.NamedTuple):
    """`timeout` (seconds) is for connecting, `silence` while an answer is awaited or read; sending has no limit.
    `meanwhile` is called when all is sent, before an answer is awaited, or earlier."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes | t.Iterator[bytes] | None
    timeout: float
    silence: float | None
    meanwhile: t.Callable[[], object] | None = None

    @property
    def chunked(self) -> bool:
        """Nobody knows beforehand how long the body is."""
        return not (self.body is None or isinstance(self.body, bytes))


class Local:
    """Connections are kept and reused; threads may share it. All of this raises `foreign` and `http1.HttpError`."""

    foreign: tuple[type[Exception], ...] = (OSError,)

    def __init__(self, path: str) -> None:
        self._path = path
        self._idle: list[_Connection] = []  # a thread takes the last, or makes a new one

    def send(self, asked: Request) -> Response:
        connection = self._connection(asked.timeout)
        try:
            # Who refuses an upload answers and hangs up: the answer is there to be read.
            with suppress(BrokenPipeError, ConnectionResetError):
                for block in _said(asked):
                    connection.sock.sendall(block)
            if asked.meanwhile:
                asked.meanwhile()
            connection.sock.settimeout(asked.silence)
            return Response(connection, http1.head(connection.source), self._idle)
        except BaseException:
            connection.close()
            raise

    def connect(self, timeout: float) -> socket.socket:
        """A connected socket for somebody else to speak through."""
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.settimeout(timeout)
            sock.connect(self._path)
            sock.settimeout(None)
        except BaseException:
            sock.close()
            raise
        return sock

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _connection(self, timeout: float) -> _Connection:
        while self._idle:
            kept = self._idle.pop()
            if kept.is_quiet():
                return kept
            kept.close()
        return _Connection(self.connect(timeout))


def _said(asked: Request) -> t.Iterator[bytes]:
    """A request, in the pieces that it is sent in."""
    body, headers = asked.body, {"Host": "localhost", "Accept-Encoding": "identity", **asked.headers}
    if body is None or isinstance(body, bytes):
        if body is not None or asked.method != "GET":
            headers["Content-Length"] = str(len(body or b""))
        yield http1.request(asked.method, asked.target, headers.items()) + (body or b"")
        return
    headers["Transfer-Encoding"] = "chunked"
    yield http1.request(asked.method, asked.target, headers.items())
    yield from map(http1.chunk, filter(None, body))
    yield http1.chunk(b"")


class _Connection:
    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.source: io.BufferedReader = io.BufferedReader(t.cast(t.Any, sock.makefile("rb", buffering=0)), _BUFFER)

    def is_quiet(self) -> bool:
        """Is it open? Between two requests the other side has nothing to say but that it is not."""
        self.sock.settimeout(0)
        try:
            if not self.source.peek():
                self.sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            self.sock.settimeout(None)
            return True
        except OSError:
            pass
        return False

    def close(self) -> None:
        self.source.close()
        self.sock.close()


class Response:
    """What `Answer` reads from. Read to its end, it gives its connection back to `idle`."""

    def __init__(self, connection: _Connection, head: http1.Head, idle: list[_Connection]) -> None:
        self.status, self.headers = head.status, head.headers
        self._head, self._idle = head, idle
        self._connection: _Connection | None = connection
        if head.length == 0:
            self._end()

    def stream(self, size: int, decode_content: bool = False) -> t.Iterator[bytes]:
        """The body as it comes, in pieces of at most `size` bytes."""
        if self._connection:
            yield from http1.body(self._connection.source, self._head, size)
            self._end()

    def _end(self) -> None:
        if self._connection and not self._head.last:
            self._idle.append(self._connection)
            self._connection = None

    def close(self) -> None:
        """Before the end, it drops the connection."""
        if self._connection:
            self._connection.close()
            self._connection = None
