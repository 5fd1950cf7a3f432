# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP/1.1 as engines speak it on a socket that is already there (RFC 9112).

`http.client` would read on into what follows an answer, and that belongs to somebody else where the connection is
taken over or more was asked already; and it brings TLS and MIME along, whose import takes longer than most tasks speak
to a unix socket.
"""

from __future__ import annotations

import io
import re
import typing as t

_LONGEST_LINE = 64 << 10  # bytes, as in `http.client`
_MOST_LINES = 100  # of headers
SWITCHING, _NO_CONTENT, _NOT_MODIFIED = 101, 204, 304
_UNSPEAKABLE = re.compile(r"[^\x21-\x7e]")  # in a target
_SIZE = re.compile(rb"[0-9a-fA-F]+(?=\s*(;|$))")  # of a chunk
_BREAKS = re.compile(r"[\r\n\0]")  # in a header


class HttpError(Exception):
    """What was said is no HTTP, or cannot be said in it."""


class BrokenOff(HttpError):
    """The other side hung up before the end of its answer; `begun`: but not before its beginning."""

    def __init__(self, begun: bool = True) -> None:
        super().__init__("it hung up without an answer" if not begun else "it hung up in the middle of its answer")
        self.begun = begun


class NotHttp(HttpError):
    """Its argument is how the answer begins."""


class Headers(t.Mapping[str, str]):
    """Caseless. Of two with one name, the first counts."""

    def __init__(self, pairs: t.Iterable[tuple[str, str]]) -> None:
        self._values: dict[str, str] = {}
        for name, value in pairs:
            self._values.setdefault(name.lower(), value)

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def __iter__(self) -> t.Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


class Head(t.NamedTuple):
    """Of an answer. `length` of the body in bytes; None: it goes on until the other side hangs up, unless `chunked`.
    `last`: the connection bears no other request."""

    status: int
    headers: Headers
    length: int | None
    chunked: bool
    last: bool


def request(method: str, target: str, headers: t.Iterable[tuple[str, str]]) -> bytes:
    """The head of a request. `HttpError` for what would not arrive as it is meant."""
    lines = ["%s %s HTTP/1.1" % (method, target), *("%s: %s" % header for header in headers)]
    if _UNSPEAKABLE.search(target) or any(map(_BREAKS.search, lines)):
        raise HttpError("a request must not have such characters: %r" % target)
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def chunk(block: bytes) -> bytes:
    """Of a body whose length nobody knows; an empty one is its end."""
    return b"%x\r\n%b\r\n" % (len(block), block)


def head(source: io.IOBase) -> Head:
    """Read up to the body, and not a byte further where `source` has no buffer."""
    while True:
        version, status = _status(source)
        headers = Headers(_headers(source))
        if status >= 200 or status == SWITCHING:  # the others are said before the answer
            break
    chunked = headers.get("Transfer-Encoding", "").lower() == "chunked"
    length = None if chunked else _length(headers)
    if status in (SWITCHING, _NO_CONTENT, _NOT_MODIFIED):
        chunked, length = False, 0
    connection = headers.get("Connection", "").lower()
    last = version == b"HTTP/1.0" or connection == "close" or (length is None and not chunked)
    return Head(status, headers, length, chunked, last)


def body(source: io.BufferedReader, head: Head, size: int) -> t.Iterator[bytes]:
    """The body, in pieces of at most `size` bytes as they come."""
    if head.length is not None:
        yield from _pieces(source, head.length, size)
    elif head.chunked:
        for left in iter(lambda: _chunk_size(source), 0):
            yield from _pieces(source, left, size)
            _line(source)
        for _trailer in _headers(source):
            pass
    else:
        yield from iter(lambda: source.read1(size), b"")


def _status(source: io.IOBase) -> tuple[bytes, int]:
    line = source.readline(_LONGEST_LINE)
    if not line:
        raise BrokenOff(begun=False)
    version, _space, rest = line.partition(b" ")
    if not version.startswith(b"HTTP/1.") or not rest[:3].isdigit():
        raise NotHttp(line.strip().decode("latin-1"))
    return version, int(rest[:3])


def _headers(source: io.IOBase) -> t.Iterator[tuple[str, str]]:
    for _turn in range(_MOST_LINES + 1):
        line = _line(source)
        if not line:
            return
        name, colon, value = line.decode("latin-1").partition(":")
        if not colon:
            raise NotHttp(line.decode("latin-1"))
        yield name, value.strip()
    raise NotHttp("more than %d headers" % _MOST_LINES)


def _line(source: io.IOBase) -> bytes:
    """Without its end."""
    line = source.readline(_LONGEST_LINE)
    if not line.endswith(b"\n"):
        raise NotHttp("a line of more than %d bytes" % len(line)) if len(line) == _LONGEST_LINE else BrokenOff()
    return line.rstrip(b"\r\n")


def _length(headers: Headers) -> int | None:
    told = headers.get("Content-Length")
    if told is None:
        return None
    if not told.isdigit():
        raise NotHttp("Content-Length: " + told)
    return int(told)


def _chunk_size(source: io.IOBase) -> int:
    line = _line(source)
    size = _SIZE.match(line)
    if not size:
        raise NotHttp(line.decode("latin-1"))
    return int(size[0], 16)


def _pieces(source: io.BufferedReader, left: int, size: int) -> t.Iterator[bytes]:
    while left:
        piece = source.read1(min(left, size))
        if not piece:
            raise BrokenOff
        left -= len(piece)
        yield piece
