# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest
from ansible_collections.slipway.images.plugins.module_utils.engine import control
from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.errors import NotFound
from ansible_collections.slipway.images.plugins.module_utils.grpc.client import Client
from ansible_collections.slipway.images.plugins.module_utils.grpc.server import Server
from ansible_collections.slipway.images.plugins.module_utils.wire.stream import Stream
from ansible_collections.slipway.images.plugins.module_utils.wire.transport import Transport
from ansible_collections.slipway.images.tests.unit.plugins.module_utils.wire.conftest import Peer, Serve

SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
GONE = b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}"
BAD = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"
HELLO = b"PRI * HTTP/2.0\r\n"


def talk(upgrades: bool, plain: bool) -> t.Callable[[Peer], str]:
    """An engine that has `POST /grpc`, or takes HTTP/2 at once, or both, or neither."""

    def answer(peer: Peer) -> str:
        line = peer.stream.readline()
        if line == HELLO:
            peer.send(Server({}, lambda failure: None).outgoing() if plain else BAD)
            return "HTTP/2"
        while peer.stream.readline().strip():
            pass
        peer.send(SWITCHING + b"first" if upgrades else GONE)
        return line.decode().strip()

    return answer


@pytest.fixture
def open_engine(serve: Serve, engine: Engine) -> t.Iterator[t.Callable[..., tuple[Engine, t.Any]]]:
    transports: list[Transport] = []

    def start(**what: bool) -> tuple[Engine, t.Any]:
        address, server = serve(talk(**what))
        transports.append(Transport(address, None, 10))
        return replace(engine, transport=transports[-1]), server

    yield start
    for transport in transports:
        transport.close()


def first_words(stream: Stream, size: int) -> bytes:
    said = b""
    while len(said) < size and (piece := stream.receive(size - len(said))):
        said += piece
    stream.close()
    return said


def test_by_an_upgrade(open_engine: t.Any) -> None:
    engine, server = open_engine(upgrades=True, plain=True)
    assert first_words(control.connect(engine), 5) == b"first"
    assert server.conversations() == ["POST /v1.41/grpc HTTP/1.1"]


def test_at_once_where_there_is_no_upgrade(open_engine: t.Any) -> None:
    engine, server = open_engine(upgrades=False, plain=True)
    stream = control.connect(engine)
    client = Client()
    stream.send(client.outgoing())
    client.receive(first_words(stream, 9))
    client.close()
    assert server.conversations(3) == ["POST /v1.41/grpc HTTP/1.1", "HTTP/2", "HTTP/2"]


def test_not_at_all(open_engine: t.Any) -> None:
    engine, server = open_engine(upgrades=False, plain=False)
    with pytest.raises(NotFound):
        control.connect(engine)
    assert server.conversations(2) == ["POST /v1.41/grpc HTTP/1.1", "HTTP/2"]
