# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a connection is kept, and when it is not; what it carries is in `test_transport`, for every wire."""

from __future__ import annotations

import socket
import typing as t

import pytest
from ansible_collections.slipway.images.plugins.module_utils.wire.transport import Transport

ALL = b"HTTP/1.1 200 OK\r\n"
ENDED = {
    "a length": ALL + b"Content-Length: 2\r\n\r\n{}",
    "no content": ALL + b"Content-Length: 0\r\n\r\n",
    "204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "chunks": ALL + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "chunks and a trailer": ALL + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nDigest: x\r\n\r\n",
}
LAST = {
    "it says more than was asked": ALL + b"Content-Length: 2\r\n\r\n{}HTTP/1.1 408 Request Timeout\r\n\r\n",
    "it says so": ALL + b"Connection: close\r\nContent-Length: 2\r\n\r\n{}",
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
}


def counting(answer: bytes, most: int = 9) -> t.Callable[[t.Any], int]:
    """A server that hangs up after `most` answers, and then tells how many requests it got."""

    def talk(peer: t.Any) -> int:
        count = 0
        while count < most and peer.head():
            count += 1
            peer.send(answer)
        peer.sock.shutdown(socket.SHUT_RDWR)
        return count

    return talk


@pytest.mark.parametrize("answer", ENDED.values(), ids=ENDED)
def test_what_was_read_to_its_end_goes_on(serve: t.Any, answer: bytes) -> None:
    address, server = serve(counting(answer))
    wire = Transport(address)
    for _turn in range(3):
        with wire.request("GET", "/") as got:
            assert b"".join(got.blocks()) in (b"{}", b"")
            assert list(got.blocks()) == []
    wire.close()
    assert server.conversations() == [3]


def test_two_at_a_time_need_two(serve: t.Any) -> None:
    address, server = serve(counting(ENDED["chunks"]))
    wire = Transport(address)
    with wire.request("GET", "/") as one, wire.request("GET", "/") as other:
        assert one.text == other.text == "{}"
    wire.close()
    assert server.conversations(2) == [1, 1]


@pytest.mark.parametrize("answer", [ENDED["no content"], ENDED["204"]])
def test_of_nothing_there_is_nothing_to_read(serve: t.Any, answer: bytes) -> None:
    address, server = serve(counting(answer))
    wire = Transport(address)
    for _turn in range(3):
        wire.request("POST", "/").close()
    wire.close()
    assert server.conversations() == [3]


@pytest.mark.parametrize("answer", LAST.values(), ids=LAST)
def test_the_engine_may_end_it(serve: t.Any, answer: bytes) -> None:
    address, server = serve(counting(answer, 1))
    wire = Transport(address)
    assert [wire.request("GET", "/").json() for _turn in range(2)] == [{}, {}]
    assert server.conversations(2) == [1, 1]


def test_what_was_not_read_is_dropped(serve: t.Any) -> None:
    address, server = serve(counting(ENDED["chunks"]))
    wire = Transport(address)
    with wire.request("GET", "/"):
        pass
    assert wire.request("GET", "/").json() == {}
    wire.close()
    assert server.conversations(2) == [1, 1]


def test_who_hung_up_meanwhile_is_not_asked_again(serve: t.Any) -> None:
    address, server = serve(counting(ENDED["a length"], 1))
    wire = Transport(address)
    for _turn in range(3):
        assert wire.request("POST", "/", body=b"x").json() == {}
        assert server.conversations() == [1]  # it has hung up
    wire.close()


def test_of_a_length_no_more_is_awaited(serve: t.Any) -> None:
    def talk(peer: t.Any) -> None:
        peer.head()
        peer.send(ALL + b"Content-Length: 200000\r\n\r\n" + b"x" * 200_000)
        peer.head()

    address, _server = serve(talk)
    wire = Transport(address, timeout=10)
    sizes = [len(block) for block in wire.request("GET", "/").blocks()]
    assert (sum(sizes), max(sizes)) == (200_000, 65536)
    wire.close()
