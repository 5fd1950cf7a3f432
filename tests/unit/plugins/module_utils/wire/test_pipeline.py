# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import typing as t
from dataclasses import replace

import pytest
from ansible_collections.slipway.images.plugins.module_utils.wire.pipeline import AHEAD, LINES, bodies
from ansible_collections.slipway.images.plugins.module_utils.wire.tls import Tls
from ansible_collections.slipway.images.plugins.module_utils.wire.transport import Transport
from ansible_collections.slipway.images.tests.unit.plugins.module_utils.wire.conftest import Certificates, Peer, Serve

PATHS = ["/v1.41/images/%d/json" % number for number in range(3 * AHEAD * LINES)]
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n3\r\none\r\n2;x=y\r\n, \r\n3\r\ntwo\r\n0\r\n\r\n"
)
COUNTED = b"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\ncontent-length: 5\r\n\r\nthree"
MISSING = b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}"


def says(*answers: bytes) -> t.Callable[[Peer], None]:
    """Each to one request of a connection, and then it hangs up."""

    def talk(peer: Peer) -> None:
        for answer in answers:
            peer.head()
            peer.send(answer)

    return talk


@pytest.mark.parametrize("where", ["unix", "tcp", "tls"])
def test_answers_in_the_order_of_what_was_asked(serve: Serve, certificates: Certificates, where: str) -> None:
    def talk(peer: Peer) -> list[str]:
        lines = [peer.line for _number in range(AHEAD) if peer.head()]  # nothing is answered before these are there
        hosts = {peer.headers["host"]}
        for number in range(len(PATHS) // LINES):
            peer.answer(json.dumps(lines[number]).encode(), "404 Not Found" if number == 7 else "200 OK")
            if len(lines) < len(PATHS) // LINES and peer.head():
                lines.append(peer.line)
        return [*lines, *hosts]

    address, server = serve(talk, where, certificates.context() if where == "tls" else None)
    address = replace(address, path="/prefix") if where == "tcp" else address
    transport = Transport(address, Tls(ca_path=certificates.ca) if where == "tls" else None, 10)
    asked = ["GET %s%s HTTP/1.1" % ("/prefix" if where == "tcp" else "", path) for path in PATHS]
    expected = [None if number // LINES == 7 else json.dumps(line).encode() for number, line in enumerate(asked)]
    assert list(bodies(transport, PATHS)) == expected
    host = "localhost" if where == "unix" else "127.0.0.1:%d" % address.port
    assert sorted(server.conversations(LINES)) == sorted([*asked[line::LINES], host] for line in range(LINES))


def test_answers_larger_than_what_the_kernel_holds(serve: Serve) -> None:
    """One that waits to get rid of an answer reads nothing meanwhile, and is not waited for."""
    large = b"x" * 500_000

    def talk(peer: Peer) -> None:
        while peer.head():
            peer.answer(large)

    assert all(body == large for body in bodies(Transport(serve(talk)[0], None, 10), PATHS[: (AHEAD + 8) * LINES]))


def test_ways_to_end_an_answer(serve: Serve) -> None:
    transport = Transport(serve(says(CHUNKED, MISSING, COUNTED))[0], None, 10)
    assert list(bodies(transport, PATHS[: 3 * LINES])) == [b"one, two"] * LINES + [None] * LINES + [b"three"] * LINES


@pytest.mark.parametrize("answer", [CHUNKED, COUNTED, MISSING])
def test_one_that_hangs_up_anywhere(serve: Serve, answer: bytes) -> None:
    """What was said to the end is told, and nothing else."""
    for end in range(len(answer)):
        transport = Transport(serve(says(COUNTED, answer[:end]))[0], None, 10)
        assert list(bodies(transport, PATHS[: LINES + 1])) == [b"three"] * LINES


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 301 Moved\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nuntil it hangs up",
        b"HTTP/1.1 200 OK\r\nContent-Length: much\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nnonsense\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n\r\n",
        b"\r\n",
    ],
)
def test_who_says_something_else_is_to_be_asked_in_the_ordinary_way(serve: Serve, answer: bytes) -> None:
    transport = Transport(serve(says(COUNTED, answer, COUNTED))[0], None, 10)
    assert list(bodies(transport, PATHS[: LINES + 1])) == [b"three"] * LINES


def test_nobody_there(serve: Serve) -> None:
    address, server = serve(says())
    server.close()
    assert list(bodies(Transport(address, None, 10), PATHS)) == []


def test_one_that_is_silent(serve: Serve) -> None:
    def talk(peer: Peer) -> None:
        peer.head()
        peer.send(COUNTED)
        peer.stream.read()  # until we hang up

    assert list(bodies(Transport(serve(talk)[0], None, 0.2), PATHS)) == [b"three"] * LINES
