# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client against our own server, with nothing between them but two threads; and against bytes of anybody's."""

from __future__ import annotations

import contextlib
import threading
import typing as t

import pytest
from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError
from ansible_collections.slipway.images.plugins.module_utils.grpc.call import Call, Handler, unary
from ansible_collections.slipway.images.plugins.module_utils.grpc.client import Client
from ansible_collections.slipway.images.plugins.module_utils.grpc.framing import LIMIT
from ansible_collections.slipway.images.plugins.module_utils.grpc.server import Server
from ansible_collections.slipway.images.plugins.module_utils.grpc.status import NOT_FOUND, Cancelled, Status
from ansible_collections.slipway.images.tests.support.caller import PATIENCE
from h2.config import H2Configuration
from h2.connection import H2Connection
from hypothesis import given, settings
from hypothesis import strategies as st

Connect = t.Callable[[t.Mapping[str, Handler]], Client]


@pytest.fixture
def connect() -> t.Iterator[Connect]:
    """`connect(handlers)`: a client of somebody who has them."""
    before = threading.enumerate()
    with contextlib.ExitStack() as stack:

        def begin(handlers: t.Mapping[str, Handler]) -> Client:
            client, server = Client(), Server(handlers, lambda failure: None)
            for one, other in ((client, server), (server, client)):
                thread = threading.Thread(target=_carry, args=(one, other))
                thread.start()
                stack.callback(thread.join, PATIENCE)
            stack.callback(server.join, PATIENCE)
            stack.callback(server.close)
            stack.callback(client.close)
            return client

        yield begin
    assert threading.enumerate() == before


def _carry(source: Client | Server, sink: Client | Server) -> None:
    for data in iter(source.outgoing, b""):
        sink.receive(data)
    sink.close()


def echo(call: Call) -> None:
    for message in call:
        call.send(message)


def test_one_in_one_out(connect: Connect) -> None:
    client = connect({"/s/Upper": unary(bytes.upper)})
    assert [client.call("/s/Upper", data).only() for data in (b"abc", b"", b"x" * 3_000_000)] == [
        *(b"ABC", b"", b"X" * 3_000_000),
    ]
    assert not client.busy


def test_to_and_fro(connect: Connect) -> None:
    call = connect({"/s/Echo": echo}).call("/s/Echo", more=True)
    for turn in (b"1", b"2"):
        call.send(turn)
        assert call.receive() == turn
    call.done()
    assert call.receive() is None


def test_many_at_a_time(connect: Connect) -> None:
    client = connect({"/s/Echo": echo})
    calls = [client.call("/s/Echo", b"%d" % number) for number in range(50)]
    assert [call.only() for call in reversed(calls)] == [b"%d" % number for number in reversed(range(50))]


def test_metadata(connect: Connect) -> None:
    def told(call: Call) -> None:
        call.send(*(value.encode() for value in call.values("k")))

    call = connect({"/s/Told": told}).call("/s/Told", metadata=[("k", "b"), ("k", "é")])
    assert list(call) == [b"b", "é".encode()]


def test_how_calls_fail(connect: Connect) -> None:
    def missing(call: Call) -> None:
        raise Status(NOT_FOUND, "no such thing: é %")

    def late(call: Call) -> None:
        call.send(b"some")
        raise Status(NOT_FOUND, "after all")

    client = connect({"/s/Missing": missing, "/s/Late": late, "/s/Echo": echo})
    with pytest.raises(Status, match="no such thing: é %") as caught:
        client.call("/s/Missing").receive()
    assert caught.value.code == NOT_FOUND
    call = client.call("/s/Late")
    assert call.receive() == b"some"
    with pytest.raises(Status, match="after all"):
        call.receive()
    with pytest.raises(Status, match="no method /s/Nobody"):
        client.call("/s/Nobody", b"x" * 3_000_000).only()
    for messages in ((), (b"1", b"2")):
        with pytest.raises(Status, match="none or many"):
            client.call("/s/Echo", *messages).only()


def test_giving_up(connect: Connect) -> None:
    ended = threading.Event()

    def wait(call: Call) -> None:
        with pytest.raises(Cancelled):
            call.receive()
        ended.set()

    client = connect({"/s/Wait": wait, "/s/Echo": echo})
    call, told = client.call("/s/Wait", more=True), threading.Event()
    call.at_end(told.set)
    call.give_up()
    assert ended.wait(PATIENCE)
    assert (told.is_set(), client.busy, call.receive()) == (True, False, None)
    call.give_up()  # once more does no harm, nor after the end
    call = client.call("/s/Echo", b"1")
    call.only()
    call.give_up()


def test_the_end_is_told_to_who_asked(connect: Connect) -> None:
    call, told = connect({"/s/Echo": echo}).call("/s/Echo", more=True), threading.Event()
    call.at_end(told.set)
    assert not told.is_set()
    call.done()
    assert told.wait(PATIENCE)
    told.clear()
    call.at_end(told.set)
    assert told.is_set(), "at once, if it has ended"


def test_a_peer_that_is_gone(connect: Connect) -> None:
    client = connect({"/s/Echo": echo})
    call = client.call("/s/Echo", more=True)
    client.close()
    with pytest.raises(Cancelled):
        call.receive()
    with pytest.raises(Cancelled):
        call.send(b"x")
    with pytest.raises(Cancelled):
        client.call("/s/Echo")


# ---- bytes of anybody's ----------------------------------------------------------------------------------------------

Headers = t.Sequence[tuple[str, str]]
OPENING: Headers = [(":status", "200"), ("content-type", "application/grpc")]


def answer(*parts: Headers | bytes, end: bool = True) -> bytes:
    """What a server says to a client's first call."""
    client, server = H2Connection(), H2Connection(H2Configuration(client_side=False))
    client.initiate_connection()
    client.send_headers(1, [(":method", "POST"), (":scheme", "http"), (":path", "/a"), (":authority", "x")])
    server.initiate_connection()
    server.receive_data(client.data_to_send())
    for at, part in enumerate(parts):
        last = end and at == len(parts) - 1
        if isinstance(part, bytes):
            server.send_data(1, part, end_stream=last)
        else:
            server.send_headers(1, part, end_stream=last)
    return server.data_to_send()


def outcome(*pieces: bytes) -> object:
    """What a call comes to when these bytes come, and then no more."""
    client = Client()
    call = client.call("/s/X", b"x")
    with contextlib.suppress(FormatError):
        for piece in pieces:
            client.receive(piece)
    client.close()
    try:
        return list(call)
    except (Status, Cancelled, FormatError) as exc:
        return exc


GOOD = answer(OPENING, b"\0\0\0\0\1x\0\0\0\0\0", [("grpc-status", "0")])


@pytest.mark.parametrize(
    ("said", "kind", "text"),
    [
        (answer([*OPENING, ("grpc-status", "5"), ("grpc-message", "nope %C3%A9")]), Status, "nope é"),
        (answer([(":status", "404")], b'{"message": "page not found"}'), Status, "HTTP status 404"),
        (answer(OPENING, b"\0\0\0\0\1x"), Status, "without a word"),
        (answer(OPENING, [("grpc-status", "none")]), Status, "HTTP status unknown"),
        (answer(OPENING, b"\0\0\0\0\2x"), FormatError, "in the middle of a message"),
        (answer(OPENING, b"\1\0\0\0\1x"), FormatError, "compressed"),
        (answer(OPENING, b"\0" + (LIMIT + 1).to_bytes(4, "big")), FormatError, "at most"),
        (answer(OPENING, b"\0\0\0\0\1x", end=False), Cancelled, ""),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", Cancelled, ""),
        (b"\xff\xff\xff\0\0\0\0\0\0", Cancelled, ""),
    ],
)
def test_answers_that_are_none(said: bytes, kind: type[Exception], text: str) -> None:
    came = outcome(said)
    assert isinstance(came, kind), came
    assert text in str(came)


def test_wherever_it_is_cut() -> None:
    for cut in range(len(GOOD)):
        assert outcome(GOOD[:cut], GOOD[cut:]) == [b"x", b""]
        assert isinstance(outcome(GOOD[:cut]), Cancelled)


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_wrong_bytes_end_a_call(data: st.DataObject) -> None:
    said = bytearray(GOOD)
    for _turn in range(data.draw(st.integers(1, 4))):
        said[data.draw(st.integers(0, len(said) - 1))] = data.draw(st.integers(0, 255))
    outcome(bytes(said) + data.draw(st.binary(max_size=50)))


def test_too_long_a_frame_is_an_error_at_once() -> None:
    client = Client()
    with pytest.raises(FormatError, match="a frame of"):
        client.receive(b"\xff\xff\xff\0\0\0\0\0\1")
