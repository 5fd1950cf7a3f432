# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tasks of a run in check mode tell one another, by way of the controller (`plugin_utils/chain.py`).

Both are base64 of JSON, since from a result Ansible cuts secrets out wherever they occur, and were it in the name of an
image. They have two parts: `host`, events of the engines that one host reaches, each behind the engine's address, and
`registries`, events that are true for all hosts. For the events themselves see `image/world.py`.
"""

from __future__ import annotations

import json
import typing as t
from base64 import b64decode, b64encode

from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.engine.foretelling import Foretelling
from ansible_collections.slipway.images.plugins.module_utils.task.plan import Attrs, Outcome, Plan

Events = t.Sequence[t.Sequence[t.Any]]
Foretell = t.Callable[[Foretelling, t.Any], Outcome]
"""Tells `engine.world` what `apply` would do: a module's fourth function, `None` where that is nothing."""


class Chain:
    """`real`: this task really runs in such a play (`check_mode: false`). Else its `engine` answers as the tasks before
    would have left it."""

    def __init__(self, engine: Engine, told: str, real: bool) -> None:
        self._address = str(engine.transport.address)
        known: t.Mapping[str, Events] = json.loads(b64decode(told))
        mine = [event for address, *event in known["host"] if address == self._address]
        self._foretelling = Foretelling.recall(engine, [*known["registries"], *mine])
        self._real = real
        self._certain: t.Mapping[str, Attrs] = {}
        self.engine = engine if real else self._foretelling

    def follow(self, todo: Plan, foretell: Foretell | None) -> Outcome:
        """The outcome as far as it can be known, and known to the tasks to come."""
        self._certain = {} if self._foretelling.world.touched else todo.images
        if self._real:
            self._forget(todo, foretell)
        elif foretell and todo.actions:
            return foretell(self._foretelling, todo)
        return todo.foretold()

    def _forget(self, todo: Plan, foretell: Foretell | None) -> None:
        """Of what it is about, nothing that was foretold holds any longer."""
        apart = Foretelling.recall(self.engine, ())
        if foretell and todo.actions:
            foretell(apart, todo)
        about = [event[1] for event in apart.world.news]
        self._foretelling.world.forget(dict.fromkeys([*about, *todo.before, *todo.images]))

    def facts(self, outcome: Outcome) -> t.Mapping[str, Attrs]:
        """What is certain of `outcome.images`: not what would be."""
        return outcome.images if self._real else self._certain

    def news(self) -> str:
        here, everywhere = self._foretelling.news()
        news = {"host": [[self._address, *event] for event in here], "registries": everywhere}
        # Without spaces, and so never what was told: that is not for a log, and would be cut out as well.
        return b64encode(json.dumps(news, separators=(",", ":")).encode()).decode()
