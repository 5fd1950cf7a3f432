# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every way to fail, by whose fault it is.

An error is raised on the floor that knows and caught on the floor that can do something about it, which for most is
the runner (`task/run.py`). Its text is one line: what was wanted, then what was said. What a program may want to
test is in `kind` (stable, documented for users) and in `facts` (JSON-able values), never in the text.
"""

from __future__ import annotations

import typing as t


class SlipwayError(Exception):
    """The root of all errors that users may see as a failed task; anything else is a bug and stays a traceback.

    `facts` are JSON-able and hold no secret; they reach the user as `error` beside `msg`.
    `results` are further keys of the module's result that are true although the task failed (`build`). `outcome` is
    what was done before it failed, where that is not nothing (a `task.plan.Outcome`; only the runner looks inside).
    """

    kind: t.ClassVar[str] = "error"

    def __init__(self, message: str, **facts: t.Any) -> None:
        super().__init__(message)
        self.facts = facts
        self.results: dict[str, t.Any] = {}
        self.outcome: t.Any = None


class UsageError(SlipwayError):
    """What the user asked for cannot be: a bad reference, a missing path, options that exclude each other."""

    kind = "usage"


class RequirementError(SlipwayError):
    """Something the target needs is not there: a Python library, an engine recent enough."""

    kind = "requirement"


class TransportError(SlipwayError):
    """Bytes could not be brought to the engine or back: no socket, refused, wrong certificate, connection lost."""

    kind = "transport"


class TransportTimeout(TransportError):
    """The other side stayed silent for longer than `timeout` allows."""

    kind = "transport.timeout"


class EngineError(SlipwayError):
    """The engine understood the request and refused it. Facts: `status` (HTTP), `endpoint`, `said`."""

    kind = "engine"

    def concerning(self, wanted: str) -> EngineError:
        """The same refusal, told by what was wanted of the engine rather than by the request."""
        said = " ".join(str(self.facts.get("said", self)).split())
        return type(self)("%s: %s" % (wanted, said), **self.facts)


class NotFound(EngineError):
    """HTTP 404: no such image, tag, container or endpoint."""

    kind = "engine.not_found"


class Conflict(EngineError):
    """HTTP 409: in use, or in the way of something else."""

    kind = "engine.conflict"


class Denied(EngineError):
    """HTTP 401 or 403, or a registry's refusal that the engine passes on."""

    kind = "engine.denied"


class RateLimited(EngineError):
    """HTTP 429: asked too often. Facts: `retry_after`, in seconds, or `None` where nothing was said of it; an engine
    passes on nothing of it."""

    kind = "engine.rate_limited"


class StreamError(SlipwayError):
    """The engine began well (HTTP 200) and then said `errorDetail`, or stopped in the middle."""

    kind = "stream"


class BuildError(SlipwayError):
    """A step of a build failed. Facts: `step`, `line`, `exit_code`; the log is in `results["build"]`."""

    kind = "build"


class FormatError(SlipwayError):
    """These bytes are not what they claim to be: a truncated tar, a foreign archive, JSON that is none."""

    kind = "format"
