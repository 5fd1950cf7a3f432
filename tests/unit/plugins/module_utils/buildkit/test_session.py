# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import os
import socket
import threading
import typing as t
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.buildkit.methods import HEALTH
from ansible_collections.slipway.images.plugins.module_utils.buildkit.session import (
    SERVING,
    Service,
    Session,
    shared_key,
)
from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError, TransportError, UsageError
from ansible_collections.slipway.images.plugins.module_utils.grpc.call import Call, Handler, unary
from ansible_collections.slipway.images.plugins.module_utils.wire.stream import Stream
from ansible_collections.slipway.images.tests.support.caller import PATIENCE, Caller


class Engine:
    """The other end of a session's stream, with a `Caller` on it."""

    def __init__(self) -> None:
        ours, self.sock = socket.socketpair()
        self.stream = Stream(ours, lambda exc: TransportError(f"lost: {exc}"))
        self.caller: Caller

    def begin(self) -> Caller:
        self.caller = Caller(t.cast(t.Any, self))
        return self.caller

    # What a Caller does with a server.
    def receive(self, data: bytes) -> None:
        with contextlib.suppress(OSError):  # lost on somebody who has hung up, which `outgoing` will tell
            self.sock.sendall(data)

    def outgoing(self) -> bytes:
        try:
            return self.sock.recv(65536)
        except OSError:
            return b""

    def close(self) -> None:
        self.sock.close()


@pytest.fixture
def engine() -> t.Iterator[Engine]:
    before = threading.enumerate()
    engine = Engine()
    yield engine
    engine.close()
    if hasattr(engine, "caller"):
        engine.caller.pump.join(PATIENCE)
    assert threading.enumerate() == before


def test_health_is_answered_and_nothing_is_left(engine: Engine) -> None:
    session = Session([], "key")
    with session.serve(engine.stream):
        assert engine.begin().call(HEALTH, b"").end() == [SERVING]
    session.check()
    assert engine.sock.recv(1) == b"", "hung up"


def test_how_it_introduces_itself() -> None:
    session = Session([Service.of({"/a.B/C": lambda call: None})], "key")
    headers = [(name.replace("X-Docker-Expose-Session-", ""), value) for name, value in session.headers]
    assert headers[0] == ("Uuid", session.id)
    assert ("Sharedkey", "key") in headers
    assert headers[-2:] == [("Grpc-Method", HEALTH), ("Grpc-Method", "/a.B/C")]
    assert Session([], "").id != session.id
    assert ":" not in session.id, "the engine would cut what is before one"


def test_who_is_not_called_need_not_be_there(engine: Engine) -> None:
    """Opening takes the names alone."""
    made: list[str] = []

    def make() -> dict[str, Handler]:
        made.append("now")
        return {"/a.B/C": unary(lambda request: b"answer")}

    session = Session([Service(("/a.B/C",), make)], "")
    assert session.headers[-1][1] == "/a.B/C"
    assert made == []
    with session.serve(engine.stream):
        assert engine.begin().call("/a.B/C", b"").end() == [b"answer"]
    assert made == ["now"]


def test_what_a_service_raises_is_raised(engine: Engine) -> None:
    def fail(call: Call) -> None:
        raise UsageError("x vanished")

    session = Session([Service.of({"/a.B/C": fail})], "")
    with session.serve(engine.stream):
        engine.begin().call("/a.B/C").end()
    with pytest.raises(UsageError, match="x vanished"):
        session.check()


def wait(call: Call) -> None:
    call.receive()


def test_an_interrupted_build_leaves_nothing(engine: Engine) -> None:
    session = Session([Service.of({"/a.B/C": wait})], "")
    with pytest.raises(KeyboardInterrupt), session.serve(engine.stream):
        caller = engine.begin()
        caller.call("/a.B/C", end=False)
        caller.call(HEALTH, b"").end()
        raise KeyboardInterrupt
    session.check()


def test_an_engine_that_breaks_off(engine: Engine) -> None:
    began, ended = threading.Event(), threading.Event()

    def wait_and_tell(call: Call) -> None:
        began.set()
        try:
            call.receive()
        finally:
            ended.set()

    session = Session([Service.of({"/a.B/C": wait_and_tell})], "")
    with session.serve(engine.stream):
        engine.begin().call("/a.B/C", end=False)
        assert began.wait(PATIENCE)
        engine.sock.shutdown(socket.SHUT_RDWR)
        assert ended.wait(PATIENCE)
    # Who reads learns it in other words than who writes, and either may be the first.
    with pytest.raises(TransportError, match=r"in the middle of a call|lost: "):
        session.check()


def test_an_engine_that_is_done_first_did_nothing_wrong(engine: Engine) -> None:
    session = Session([], "")
    with session.serve(engine.stream):
        engine.begin().call(HEALTH, b"").end()
        engine.sock.shutdown(socket.SHUT_RDWR)
    session.check()


@pytest.mark.parametrize(
    "said",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n", os.urandom(200), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" * 9],
    ids=["HTTP/1.1", "noise", "our own words"],  # xdist's workers must know a test by one name
)
def test_an_engine_of_another_tongue(engine: Engine, said: bytes) -> None:
    session = Session([], "")
    with session.serve(engine.stream):
        engine.sock.sendall(said)
        while engine.sock.recv(65536):  # until we hang up
            pass
    with pytest.raises(FormatError, match="HTTP/2"):
        session.check()


def test_keys(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    assert shared_key(str(one)) == shared_key(str(one)) != shared_key(str(two))
    key = shared_key(str(one))
    one.rename(tmp_path / "old")
    two.rename(one)
    assert shared_key(str(one)) != key, "another directory under the same path"
