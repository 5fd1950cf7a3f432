# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The classic builder's records, folded into a `BuildLog`.

The daemon writes each line of its own as one record (`Step 2/3 : RUN make`, `\\n`, ` ---> Running in 0123456789ab\\n`),
and a container's output between them in records cut anywhere (Docker 20.10.24). Output may look like the daemon's
lines. So while a container runs, everything is output until the daemon closes it (`Removing intermediate container`
with the same id, ` ---> ` with a new layer's) *and* goes on as only it can: with the next step, or the image's id.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.slipway.images.plugins.module_utils.image.buildlog import BuildLog, Step
from ansible_collections.slipway.images.plugins.module_utils.image.dockerfile import Dockerfile
from ansible_collections.slipway.images.plugins.module_utils.image.output import LINE, Secrets, Tail, clip, drawn

_STEP = re.compile(r"Step (\d+)/(\d+) : (.+)")
_RUNNING = re.compile(r" ---> Running in ([0-9a-f]+)\n")
_LAYER = re.compile(r" ---> [0-9a-f]{12}\n")
_REMOVED = re.compile(r"(?:Removing| ---> Removed) intermediate container ([0-9a-f]+)\n")
_DAEMON_BEGINS = (" ---> ", "Removing intermediate container ")
_WARNING = re.compile(r"(?: ---> )?\[Warning\]:? *(.*)", re.IGNORECASE)
_AS = re.compile(r"\sAS\s+(\S+)$", re.IGNORECASE)
_NON_ZERO = re.compile(r"returned a non-zero code: (\d+)\s*\Z")


def fold(
    records: t.Iterable[t.Mapping[str, t.Any]],
    *,
    dockerfile: Dockerfile | None,
    limit: int,
    clock: t.Callable[[], float],
    secrets: t.Collection[str] = (),
) -> BuildLog:
    """One pass over decoded records, up to the first error, keeping at most `limit` lines of each step's output.

    `clock` gives seconds; it is read when something begins or ends. Records of other shapes than those known say
    nothing. Raises nothing itself: see `BuildLog.check`.
    """
    so_far = _Fold(dockerfile, limit, clock, Secrets(secrets))
    for record in records:
        if "errorDetail" in record or "error" in record:
            so_far.fail(record)
            break
        text = record.get("stream")
        if isinstance(text, str):
            so_far.stream(text)
        elif "aux" in record:
            so_far.image(record["aux"])
        elif "status" in record and "id" not in record and "progressDetail" not in record:
            so_far.stream(f"{record['status']}\n")  # a base's digest; its layers' progress is no news afterwards
    return so_far.log()


@dataclass
class _Running:
    """The step that the builder is at."""

    index: int
    total: int
    stage: str
    name: str
    since: float
    tail: Tail
    cached: bool = False

    @property
    def keyword(self) -> str:
        return self.name.split(None, 1)[0].upper()


class _Fold:
    def __init__(
        self, dockerfile: Dockerfile | None, limit: int, clock: t.Callable[[], float], secrets: Secrets
    ) -> None:
        self._instructions = dockerfile.instructions if dockerfile else ()
        self._limit, self._clock, self._secrets = limit, clock, secrets
        self._began = clock()
        self._id = self._error = self._stage = ""
        self._froms = self._last = self._total = 0
        self._steps: list[Step] = []
        self._warnings: dict[str, None] = {}  # a set that keeps its order
        self._complete = False
        self._at: _Running | None = None
        self._tail = Tail(0, secrets)  # of the step we are at; before the first there is nothing to keep
        self._container = ""  # whose output we read
        self._closing: list[str] = []  # what may have closed it, if the next record agrees

    def stream(self, text: str) -> None:
        if not self._container:
            self._daemon(text)
        elif not self._closing and not text.startswith(_DAEMON_BEGINS):
            self._tail.feed(text)  # nearly all records come this way
        elif self._closing and self._goes_on(text):
            self._container = ""
            self._closing.clear()
            self._daemon(text)
        elif self._closes(text):
            self._closing.append(text)
        else:
            self._tail.feed("".join(self._closing))
            self._closing.clear()
            if self._closes(text):
                self._closing.append(text)
            else:
                self._tail.feed(text)

    def image(self, aux: t.Any) -> None:
        """Each stage ends with the id of its image; the last one's is the build's. No program's output can fake it."""
        if isinstance(aux, t.Mapping) and isinstance(aux.get("ID"), str):
            self._end("cached" if self._at and self._at.cached else "done")
            self._id, self._complete = aux["ID"], self._last == self._total

    def fail(self, record: t.Mapping[str, t.Any]) -> None:
        detail = record.get("errorDetail")
        detail = detail if isinstance(detail, t.Mapping) else {}
        said = str(detail.get("message") or record.get("error") or "the engine gave no reason")
        found = _NON_ZERO.search(said)
        code = int(found[1]) if found else detail.get("code") if self._container else None
        self._end("failed", code if isinstance(code, int) else None)
        self._error = clip(self._secrets.hide(said), LINE)

    def log(self) -> BuildLog:
        self._end("canceled")
        return BuildLog(
            builder="classic",
            id=self._id if self._complete and not self._error else "",
            seconds=round(self._clock() - self._began, 3),
            warnings=tuple(self._warnings),
            steps=tuple(self._steps),
            error=self._error,
        )

    def _goes_on(self, text: str) -> bool:
        """Whether this is how the daemon goes on after a container: with the next step, or the next `ONBUILD`."""
        found = _STEP.fullmatch(text)
        if found:
            return int(found[1]) == self._last + 1 and int(found[2]) == self._total
        triggered = self._at is not None and self._at.keyword == "FROM"
        return triggered and bool(_RUNNING.fullmatch(text) or _WARNING.match(text))

    def _closes(self, text: str) -> bool:
        removed = _REMOVED.fullmatch(text)
        if removed:
            return removed[1] == self._container and not self._closing
        return bool(_LAYER.fullmatch(text)) and not any(map(_LAYER.match, self._closing))

    def _daemon(self, text: str) -> None:
        """A line that only the daemon can have written: no container runs."""
        step, running, warned = _STEP.fullmatch(text), _RUNNING.fullmatch(text), _warnings(text)
        if step and int(step[1]) > self._last and int(step[2]) == (self._total or int(step[2])):
            self._begin(int(step[1]), int(step[2]), step[3])
        elif warned:
            self._warnings.update((clip(self._secrets.hide(warning), LINE), None) for warning in warned)
        elif self._at is None:
            self._complete = self._complete or bool(self._id and text.startswith("Successfully built "))
        elif running:
            self._container, self._at.cached = running[1], False
        elif text == " ---> Using cache\n":
            self._at.cached = True
        elif not text.startswith(_DAEMON_BEGINS) and (self._tail or text != "\n"):
            self._tail.feed(text)

    def _begin(self, index: int, total: int, name: str) -> None:
        self._end("cached" if self._at and self._at.cached else "done")
        self._last, self._total = index, total
        self._tail = Tail(self._limit, self._secrets)
        self._at = _Running(index, total, "", name, self._clock(), self._tail)
        if self._at.keyword == "FROM":
            named = _AS.search(name)
            self._stage = named[1].lower() if named else f"stage-{self._froms}"
            self._froms += 1
        self._at.stage = self._stage

    def _end(self, state: str, exit_code: int | None = None) -> None:
        step, self._at, self._container = self._at, None, ""
        self._closing.clear()
        if step is not None:
            output, truncated = step.tail.lines()
            line = self._line(step)
            name = self._secrets.hide(drawn(step.name))
            seconds = round(self._clock() - step.since, 3)
            self._steps.append(
                Step(step.index, step.total, step.stage, name, state, seconds, exit_code, line, output, truncated)
            )

    def _line(self, step: _Running) -> int | None:
        """The builder's steps are the beginning of the Dockerfile's instructions; unless it built another file."""
        at = self._instructions[step.index - 1 : step.index]
        return at[0].line if at and at[0].keyword == step.keyword else None


def _warnings(text: str) -> list[str]:
    """What the daemon warns of; indented lines belong to the warning above them."""
    found: list[str] = []
    for line in map(drawn, text.split("\n")):
        warning = _WARNING.match(line)
        if warning:
            found.append(warning[1])
        elif found and line.strip():
            found[-1] += " " + line.strip()
    return found
