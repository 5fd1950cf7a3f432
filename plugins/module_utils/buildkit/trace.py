# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The records of a BuildKit build (`POST /build?version=2`), folded into a `BuildLog`.

Steps run side by side, and what is known of one is told again and again: the last word counts. That a vertex has an
error does not mean that the build failed (a cache that could not be imported); only the record `error` says so.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import re
import typing as t
from dataclasses import dataclass

from ansible_collections.slipway.images.plugins.module_utils.buildkit.status import Log, Vertex, Warn, events
from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError
from ansible_collections.slipway.images.plugins.module_utils.image.buildlog import BuildLog, Step
from ansible_collections.slipway.images.plugins.module_utils.image.dockerfile import Dockerfile
from ansible_collections.slipway.images.plugins.module_utils.image.output import LINE, Secrets, Tail, clip, drawn

# `[2/4] RUN make`; with several stages `[build 2/4] …`, with several platforms `[linux/arm64 build 2/4] …`.
_STEP = re.compile(r"\[(?:(.+ )?)(\d+)/(\d+)\] (.*)", re.DOTALL)
_LINK = "LINK "  # `COPY --link` is two vertexes; this one only stacks what the other copied
_EXIT_CODE = re.compile(r"exit code: (\d+)")
_COUNTED = ("RUN", "COPY", "ADD", "WORKDIR")  # what BuildKit counts as a step, behind `FROM`
_CANCELED = "context canceled"
_CACHE_IMPORT = "importing cache manifest from "


def fold(
    records: t.Iterable[t.Mapping[str, t.Any]],
    *,
    dockerfile: Dockerfile | None,
    limit: int,
    clock: t.Callable[[], float],
    secrets: t.Collection[str] = (),
) -> BuildLog:
    """Like `classiclog.fold`, with `clock` only for the whole; the engine tells the steps' own times."""
    so_far = _Fold(dockerfile, limit, clock, Secrets(secrets))
    for record in records:
        id, aux = record.get("id"), record.get("aux")
        if "errorDetail" in record or "error" in record:
            so_far.fail(record)
            break
        if id == "moby.buildkit.trace" and isinstance(aux, (bytes, str)):
            so_far.trace(aux)
        elif id == "moby.image.id" and isinstance(aux, t.Mapping) and isinstance(aux.get("ID"), str):
            so_far.id = aux["ID"]
    return so_far.log()


@dataclass
class _Seen:
    """What is known of a vertex so far, and its output."""

    tail: Tail
    decoder: codecs.IncrementalDecoder
    name: str = ""
    cached: bool = False
    started: float | None = None
    completed: float | None = None
    error: str = ""


class _Fold:
    def __init__(
        self, dockerfile: Dockerfile | None, limit: int, clock: t.Callable[[], float], secrets: Secrets
    ) -> None:
        self._stages = dockerfile.stages if dockerfile else ()
        self._names = [stage.name or f"stage-{number}" for number, stage in enumerate(self._stages)]
        self._limit, self._clock, self._secrets = limit, clock, secrets
        self._began = clock()
        self._vertexes: dict[bytes, _Seen] = {}  # in the order in which they were announced
        self._warnings: dict[str, None] = {}  # a set that keeps its order
        self._error = ""
        self._told: t.Mapping[str, t.Any] = {}  # what `solve.records` knows more of a failure
        self._last: dict[str, int] = {}  # how many steps each stage has
        self._pulled: set[str] = set()  # stages whose `FROM` is a step: that of an image is, that of a stage is not
        self._latest = 0.0  # when something last happened, by the engine's clock
        self.id = ""

    def trace(self, aux: bytes | str) -> None:
        """A message, or in base64 as `POST /build` has it."""
        try:
            data = base64.b64decode(aux, validate=True) if isinstance(aux, str) else aux
        except (binascii.Error, ValueError) as exc:
            raise FormatError("a record of the build's trace is not base64") from exc
        for event in events(data):
            if isinstance(event, Log):
                seen = self._seen(event.vertex)
                seen.tail.feed(seen.decoder.decode(event.data))
            elif isinstance(event, Vertex):
                self._vertex(event)
            else:
                self._warn(event)

    def fail(self, record: t.Mapping[str, t.Any]) -> None:
        detail = record.get("errorDetail")
        detail = detail if isinstance(detail, t.Mapping) else {}
        said = str(detail.get("message") or record.get("error") or "the engine gave no reason")
        self._error = clip(self._secrets.hide(said), LINE)
        self._told = detail

    def log(self) -> BuildLog:
        order = {name: at for at, name in enumerate(self._names)}
        steps = [step for digest, seen in self._vertexes.items() for step in self._step(digest, seen)]
        steps.sort(key=lambda step: (order.get(step.stage, len(order)), step.stage, step.index))
        return BuildLog(
            builder="buildkit",
            id="" if self._error else self.id,
            seconds=round(self._clock() - self._began, 3),
            warnings=tuple(self._warnings),
            steps=tuple(steps),
            error=self._error,
            line=self._told.get("line"),
        )

    def _seen(self, digest: bytes) -> _Seen:
        if digest not in self._vertexes:
            decoder = codecs.getincrementaldecoder("utf-8")("replace")
            self._vertexes[digest] = _Seen(Tail(self._limit, self._secrets), decoder)
        return self._vertexes[digest]

    def _vertex(self, event: Vertex) -> None:
        seen = self._seen(event.digest)
        seen.name = event.name or seen.name
        found = _STEP.fullmatch(event.name)
        if found:
            stage = self._stage(found[1] or "")
            self._last[stage] = max(self._last.get(stage, 0), int(found[2]), int(found[3]))
            self._pulled.update([stage] if found[4].startswith("FROM ") else ())
        if event.started is not None:  # else it is only announced, which may happen again when all is done
            seen.started, seen.completed = event.started, event.completed
            seen.cached, seen.error = event.cached, event.error
            self._latest = max(self._latest, event.completed or event.started)
        if event.error and event.name.startswith(_CACHE_IMPORT):
            self._warn(Warn(f"{event.name}: {event.error}", 0))

    def _warn(self, warning: Warn) -> None:
        said = drawn(self._secrets.hide(" ".join(warning.short.split())))
        where = f"(line {warning.line})"  # newer frontends say it themselves
        self._warnings[clip(f"{said} {where}" if warning.line and not said.endswith(where) else said, LINE)] = None

    def _step(self, digest: bytes, seen: _Seen) -> t.Iterator[Step]:
        """The step that a vertex is; nothing for what is none, or was never reached."""
        told = self._told if digest == str(self._told.get("vertex")).encode() else {}
        found = _STEP.fullmatch(seen.name)
        if not found or seen.started is None or found[4].startswith(_LINK):
            return
        stage, index, total = self._stage(found[1] or ""), int(found[2]), int(found[3])
        state = "failed" if told else self._state(seen)
        code = _EXIT_CODE.search(seen.error) if state == "failed" else None
        seen.tail.feed(seen.decoder.decode(b"", True))
        output, truncated = seen.tail.lines()
        yield Step(
            index=index,
            total=total,
            stage=stage,
            name=self._secrets.hide(drawn(found[4])),
            state=state,
            seconds=round(max(0.0, (seen.completed or self._latest) - seen.started), 3),
            exit_code=told.get("exit_code", int(code[1]) if code else None),
            line=told.get("line") or self._line(stage, index, found[4]),
            output=output,
            truncated=truncated,
            platform=_platform(found[1] or ""),
        )

    def _state(self, seen: _Seen) -> str:
        """Others fail with the one that failed: those were canceled."""
        if seen.error:
            return "canceled" if _CANCELED in seen.error else "failed"
        if seen.completed is None:
            return "canceled"
        return "cached" if seen.cached else "done"

    def _stage(self, prefix: str) -> str:
        """A lone stage is not told; what has a slash is a platform."""
        words = prefix.split()
        if words and "/" not in words[-1]:
            return words[-1]
        return self._names[0] if len(self._names) == 1 else "stage-0"

    def _line(self, stage: str, index: int, name: str) -> int | None:
        """Triggers of the base image (`ONBUILD`) come between `FROM` and the Dockerfile's own steps. Engine 20.10 does
        not count them in the total, but announces every step at once."""
        if stage not in self._names:
            return None
        instructions = self._stages[self._names.index(stage)].instructions
        counted = [each for each in instructions if each.keyword in _COUNTED]
        before = int(stage in self._pulled)
        at = index - 1 - (self._last[stage] - len(counted))
        its = instructions[0] if index <= before else counted[at] if 0 <= at < len(counted) else None
        return its.line if its and name.split(None, 1)[:1] == [its.keyword] else None


def _platform(prefix: str) -> str:
    """`linux/arm64`; or `linux/amd64->arm64` for a stage on the first that makes something for the second."""
    word = prefix.partition(" ")[0]
    return word if "/" in word else ""
