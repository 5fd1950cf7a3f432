# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bytes in, values out; how it goes over a socket is in `test_local`, `test_pipeline` and `test_upgrade`."""

from __future__ import annotations

import io
import os
import random
from http.client import HTTPException, HTTPResponse

import pytest
from ansible_collections.slipway.images.plugins.module_utils.wire import http1

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def read(said: bytes, size: int = 1 << 16) -> tuple[http1.Head, bytes, bytes]:
    """The head, the body, and what is left for the next answer."""
    source = io.BufferedReader(io.BytesIO(said))
    head = http1.head(source)
    return head, b"".join(http1.body(source, head, size)), source.read()


@pytest.mark.parametrize(
    ("said", "status", "body", "last"),
    [
        (OK + b"Content-Length: 2\r\n\r\n{}", 200, b"{}", False),
        (OK + b"content-length:2\r\n\r\n{}", 200, b"{}", False),
        (OK + b"Content-Length: 0\r\n\r\n", 200, b"", False),
        (OK + b"Connection: Close\r\nContent-Length: 2\r\n\r\n{}", 200, b"{}", True),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", 200, b"{}", True),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", False),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", 304, b"", False),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n", 101, b"", False),
        (b"HTTP/1.1 200\r\nContent-Length: 1\r\n\r\nx", 200, b"x", False),
        (b"HTTP/1.1 200 OK\nContent-Length: 1\n\nx", 200, b"x", False),
        (
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + CHUNKED + b"0\r\n\r\n",
            200,
            b"",
            False,
        ),
        (CHUNKED + b"3\r\none\r\nA;x=y\r\n, two, two\r\n0\r\n\r\n", 200, b"one, two, two", False),
        (CHUNKED + b"1\r\nx\r\n0\r\nDigest: y\r\nOther: z\r\n\r\n", 200, b"x", False),
        (OK + b"Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", 200, b"x", False),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 1 << 16])
def test_where_an_answer_ends(said: bytes, status: int, body: bytes, last: bool, size: int) -> None:
    head, found, rest = read(said + b"next", size)
    assert (head.status, found, head.last, rest) == (status, body, last, b"next")


def test_an_answer_that_ends_with_the_connection() -> None:
    head, body, rest = read(OK + b"\r\nall of it")
    assert (body, head.last, rest) == (b"all of it", True, b"")


def test_pieces_are_no_larger_than_asked_for() -> None:
    source = io.BufferedReader(io.BytesIO(CHUNKED + b"7\r\n0123456\r\n0\r\n\r\n"))
    assert list(http1.body(source, http1.head(source), 3)) == [b"012", b"345", b"6"]


def test_headers_are_caseless_and_the_first_counts() -> None:
    headers = read(OK + b"Api-Version:  1.41 \r\nX: a:b\r\nx: c\r\nContent-Length: 0\r\n\r\n")[0].headers
    assert (headers["API-VERSION"], headers.get("api-version"), headers["x"]) == ("1.41", "1.41", "a:b")
    assert ("OSTYPE" in headers, headers.get("Ostype"), len(headers)) == (False, None, 3)


def test_a_head_is_read_and_nothing_behind_it() -> None:
    """Of a source without a buffer: what comes next is somebody else's."""
    raw = io.FileIO(_pipe(b"HTTP/1.1 101 Switching Protocols\r\n\r\n\0\0frames"))
    assert http1.head(raw).status == 101
    assert raw.read() == b"\0\0frames"


def _pipe(said: bytes) -> int:
    ours, theirs = os.pipe()
    os.write(theirs, said)
    os.close(theirs)
    return ours


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n", "SSH-2.0-OpenSSH_9.2p1 Debian"),
        (b"\x15\x03\x01\x00\x02\x02\x16", "\x15\x03\x01\x00\x02\x02\x16"),
        (b"HTTP/2 200\r\n\r\n", "HTTP/2 200"),
        (b"HTTP/1.1 OK\r\n\r\n", "HTTP/1.1 OK"),
        (b"\r\n", ""),
        (OK + b"nonsense\r\n\r\n", "nonsense"),
        (OK + b"Content-Length: much\r\n\r\n", "Content-Length: much"),
        (OK + b"Content-Length: -1\r\n\r\n", "Content-Length: -1"),
        (CHUNKED + b"zz\r\n", "zz"),
        (CHUNKED + b"-1\r\n", "-1"),
        (OK + b"X: y\r\n" * 101, "more than 100 headers"),
        (OK + b"X: " + b"y" * 70_000, "a line of more than 65536 bytes"),
    ],
)
def test_what_is_no_http(said: bytes, words: str) -> None:
    with pytest.raises(http1.NotHttp) as caught:
        read(said)
    assert str(caught.value) == words


@pytest.mark.parametrize("said", [OK + b"Content-Length: 5\r\n\r\nthree", CHUNKED + b"3\r\none\r\n0\r\n\r\n"])
def test_an_answer_that_breaks_off_anywhere(said: bytes) -> None:
    for end in range(len(said)):
        with pytest.raises(http1.HttpError) as caught:
            read(said[:end])
        if not isinstance(caught.value, http1.NotHttp):  # cut within the first words
            assert isinstance(caught.value, http1.BrokenOff)
            assert caught.value.begun == (end > 0)
        else:
            assert 0 < end < len("HTTP/1.1 200")


def test_a_request() -> None:
    said = http1.request("POST", "/v1.41/build?t=a%20b", [("Host", "localhost"), ("X-Many", "a"), ("X-Many", "ü")])
    assert said == b"POST /v1.41/build?t=a%20b HTTP/1.1\r\nHost: localhost\r\nX-Many: a\r\nX-Many: \xfc\r\n\r\n"
    assert http1.chunk(b"x" * 26) + http1.chunk(b"") == b"1a\r\n" + b"x" * 26 + b"\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("target", "header"),
    [("/a b", "x"), ("/a\r\nX: y", "x"), ("/ü", "x"), ("/a", "x\r\nY: z"), ("/a", "x\ny"), ("/a", "x\0")],
)
def test_a_request_that_would_say_something_else(target: str, header: str) -> None:
    with pytest.raises(http1.HttpError, match="such characters"):
        http1.request("GET", target, [("X", header)])


class _Socket:
    def __init__(self, said: bytes) -> None:
        self._said = said

    def makefile(self, mode: str) -> io.BytesIO:
        return io.BytesIO(self._said)


def test_as_the_standard_library_reads_it() -> None:
    """Whatever both take for an answer, they take for the same one."""
    dice, both = random.Random(5), 0
    firsts = [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 404 Not Found\r\n"]
    pieces = [b"Content-Length: 4\r\n", b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n", b"X: y\r\n"]
    pieces += [b"\r\n", b"4\r\nbody\r\n", b"0\r\n", b"body"]
    for _turn in range(20_000):
        said = b"".join([dice.choice(firsts), *dice.choices(pieces, k=dice.randrange(1, 7))])
        if b"\r\n\r\n" not in said:  # the library takes the end of the stream for that of a head
            continue
        theirs = HTTPResponse(_Socket(said))  # type: ignore[arg-type]
        try:
            head, body, _rest = read(said)
        except http1.HttpError:
            head = None
        try:
            theirs.begin()
            told = theirs.status, theirs.read()
        except (HTTPException, ValueError):
            told = None
        if head and told:
            both += 1
            assert (head.status, body) == told, said
            assert head.last == theirs.will_close, said
    assert both > 3000
