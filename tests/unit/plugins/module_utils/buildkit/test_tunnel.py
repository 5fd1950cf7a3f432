# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import socket
import threading
import typing as t

import pytest
from ansible_collections.slipway.images.plugins.module_utils.buildkit import control, protobuf
from ansible_collections.slipway.images.plugins.module_utils.buildkit.carriage import carried
from ansible_collections.slipway.images.plugins.module_utils.buildkit.methods import HEALTH
from ansible_collections.slipway.images.plugins.module_utils.buildkit.protobuf import message, octets
from ansible_collections.slipway.images.plugins.module_utils.buildkit.session import SERVING, Session
from ansible_collections.slipway.images.plugins.module_utils.buildkit.tunnel import Tunnel
from ansible_collections.slipway.images.plugins.module_utils.errors import TransportError
from ansible_collections.slipway.images.plugins.module_utils.grpc.call import Call, Handler
from ansible_collections.slipway.images.plugins.module_utils.grpc.client import Client
from ansible_collections.slipway.images.plugins.module_utils.grpc.server import Server
from ansible_collections.slipway.images.plugins.module_utils.grpc.status import UNKNOWN, Cancelled, Status
from ansible_collections.slipway.images.plugins.module_utils.wire.stream import Stream
from ansible_collections.slipway.images.tests.support.caller import PATIENCE, Caller

Dig = t.Callable[[Handler], Tunnel]
HEADERS = [("X-Docker-Expose-Session-Uuid", "id"), ("X-Many", "a"), ("X-Many", "b")]


@pytest.fixture
def dig() -> t.Iterator[Dig]:
    """`dig(handler)`: a tunnel to an engine whose `Control.Session` that is."""
    before = threading.enumerate()
    with contextlib.ExitStack() as stack:

        def begin(handler: Handler) -> Tunnel:
            client, server = Client(), Server({control.SESSION: handler}, lambda failure: None)
            stack.callback(server.join, PATIENCE)
            for end, sock in zip((client, server), socket.socketpair()):
                stream = Stream(sock, lambda exc: TransportError(str(exc)))
                stack.enter_context(carried(end, stream, "test", lambda failure: None))
            return Tunnel(client, HEADERS)

        yield begin
    assert threading.enumerate() == before


def echo(call: Call) -> None:
    for data in call:
        call.send(data)


def test_bytes_come_and_go(dig: Dig) -> None:
    tunnel = dig(echo)
    sent = bytes(range(256)) * 10_000  # more than goes into one message
    tunnel.send(sent)
    came = b""
    while len(came) < len(sent):
        piece = tunnel.receive(1000)
        assert 0 < len(piece) <= 1000
        came += piece
    assert came == sent
    tunnel.shut()
    assert tunnel.receive(1) == b""
    tunnel.shut()
    tunnel.close()


def test_it_introduces_itself_as_to_post_session(dig: Dig) -> None:
    told: list[object] = []

    def look(call: Call) -> None:
        told.extend((call.values("x-docker-expose-session-uuid"), call.values("x-many")))

    assert dig(look).receive(1) == b""
    assert told == [["id"], ["a", "b"]]


def test_an_engine_that_refuses(dig: Dig) -> None:
    def refuse(call: Call) -> None:
        raise Status(UNKNOWN, "no such session")

    tunnel = dig(refuse)
    with pytest.raises(TransportError, match="broke off the build's session: no such session"):
        tunnel.receive(1)
    with pytest.raises(TransportError, match="broke off"):
        tunnel.send(b"x")
    tunnel.shut()
    assert tunnel.receive(1) == b"", "who shut it knows why"


class Engine:
    """What a `Caller` takes for a server: the engine's end of the tunnel."""

    def __init__(self, call: Call) -> None:
        self.call = call

    def receive(self, data: bytes) -> None:
        self.call.send(message((1, data)))

    def outgoing(self) -> bytes:
        with contextlib.suppress(Cancelled):
            return octets(protobuf.last(self.call.receive() or b"").get(1))
        return b""


def test_a_session_within(dig: Dig) -> None:
    """HTTP/2 in gRPC in HTTP/2."""
    answers: list[list[bytes]] = []
    done = threading.Event()

    def engine(call: Call) -> None:
        caller = Caller(t.cast(t.Any, Engine(call)))
        answers.append(caller.call(HEALTH, b"").end())
        done.set()
        caller.pump.join(PATIENCE)

    session = Session([], "key")
    with session.serve(dig(engine)):
        assert done.wait(PATIENCE)
    session.check()
    assert answers == [[SERVING]]
