# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task intends, and what it left behind: the two values that pass between a module and the runner."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.errors import SlipwayError

Attrs = t.Mapping[str, t.Any]
"""An image as the engine's inspect gives it."""

ABSENT = "absent"
"""The side of a diff on which a name points to nothing."""


class Outcome(t.NamedTuple):
    """How things are after the task (in check mode: how they would be).

    `after` has the shape of `Plan.before`; the two differ exactly when something changed. `images` maps each
    reference, as the user wrote it, to the attrs of the image it names now. `results` are a module's own keys.
    """

    after: t.Mapping[str, t.Any]
    actions: tuple[t.Any, ...] = ()
    images: t.Mapping[str, Attrs] = {}
    results: t.Mapping[str, t.Any] = {}


@dataclass(frozen=True)
class Plan:
    """All decisions of a task, made before anything is touched.

    `before` and `after` are small dicts (name -> id) and the task's diff. What only the engine can tell stands in
    `after` as e.g. `(known after pull)`, and the `Outcome` corrects it. `images` and `results` are what a run that
    stops here (check mode, or nothing to do) reports. `failure` is why the task fails although what can be done
    should be: it is raised after that, and in check mode as well. `told` are lines for a person who reads the diff.
    """

    before: t.Mapping[str, t.Any]
    after: t.Mapping[str, t.Any]
    actions: tuple[t.Any, ...] = ()
    images: t.Mapping[str, Attrs] = field(default_factory=dict)
    results: t.Mapping[str, t.Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    failure: SlipwayError | None = None
    told: tuple[str, ...] = ()

    def rehearse(self, engine: Engine) -> None:
        """In check mode, before anything is foretold: ask what a run would find out by trying, and raise what it would
        fail with. Reads only."""

    def foretold(self) -> Outcome:
        """The outcome as far as it can be known without acting."""
        return Outcome(self.after, self.actions, self.images, self.results)

    def untouched(self) -> Outcome:
        """The outcome of a task that failed before it did anything."""
        return Outcome(self.before)
