# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Recordings of engine 28.5.2 (`tests/support/record_solve.py`), whole, cut and spoilt; and servers of our own."""

from __future__ import annotations

import base64
import itertools
import json
import random
import socket
import threading
import typing as t
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.buildkit import control, solve, trace
from ansible_collections.slipway.images.plugins.module_utils.buildkit.carriage import carried
from ansible_collections.slipway.images.plugins.module_utils.buildkit.control import Solve
from ansible_collections.slipway.images.plugins.module_utils.buildkit.protobuf import field, message
from ansible_collections.slipway.images.plugins.module_utils.errors import BuildError, SlipwayError, TransportError
from ansible_collections.slipway.images.plugins.module_utils.grpc.call import Call, Handler
from ansible_collections.slipway.images.plugins.module_utils.grpc.server import Server
from ansible_collections.slipway.images.plugins.module_utils.grpc.status import UNKNOWN, Status
from ansible_collections.slipway.images.plugins.module_utils.image.buildlog import BuildLog
from ansible_collections.slipway.images.plugins.module_utils.image.dockerfile import Dockerfile
from ansible_collections.slipway.images.plugins.module_utils.wire.stream import Stream
from ansible_collections.slipway.images.tests.support.caller import PATIENCE
from h2.config import H2Configuration
from h2.connection import H2Connection

FIXTURES = Path(__file__).parents[3] / "fixtures" / "solve"
NAMES = sorted(path.name for path in FIXTURES.iterdir())
BUILD = Solve("ref", "session", {})


@pytest.fixture(autouse=True)
def nothing_is_left() -> t.Iterator[None]:
    before = threading.enumerate()
    yield
    assert threading.enumerate() == before


class Replay:
    """A stream on which `said` comes as soon as both calls were made, and the end behind it."""

    def __init__(self, *said: bytes) -> None:
        self.said = iter(said)
        self.asked, self.over = threading.Event(), threading.Event()
        self.calls = 0
        self.h2 = H2Connection(H2Configuration(client_side=False))

    def receive(self, size: int) -> bytes:
        assert self.asked.wait(PATIENCE)
        return b"" if self.over.is_set() else next(self.said, b"")

    def send(self, data: bytes) -> None:
        if not self.asked.is_set():
            self.calls += sum(type(event).__name__ == "StreamEnded" for event in self.h2.receive_data(data))
            if self.calls == 2:
                self.asked.set()

    def shut(self) -> None:
        self.over.set()
        self.asked.set()

    def close(self) -> None:
        pass


def fold(stream: t.Any, dockerfile: str | None = None) -> BuildLog:
    parsed = None if dockerfile is None else Dockerfile.parse(dockerfile)
    records = solve.records(stream, BUILD)
    return trace.fold(records, dockerfile=parsed, limit=5, clock=itertools.count().__next__)


def recorded(name: str) -> BuildLog:
    said = (FIXTURES / name / "stream.h2").read_bytes()
    return fold(Replay(said), (FIXTURES / name / "Dockerfile").read_text())


def test_a_build_that_came_to_its_end() -> None:
    log = recorded("ok")
    log.check()
    assert log.id.startswith("sha256:")
    assert [(step.line, step.state, step.output) for step in log.steps][1:] == [(2, "done", ("built",))]


def test_a_step_that_failed() -> None:
    with pytest.raises(BuildError, match=r"step 3/3 \(Dockerfile:5\) RUN echo cc.*: exit code 7\ncc") as caught:
        recorded("failing-run").check()
    assert caught.value.facts["line"] == 5


def test_a_failure_that_is_no_steps_has_a_line() -> None:
    with pytest.raises(BuildError, match=r"^the build failed at Dockerfile:2: 127.0.0.1:1/none:1: ") as caught:
        recorded("missing-base").check()
    assert caught.value.facts["line"] == 2


def test_checks() -> None:
    assert [warning.partition(":")[0] for warning in recorded("warnings").warnings] == [
        *("MaintainerDeprecated", "ConsistentInstructionCasing")
    ]
    assert [warning[-8:] for warning in recorded("warnings").warnings] == ["(line 2)", "(line 1)"]


@pytest.mark.parametrize("name", NAMES)
def test_wherever_a_recording_breaks_off(name: str) -> None:
    said = (FIXTURES / name / "stream.h2").read_bytes()
    whole = recorded(name)
    for cut in random.Random(name).sample(range(len(said)), 40):
        assert fold(Replay(said[:cut], said[cut:])).id == whole.id
        try:
            log = fold(Replay(said[:cut]))
        except TransportError as exc:
            assert "control connection" in str(exc)
        else:  # what was cut off was not about the build
            assert (log.id, log.error) == (whole.id, whole.error)


@pytest.mark.parametrize("name", NAMES)
def test_a_spoilt_recording_is_an_error_or_another_log(name: str) -> None:
    dice = random.Random(name)
    for _turn in range(60):
        said = bytearray((FIXTURES / name / "stream.h2").read_bytes())
        for _change in range(dice.randint(1, 4)):
            said[dice.randrange(len(said))] = dice.randrange(256)
        try:
            fold(Replay(bytes(said)))
        except SlipwayError:
            continue


# ---- servers of our own ----------------------------------------------------------------------------------------------


def served(handlers: t.Mapping[str, Handler]) -> t.Iterator[t.Any]:
    """The records of a build on an engine that has these handlers."""
    ours, theirs = socket.socketpair()
    server = Server(handlers, lambda failure: None)
    try:
        with carried(server, Stream(theirs, lambda exc: TransportError(str(exc))), "engine", lambda failure: None):
            yield from solve.records(Stream(ours, lambda exc: TransportError(str(exc))), BUILD)
    finally:
        server.join(PATIENCE)


def quiet(call: Call) -> None:
    """A status that never comes, as of a build that was refused before it began."""
    waiting = threading.Event()
    call.at_end(waiting.set)
    waiting.wait(PATIENCE)


def test_a_build_that_is_refused_before_it_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(call: Call) -> None:
        raise Status(UNKNOWN, 'exporter "x" could not be found')

    given_up = threading.Event()

    def status(call: Call) -> None:
        call.at_end(given_up.set)
        quiet(call)

    monkeypatch.setattr(solve, "GRACE", 0.01)
    (record,) = served({control.SOLVE: refuse, control.STATUS: status})
    assert given_up.is_set()
    assert record["error"] == 'exporter "x" could not be found'
    assert record["errorDetail"] == {"message": record["error"], "vertex": "", "line": None, "exit_code": None}


def test_a_refusal_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    (record,) = served({control.SOLVE: lambda call: None, control.STATUS: lambda call: None})
    assert "none or many" in record["error"]


def test_without_an_image_there_is_no_id() -> None:
    assert list(served({control.SOLVE: lambda call: call.send(b""), control.STATUS: lambda call: None})) == []


def test_what_is_told_is_what_was_sent() -> None:
    pair = message((1, b"containerimage.digest"), (2, b"sha256:1"))
    cache = message((1, b"cache.manifest"), (2, b"{}"))
    handlers: dict[str, Handler] = {
        control.SOLVE: lambda call: call.send(field(1, pair) + field(1, cache)),
        control.STATUS: lambda call: call.send(b"\x0a\x00", b""),
    }
    assert list(served(handlers)) == [
        {"id": "moby.buildkit.trace", "aux": b"\x0a\x00"},
        {"id": "moby.buildkit.trace", "aux": b""},
        {"id": "cache.manifest", "aux": "{}"},
        {"id": "moby.image.id", "aux": {"ID": "sha256:1"}},
    ]


def test_who_stops_reading_cancels() -> None:
    cancelled = threading.Event()

    def wait(call: Call) -> None:
        call.at_end(cancelled.set)
        assert cancelled.wait(PATIENCE)

    def status(call: Call) -> None:
        call.send(b"")
        quiet(call)

    records = served({control.SOLVE: wait, control.STATUS: status})
    next(records)
    t.cast(t.Any, records).close()
    assert cancelled.wait(PATIENCE)


@pytest.mark.parametrize("name", NAMES)
def test_both_tongues_tell_the_same(name: str) -> None:
    """`trace.fold` of what `POST /build` would have said."""
    records = []
    for record in solve.records(Replay((FIXTURES / name / "stream.h2").read_bytes()), BUILD):
        aux = record.get("aux")
        records.append({**record, "aux": base64.b64encode(aux).decode()} if isinstance(aux, bytes) else record)
    dockerfile = Dockerfile.parse((FIXTURES / name / "Dockerfile").read_text())
    clock = itertools.count().__next__
    told = trace.fold(json.loads(json.dumps(records)), dockerfile=dockerfile, limit=5, clock=clock)
    assert told == recorded(name)
