# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import socket
import threading
import typing as t

import pytest
from ansible_collections.slipway.images.plugins.module_utils.buildkit.carriage import carried
from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError, SlipwayError, TransportError
from ansible_collections.slipway.images.plugins.module_utils.grpc.call import unary
from ansible_collections.slipway.images.plugins.module_utils.grpc.client import Client
from ansible_collections.slipway.images.plugins.module_utils.grpc.server import Server
from ansible_collections.slipway.images.plugins.module_utils.grpc.status import Cancelled
from ansible_collections.slipway.images.plugins.module_utils.wire.stream import Stream
from ansible_collections.slipway.images.tests.support.caller import PATIENCE


@pytest.fixture(autouse=True)
def nothing_is_left() -> t.Iterator[None]:
    before = threading.enumerate()
    yield
    assert threading.enumerate() == before


@pytest.fixture
def pair() -> t.Iterator[tuple[Stream, socket.socket]]:
    """Our stream, and its other end."""
    ours, theirs = socket.socketpair()
    with theirs:
        yield Stream(ours, lambda exc: TransportError(str(exc))), theirs


def test_between_a_client_and_a_server() -> None:
    streams = [Stream(sock, lambda exc: TransportError(str(exc))) for sock in socket.socketpair()]
    failures: list[SlipwayError] = []
    client, server = Client(), Server({"/s/Upper": unary(bytes.upper)}, lambda failure: None)
    with carried(server, streams[0], "one", failures.append), carried(client, streams[1], "other", failures.append):
        assert client.call("/s/Upper", b"abc").only() == b"ABC"
    assert failures == []


def test_a_peer_that_hangs_up(pair: tuple[Stream, socket.socket]) -> None:
    client, failures = Client(), list[SlipwayError]()
    with carried(client, pair[0], "test", failures.append):
        call = client.call("/s/X", b"x")
        pair[1].shutdown(socket.SHUT_RDWR)
        with pytest.raises(Cancelled):
            call.receive()
    assert isinstance(failures[0], TransportError)


def test_a_peer_of_another_tongue(pair: tuple[Stream, socket.socket]) -> None:
    client, failures = Client(), list[SlipwayError]()
    with carried(client, pair[0], "test", failures.append):
        call = client.call("/s/X", b"x")
        pair[1].sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        with pytest.raises(Cancelled):
            call.receive()
    assert isinstance(failures[0], FormatError)


class Sulking:
    """A stream that takes its shutting down for an error, as some of OpenSSL do."""

    def __init__(self) -> None:
        self.over = threading.Event()

    def receive(self, size: int) -> bytes:
        assert self.over.wait(PATIENCE)
        raise TransportError("shut down")

    def send(self, data: bytes) -> None:
        pass

    def shut(self) -> None:
        self.over.set()

    def close(self) -> None:
        pass


def test_what_comes_of_our_own_shutting_down_is_no_failure() -> None:
    failures: list[SlipwayError] = []
    with carried(Client(), Sulking(), "test", failures.append):
        pass
    assert failures == []


def test_an_end_of_ours_is_no_failure(pair: tuple[Stream, socket.socket]) -> None:
    client, failures = Client(), list[SlipwayError]()
    with contextlib.suppress(KeyboardInterrupt), carried(client, pair[0], "test", failures.append):
        client.call("/s/X", b"x")
        raise KeyboardInterrupt
    assert failures == []
    while pair[1].recv(65536):  # until the end: the stream is shut
        pass
