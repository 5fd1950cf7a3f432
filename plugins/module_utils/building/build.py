# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One build, decided on and ready to be run by either builder."""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass, field
from functools import partial

from ansible_collections.slipway.images.plugins.module_utils.building.source import Services, Source
from ansible_collections.slipway.images.plugins.module_utils.disk.buildrecord import BASE
from ansible_collections.slipway.images.plugins.module_utils.disk.selection import ALL, Ask
from ansible_collections.slipway.images.plugins.module_utils.disk.stamps import Stamps
from ansible_collections.slipway.images.plugins.module_utils.errors import EngineError
from ansible_collections.slipway.images.plugins.module_utils.image.buildrequest import BuildRequest
from ansible_collections.slipway.images.plugins.module_utils.image.dockerfile import Dockerfile
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference

if t.TYPE_CHECKING:
    from ansible_collections.slipway.images.plugins.module_utils.engine.transfer import Records
    from ansible_collections.slipway.images.plugins.module_utils.image.buildlog import BuildLog


class Taken(t.NamedTuple):
    """What a build took of the context."""

    stamps: Stamps
    asked: tuple[Ask, ...] = ALL


@dataclass(frozen=True)
class Build:
    """Ask `builder` (`classic` or `buildkit`). `inputs` is what is known of them so far, and `stamps` what is known of
    the context. `given` is the Dockerfile as the task names it, `inline` whether it is the task's own text.
    `recording`: write down what went in, for `rebuild: changed` to compare; with `always` nobody will. `fetched`: what
    names something elsewhere that may have changed; then nobody can."""

    request: BuildRequest
    source: Source | None
    url: str | None
    builder: str
    path: str
    given: str | None
    inline: bool
    dockerfile: Dockerfile
    bases: tuple[Reference, ...]
    inputs: t.Mapping[str, str]
    services: Services
    secrets: frozenset[str] = field(repr=False)
    record: str
    recording: bool
    proxies: t.Mapping[str, str]
    log_limit: int
    fetched: tuple[str, ...] = ()
    stamps: Stamps = field(default_factory=dict, repr=False)
    reason: str = ""

    def __str__(self) -> str:
        return "build %s (%s)" % (self.request.subject, self.reason)

    @property
    def called(self) -> str:
        """The Dockerfile as the task calls it; one from outside of the context goes by another name in there."""
        return "dockerfile_inline" if self.inline else self.given or self.path

    def brought(self) -> t.Iterator[Reference]:
        """The base images whose ids the build may have changed: the builder pulls what is not here, and with `pull`
        all, and it may give a base's name to what came of it. Another's name was moved by another hand, and maybe too
        late for this build to see."""
        for base in self.bases:
            if self.request.conduct["pull"] == "1" or base in self.request.names or not self.inputs[BASE + str(base)]:
                yield base

    def follow(self, fold: t.Callable[..., BuildLog], ask: t.Callable[[], Records]) -> BuildLog:
        """Ask the builder, and fold its records into its log."""
        fold = partial(
            fold,
            dockerfile=self.dockerfile if self.source else None,
            limit=self.log_limit,
            clock=time.monotonic,
            secrets=self.secrets,
        )
        try:
            return fold(ask())
        except EngineError as error:
            # A Dockerfile that does not parse, or a target that is not in it, is refused before the stream begins.
            if error.facts.get("status") != 400:
                raise
            return fold([{"error": error.facts["said"]}])
