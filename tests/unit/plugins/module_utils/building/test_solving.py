# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import socket
import threading
import typing as t
from types import SimpleNamespace

import pytest
from ansible_collections.slipway.images.plugins.module_utils.building import solving
from ansible_collections.slipway.images.plugins.module_utils.buildkit import control
from ansible_collections.slipway.images.plugins.module_utils.buildkit.carriage import carried
from ansible_collections.slipway.images.plugins.module_utils.buildkit.session import Session
from ansible_collections.slipway.images.plugins.module_utils.errors import (
    Denied,
    EngineError,
    NotFound,
    TransportError,
)
from ansible_collections.slipway.images.plugins.module_utils.grpc.call import Call, Handler
from ansible_collections.slipway.images.plugins.module_utils.grpc.server import Server
from ansible_collections.slipway.images.plugins.module_utils.wire.stream import Stream
from ansible_collections.slipway.images.tests.support.caller import PATIENCE

NEW, OLD = (1, 51), (1, 41)
PLAIN = [("t", "app:1"), ("dockerfile", "Dockerfile")]
SEVERAL = [*PLAIN, ("platform", "linux/amd64,linux/arm64")]
GATEWAY = [*PLAIN, ("extrahosts", "h:host-gateway")]
TAR = [b"tar"]
FORBIDDEN = Denied("no", status=403)
BROKEN = EngineError("oops", status=500)


class Ways:
    """The engine's endpoints as `engine/{builder,control}.py` have them; `asked` tells which were."""

    def __init__(self, session: Exception | None = None, control: Exception | None = None) -> None:
        self.refusals = {"session": session, "control": control}
        self.asked: list[str] = []
        self.handlers: dict[str, Handler] = {}
        self.ends: list[t.Any] = []
        self.streams: list[Stream] = []

    def build(
        self, engine: t.Any, query: t.Any, *, context: t.Any = None, meanwhile: t.Any = None
    ) -> t.Iterator[dict[str, t.Any]]:
        self.asked.append("build" if context is None else "build of a tar")
        if meanwhile:
            meanwhile()
        return iter([])

    def serve(self) -> None:
        self.asked.append("serve")

    def session(self, engine: t.Any, headers: t.Any) -> Stream:
        return self._stream("session")

    def connect(self, engine: t.Any) -> Stream:
        return self._stream("control")

    def _stream(self, way: str) -> Stream:
        self.asked.append(way)
        if refusal := self.refusals[way]:
            raise refusal
        ours, theirs = (Stream(sock, lambda exc: TransportError(str(exc))) for sock in socket.socketpair())
        self.ends.append(carried(Server(self.handlers, lambda failure: None), theirs, way, lambda failure: None))
        self.ends[-1].__enter__()
        self.streams.append(ours)
        return ours


@pytest.fixture
def ways(monkeypatch: pytest.MonkeyPatch) -> t.Iterator[t.Callable[..., Ways]]:
    made: list[Ways] = []

    def make(**refusals: Exception | None) -> Ways:
        made.append(Ways(**refusals))
        monkeypatch.setattr(solving, "builder", made[-1])
        monkeypatch.setattr(solving, "control", made[-1])
        return made[-1]

    yield make
    for end in made[-1].ends:
        end.__exit__(None, None, None)


def engine(api: tuple[int, int]) -> t.Any:
    return SimpleNamespace(api=api)


@pytest.mark.parametrize(
    ("api", "query", "tar", "refusal", "asked"),
    [
        (NEW, PLAIN, None, None, ["serve", "control"]),
        ((1, 42), PLAIN, None, None, ["serve", "control"]),
        (OLD, PLAIN, None, None, ["build", "serve"]),
        (NEW, PLAIN, TAR, None, ["serve", "build of a tar"]),
        (OLD, PLAIN, TAR, None, ["serve", "build of a tar"]),
        (NEW, GATEWAY, None, None, ["build", "serve"]),
        (NEW, PLAIN, None, FORBIDDEN, ["serve", "control", "build"]),
        (OLD, SEVERAL, None, None, ["serve", "control"]),
    ],
)
def test_which_way(
    ways: t.Callable[..., Ways], api: t.Any, query: t.Any, tar: t.Any, refusal: t.Any, asked: list[str]
) -> None:
    """While an engine takes a tar from us it may want something of the session, which nobody could serve meanwhile."""
    known = ways(control=refusal)
    solving.records(engine(api), "id", query, tar, known.serve)
    assert known.asked == asked


@pytest.mark.parametrize(
    ("query", "refusal", "kind", "said"), [(PLAIN, BROKEN, EngineError, "oops"), (SEVERAL, FORBIDDEN, Denied, "no")]
)
def test_no_way(ways: t.Callable[..., Ways], query: t.Any, refusal: t.Any, kind: type[Exception], said: str) -> None:
    ways(control=refusal)
    with pytest.raises(kind, match=said):
        solving.records(engine(NEW), "id", query, None, lambda: None)


def test_what_is_asked_of_buildkit(ways: t.Callable[..., Ways]) -> None:
    asked: list[bytes] = []

    def note(call: Call) -> None:
        asked.append(call.receive() or b"")
        call.send(b"")

    known = ways()
    known.handlers = {control.SOLVE: note, control.STATUS: lambda call: None}
    query = [*PLAIN, ("networkmode", "host"), ("buildargs", '{"BUILDKIT_INLINE_CACHE": "1"}')]
    assert list(solving.records(engine(NEW), "the session's", query, None, lambda: None)) == []
    for word in (b"the session's", b"docker.io/library/app:1", b"moby", b"network.host", b"inline", b"filename"):
        assert word in asked[0]


def test_a_session_by_the_way_that_is_there(ways: t.Callable[..., Ways]) -> None:
    known = ways()
    session = Session([], "")
    served: list[t.Any] = []
    session.serve = lambda stream: contextlib.nullcontext(served.append(stream))  # type: ignore[method-assign]
    with solving.session(engine(NEW), session) as serve:
        assert (known.asked, served) == (["session"], [])
        serve()
    assert served == known.streams


def test_a_session_that_nobody_served_is_closed(ways: t.Callable[..., Ways]) -> None:
    known = ways()
    with solving.session(engine(NEW), Session([], "")):
        pass
    with pytest.raises(TransportError, match="Bad file descriptor"):
        known.streams[0].receive(1)


def test_what_only_buildkit_can_do() -> None:
    assert solving.beyond([("platform", "linux/amd64"), ("t", "a"), ("cachefrom", "[]")]) == []
    query = [("platform", "linux/amd64,linux/arm64"), ("cacheto", "[]"), ("cacheimports", "[]")]
    assert solving.beyond([*query, ("context:lib", "local:lib")]) == [
        "platform",
        "cacheto",
        "cacheimports",
        "context:lib",
    ]


def test_a_session_where_only_control_is_left(ways: t.Callable[..., Ways]) -> None:
    known = ways(session=NotFound("gone", status=404))
    told, came = list[str](), threading.Event()

    def look(call: Call) -> None:
        told.extend(call.values("x-docker-expose-session-uuid"))
        came.set()
        call.receive()

    known.handlers = {control.SESSION: look}
    session = Session([], "")
    with solving.session(engine(NEW), session) as serve:
        serve()
        assert known.asked == ["session", "control"]
        assert came.wait(PATIENCE)
    session.check()
    assert told == [session.id]


def test_a_session_that_is_refused_for_a_reason(ways: t.Callable[..., Ways]) -> None:
    ways(session=BROKEN)
    with pytest.raises(EngineError, match="oops"), solving.session(engine(NEW), Session([], "")):
        raise AssertionError
