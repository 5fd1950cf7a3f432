# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a build did, as data: one value, whichever builder told it in whichever tongue.

`classiclog` folds the classic builder's records into it. Shapes and words are those of the module's `build` key.
"""

from __future__ import annotations

import re
import typing as t
from dataclasses import asdict, dataclass

from ansible_collections.slipway.images.plugins.module_utils.errors import BuildError, StreamError
from ansible_collections.slipway.images.plugins.module_utils.image.output import clip

SHOWN_LINES, SHOWN_LENGTH = 10, 200  # of a failed step's output, in the message
_PARSE_LINE = re.compile(r"parse error (?:on )?line (\d+)")


@dataclass(frozen=True)
class Step:
    """`index` of `total` counts as the builder does: through the Dockerfile (classic) or within `stage` (BuildKit).

    `stage` is the name behind `AS`, `stage-0`, `stage-1`, … for one without, "" before the first `FROM`.
    `state` is `done`, `cached`, `failed` or `canceled` (begun and never ended).
    `line` is where the instruction begins in the Dockerfile; it and `exit_code` are None where unknown.
    `output` holds the last lines; `truncated` says how many went before them.
    `platform` is what the step is for in a build for several, and else "".
    """

    index: int
    total: int
    stage: str
    name: str
    state: str
    seconds: float = 0.0
    exit_code: int | None = None
    line: int | None = None
    output: tuple[str, ...] = ()
    truncated: int = 0
    platform: str = ""

    def as_result(self) -> dict[str, t.Any]:
        return {**asdict(self), "output": list(self.output)}


@dataclass(frozen=True)
class BuildLog:
    """`id` is "" unless the build came to its end; `error` is what the engine said when it failed, `line` where in the
    Dockerfile, if it said that: what is wrong need not be a step's fault. Where the build gave
    files, `id` is the digest of these, and `altered` says whether anything on the target is another now."""

    builder: str
    id: str = ""
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    error: str = ""
    line: int | None = None
    altered: bool | None = None

    @property
    def cached(self) -> int:
        return sum(step.state == "cached" for step in self.steps)

    def as_result(self) -> dict[str, t.Any]:
        return {
            "builder": self.builder,
            "id": self.id,
            "seconds": self.seconds,
            "cached": self.cached,
            "warnings": list(self.warnings),
            "steps": [step.as_result() for step in self.steps],
        }

    def check(self, dockerfile: str = "Dockerfile") -> None:
        """Raise what this log tells of: `BuildError` for a failure, `StreamError` when it has no end.

        `dockerfile` is the name to print before a line number.
        """
        if self.id and not self.error:
            return
        failure = self._failed(dockerfile) if self.error else self._broken_off(dockerfile)
        failure.results["build"] = self.as_result()
        raise failure

    def _failed(self, dockerfile: str) -> BuildError:
        failed = [step for step in self.steps if step.state == "failed"]
        said = " ".join(self.error.split())
        if not failed:
            return self._failed_outside(said, dockerfile)
        step = next((step for step in failed if self.line and step.line == self.line), failed[0])
        reason = said if step.exit_code is None else f"exit code {step.exit_code}"
        message = [
            f"{_place(step, dockerfile)}: {reason}",
            *(clip(line, SHOWN_LENGTH) for line in step.output[-SHOWN_LINES:]),
        ]
        facts = {"step": step.index, "name": step.name, "stage": step.stage, "line": step.line}
        return BuildError("\n".join(message), said=said, exit_code=step.exit_code, **facts)

    def _failed_outside(self, said: str, dockerfile: str) -> BuildError:
        """Of all steps."""
        found = _PARSE_LINE.search(said)
        when = "after " + _place(self.steps[-1], dockerfile) if self.steps else "before its first step"
        where = f"at {dockerfile}:{self.line}" if self.line else when
        line = self.line or (int(found[1]) if found else None)
        return BuildError(f"the build failed {where}: {said}", said=said, line=line)

    def _broken_off(self, dockerfile: str) -> StreamError:
        where = "in " + _place(self.steps[-1], dockerfile) if self.steps else "before the first step"
        return StreamError(f"the build's stream broke off {where}: neither an image id nor an error came")


def _place(step: Step, dockerfile: str) -> str:
    at = f" ({dockerfile}:{step.line})" if step.line else ""
    name = clip(" ".join(step.name.split()), SHOWN_LENGTH)
    platform = f" for {step.platform}:" if step.platform else ""
    return f"step {step.index}/{step.total}{at}{platform} {name}"
