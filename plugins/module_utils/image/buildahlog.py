# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The records of Podman's builder (buildah), folded into a `BuildLog`.

It writes each line of its own as one record: `[1/2] STEP 3/4: RUN make\\n` (no `[1/2] ` where there is one stage),
`--> Using cache 0123…\\n`, `--> 0123456789a\\n` for what a step ended in (twelve digits from 5 on), `COMMIT name\\n`; a
container's output stands between them (Podman 4.3.1, 5.4.2, 5.8.6). A program may print such lines, too: then the steps
are not what they seem, but the id is.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.slipway.images.plugins.module_utils.image.buildlog import BuildLog, Step
from ansible_collections.slipway.images.plugins.module_utils.image.dockerfile import Dockerfile, Stage
from ansible_collections.slipway.images.plugins.module_utils.image.output import LINE, Secrets, Tail, clip, drawn

_STEP = re.compile(r"(?:\[(\d+)/\d+\] )?STEP (\d+)/(\d+): (.+)\n")
_ENDED = re.compile(r"--> [0-9a-f]{11,12}\n")
_EPILOGUE = re.compile(r"(?:\[\d+/\d+\] )?COMMIT.*\n")
_AS = re.compile(r"\sAS\s+(\S+)$", re.IGNORECASE)
_EXIT = re.compile(r"exit status (\d+)\s*\Z")


def fold(
    records: t.Iterable[t.Mapping[str, t.Any]],
    *,
    dockerfile: Dockerfile | None,
    limit: int,
    clock: t.Callable[[], float],
    secrets: t.Collection[str] = (),
) -> BuildLog:
    """Like `classiclog.fold`. `Step.index` counts within the stage."""
    so_far = _Fold(dockerfile.stages if dockerfile else (), limit, clock, Secrets(secrets))
    for record in records:
        if "errorDetail" in record or "error" in record:
            so_far.fail(record)
            break
        if isinstance(record.get("stream"), str):
            so_far.stream(record["stream"])
        elif isinstance(record.get("aux"), t.Mapping):
            so_far.id = str(record["aux"].get("ID") or "")
    return so_far.log()


@dataclass
class _Running:
    index: int
    total: int
    stage: str
    name: str
    line: int | None
    since: float
    tail: Tail
    cached: bool = False


class _Fold:
    def __init__(self, stages: t.Sequence[Stage], limit: int, clock: t.Callable[[], float], secrets: Secrets) -> None:
        self._stages, self._limit, self._clock, self._secrets = stages, limit, clock, secrets
        self._began = clock()
        self._steps: list[Step] = []
        self._at: _Running | None = None
        self._stage = self._error = self.id = ""

    def stream(self, text: str) -> None:
        step = _STEP.fullmatch(text)
        if step:
            self._begin(int(step[1] or 1), int(step[2]), int(step[3]), step[4])
        elif self._at is None:
            return
        elif _ENDED.fullmatch(text):
            self._end("cached" if self._at.cached else "done")
        elif text.startswith("--> Using cache "):
            self._at.cached = True
        elif not _EPILOGUE.fullmatch(text):
            self._at.tail.feed(text)

    def fail(self, record: t.Mapping[str, t.Any]) -> None:
        detail = record.get("errorDetail")
        said = detail.get("message") if isinstance(detail, t.Mapping) else None
        said = str(said or record.get("error") or "the engine gave no reason").strip()
        found = _EXIT.search(said)
        self._end("failed", int(found[1]) if found else None)
        self._error = clip(self._secrets.hide(said), LINE)

    def log(self) -> BuildLog:
        self._end("canceled" if not self.id else "done")
        return BuildLog(
            builder="classic",
            id="" if self._error else self.id,
            seconds=round(self._clock() - self._began, 3),
            steps=tuple(self._steps),
            error=self._error,
        )

    def _begin(self, stage: int, index: int, total: int, name: str) -> None:
        self._end("cached" if self._at and self._at.cached else "done")
        if index == 1:
            named = _AS.search(name)
            self._stage = named[1].lower() if named else f"stage-{stage - 1}"
        keyword = name.split(None, 1)[0].upper()
        here = self._stages[stage - 1].instructions[index - 1 : index] if stage <= len(self._stages) else ()
        line = here[0].line if here and here[0].keyword == keyword else None
        tail = Tail(self._limit, self._secrets)
        self._at = _Running(index, total, self._stage, name, line, self._clock(), tail)

    def _end(self, state: str, exit_code: int | None = None) -> None:
        step, self._at = self._at, None
        if step:
            output, truncated = step.tail.lines()
            seconds = round(self._clock() - step.since, 3)
            name = self._secrets.hide(drawn(step.name))
            at = (step.index, step.total, step.stage, name, state, seconds, exit_code, step.line)
            self._steps.append(Step(*at, output, truncated))
