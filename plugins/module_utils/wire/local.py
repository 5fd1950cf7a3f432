# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections to a unix socket, by `http.client`.

Nothing of what urllib3 adds to that is of use there, and its import is a third of what a task takes to start.
"""

from __future__ import annotations

import socket
import typing as t
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead


class Request(t.NamedTuple):
    """`timeout` (seconds) is for connecting, `silence` while an answer is awaited or read; sending has no limit."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes | t.Iterator[bytes] | None
    timeout: float
    silence: float | None

    @property
    def chunked(self) -> bool:
        """Nobody knows beforehand how long the body is."""
        return not (self.body is None or isinstance(self.body, bytes))


class Local:
    """Connections are kept and reused; threads may share it. `foreign`: what all of this raises."""

    foreign: tuple[type[Exception], ...] = (OSError, HTTPException)

    def __init__(self, path: str) -> None:
        self._path = path
        self._idle: list[_Connection] = []  # a thread takes the last, or makes a new one

    def send(self, asked: Request) -> Response:
        connection = self._connection(asked.timeout)
        headers = {**asked.headers, "Transfer-Encoding": "chunked"} if asked.chunked else asked.headers
        try:
            # Who refuses an upload answers and hangs up: the answer is there to be read.
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.request(asked.method, asked.target, asked.body, headers, encode_chunked=True)
            connection.sock.settimeout(asked.silence)
            return Response(connection, connection.getresponse(), self._idle)
        except BaseException:
            connection.close()
            raise

    def connect(self, timeout: float) -> socket.socket:
        """A connected socket for somebody else to speak through."""
        connection = _Connection(self._path, timeout)
        connection.connect()
        return connection.sock

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _connection(self, timeout: float) -> _Connection:
        while self._idle:
            kept = self._idle.pop()
            if kept.is_quiet():
                return kept
            kept.close()
        return _Connection(self._path, timeout)


class _Connection(HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.settimeout(self.timeout)
            sock.connect(self._path)
            sock.settimeout(None)
        except BaseException:
            sock.close()
            raise
        self.sock = sock

    def is_quiet(self) -> bool:
        """Is it open? Between two requests the other side has nothing to say but that it is not."""
        self.sock.settimeout(0)
        try:
            self.sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            self.sock.settimeout(None)
            return True
        except OSError:
            pass
        return False


class Response:
    """What `Answer` reads from. Read to its end, it gives its connection back to `idle`."""

    def __init__(self, connection: _Connection, response: HTTPResponse, idle: list[_Connection]) -> None:
        self.status: int = response.status
        self.headers: t.Mapping[str, str] = response.headers  # type: ignore[assignment]  # caseless
        self._connection, self._response, self._idle = connection, response, idle

    def stream(self, size: int, decode_content: bool = False) -> t.Iterator[bytes]:
        """The body as it comes, in pieces of at most `size` bytes."""
        response = self._response
        if response.isclosed():
            return
        while not response.isclosed():
            # `read1` gives what is there, but does not count down a length; `read` does, and may wait for all of it.
            block = response.read1(size) if response.chunked or response.length is None else response.read(size)
            if block:
                yield block
            elif response.length:  # of a body that is not chunked; `read` is silent about its early end
                raise IncompleteRead(b"", response.length)
            else:
                response.close()
        if not response.will_close:
            self._idle.append(self._connection)

    def close(self) -> None:
        """Before the end, it drops the connection."""
        if not self._response.isclosed():
            self._response.close()
            self._connection.close()
