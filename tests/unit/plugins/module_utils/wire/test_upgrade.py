# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import ssl
import threading
import typing as t

import pytest
from ansible_collections.slipway.images.plugins.module_utils.errors import (
    EngineError,
    NotFound,
    TransportError,
    TransportTimeout,
)
from ansible_collections.slipway.images.plugins.module_utils.wire.address import Address
from ansible_collections.slipway.images.plugins.module_utils.wire.tls import Tls
from ansible_collections.slipway.images.plugins.module_utils.wire.transport import Transport
from ansible_collections.slipway.images.plugins.module_utils.wire.upgrade import upgrade
from ansible_collections.slipway.images.tests.unit.plugins.module_utils.wire.conftest import Certificates, Peer, Serve

SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
PATH = "/v1.41/session"
WHERES = ["unix", "tcp", "tls"]


@pytest.fixture
def context(certificates: Certificates, request: pytest.FixtureRequest) -> ssl.SSLContext | None:
    return certificates.context() if "tls" in request.node.callspec.id else None


def transport(address: Address, certificates: Certificates, timeout: float = 10) -> Transport:
    return Transport(address, Tls(ca_path=certificates.ca), timeout)


@pytest.mark.parametrize("where", WHERES)
def test_a_connection_becomes_ours(
    where: str, serve: Serve, context: ssl.SSLContext | None, certificates: Certificates
) -> None:
    """What the engine says right behind its answer is for the new protocol; and nothing is said before."""

    def talk(peer: Peer) -> tuple[str, list[str], bytes]:
        lines = [peer.stream.readline().decode().strip()]
        while lines[-1]:
            lines.append(peer.stream.readline().decode().strip())
        peer.send(SWITCHING[:30], SWITCHING[30:] + b"first", b" words")
        said = peer.stream.read(5)
        peer.send(b"!")
        return lines[0], sorted(lines[1:-1]), said

    address, server = serve(talk, where, context)
    stream = upgrade(transport(address, certificates), PATH, [("X-Many", "a"), ("X-Many", "b")])
    stream.send(b"hello")
    heard = b""
    while piece := stream.receive(4):
        heard += piece
    stream.close()
    [(line, headers, said)] = server.conversations()
    assert line == f"POST {PATH} HTTP/1.1"
    host = "localhost" if where == "unix" else f"{address.host}:{address.port}"
    asked = ["Connection: Upgrade", "Content-Length: 0", f"Host: {host}", "Upgrade: h2c", "X-Many: a", "X-Many: b"]
    assert headers == asked
    assert (heard, said) == (b"first words!", b"hello")


@pytest.mark.parametrize("where", WHERES)
def test_both_directions_at_once_and_an_end_from_outside(
    where: str, serve: Serve, context: ssl.SSLContext | None, certificates: Certificates
) -> None:
    """More than any buffer holds goes both ways, while each side reads only what it is sent."""
    amount, piece = 3_000_000, bytes(range(250)) * 40

    def talk(peer: Peer) -> int:
        peer.head()
        peer.send(SWITCHING)
        read = 0
        while read < amount:
            read += len(peer.stream.read(len(piece)))
            peer.send(piece)
        peer.stream.read()
        return read

    address, server = serve(talk, where, context)
    stream = upgrade(transport(address, certificates), PATH, [])
    heard: list[bytes] = []

    def listen() -> None:
        while data := stream.receive(65536):
            heard.append(data)
            if sum(map(len, heard)) == amount:
                done.set()

    done = threading.Event()
    listener = threading.Thread(target=listen)
    listener.start()
    for _turn in range(amount // len(piece)):
        stream.send(piece)
    assert done.wait(10)
    stream.shut()
    listener.join(10)
    assert not listener.is_alive()
    stream.shut()
    stream.close()
    assert b"".join(heard) == piece * (amount // len(piece))
    assert server.conversations() == [amount]


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        ("400 Bad Request", b'{"message": "session ID already exists"}', EngineError, "session ID already exists"),
        ("404 Not Found", b'{"message": "page not found"}', NotFound, "refused POST /session: page not found"),
        ("501 Not Implemented", b"", EngineError, "Not Implemented"),
        ("200 OK", b"{}", EngineError, r"HTTP 200"),
    ],
)
def test_refusals(
    serve: Serve, certificates: Certificates, status: str, body: bytes, kind: type[EngineError], said: str
) -> None:
    def talk(peer: Peer) -> None:
        peer.head()
        peer.answer(body, status)

    address, _server = serve(talk)
    with pytest.raises(kind, match=said):
        upgrade(transport(address, certificates), PATH, [])


@pytest.mark.parametrize("cut", range(0, len(SWITCHING), 7))
def test_an_answer_that_breaks_off(serve: Serve, certificates: Certificates, cut: int) -> None:
    def talk(peer: Peer) -> None:
        peer.head()
        peer.send(SWITCHING[:cut])

    address, _server = serve(talk)
    with pytest.raises(TransportError, match=r"POST /session|does not speak HTTP"):
        upgrade(transport(address, certificates), PATH, [])


def test_nobody_there_nobody_answers_nobody_trusted(serve: Serve, certificates: Certificates, tmp_path: t.Any) -> None:
    with pytest.raises(TransportError, match="the socket does not exist"):
        upgrade(transport(Address(path=str(tmp_path / "none")), certificates), PATH, [])
    ended = threading.Event()
    address, _server = serve(lambda peer: ended.wait(10))
    with pytest.raises(TransportTimeout, match="did not answer POST /session"):
        upgrade(transport(address, certificates, timeout=0.05), PATH, [])
    ended.set()
    address, _server = serve(lambda peer: None, "tls", certificates.context("other"))
    with pytest.raises(TransportError, match="is for another host name"):
        upgrade(transport(address, certificates), PATH, [])


def test_a_lost_connection_is_said_in_our_words(serve: Serve, certificates: Certificates) -> None:
    def talk(peer: Peer) -> None:
        peer.head()
        peer.send(SWITCHING)
        peer.forget()

    address, server = serve(talk)
    stream = upgrade(transport(address, certificates), PATH, [])
    server.conversations()
    with pytest.raises(TransportError, match="failed on POST /session"):
        for _turn in range(100):
            stream.send(b"x" * 100_000)
    stream.close()
