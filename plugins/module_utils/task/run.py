# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runner: the one place that speaks Ansible's result language, and the one place that knows of check mode."""

from __future__ import annotations

import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.errors import SlipwayError
from ansible_collections.slipway.images.plugins.module_utils.task.connect import connect
from ansible_collections.slipway.images.plugins.module_utils.task.plan import Outcome, Plan
from ansible_collections.slipway.images.plugins.module_utils.task.spec import Spec

Params = t.Mapping[str, t.Any]
Seen = t.TypeVar("Seen")
Todo = t.TypeVar("Todo", bound=Plan)


def run(
    spec: Spec,
    observe: t.Callable[[Engine, Params], Seen],
    plan: t.Callable[[Params, Seen], Todo],
    apply: t.Callable[[Engine, Todo], Outcome],
) -> None:
    """Observe, plan, and (unless in check mode or with nothing to do) apply; then report.

    Only `SlipwayError` becomes a failed task. Anything else is a bug and stays a traceback: it must not look like an
    engine's refusal.
    """
    # `no_log` here means the target's system log alone, which is written before anyone can say what is secret.
    shy = spec.secrets is not None
    module = AnsibleModule(argument_spec=dict(spec.options), supports_check_mode=True, no_log=shy, **spec.rules)
    if spec.secrets:
        module.no_log_values.update(spec.secrets(module.params))
    warnings: list[str] = []
    planned = Plan({}, {})
    try:
        with connect(module.params, warnings) as engine:
            planned = todo = plan(module.params, observe(engine, module.params))
            warnings.extend(todo.warnings)
            acting = todo.actions and not module.check_mode
            outcome = apply(engine, todo) if acting else todo.foretold()
            if todo.failure:
                todo.failure.outcome = outcome
                raise todo.failure
    except SlipwayError as error:
        left = error.outcome or planned.untouched()
        result = {**report(planned, left), **error.results, "error": {"kind": error.kind, **error.facts}}
        _warn(module, warnings)
        module.fail_json(msg=str(error), **result)
    _warn(module, warnings)
    module.exit_json(**report(planned, outcome))


def report(todo: Plan, outcome: Outcome) -> dict[str, t.Any]:
    """The result keys of design section 3. `changed` is derived from the diff, so the two cannot disagree."""
    images = [dict(attrs) for attrs in outcome.images.values() if attrs]
    return {
        "changed": dict(todo.before) != dict(outcome.after),
        "actions": [str(action) for action in outcome.actions],
        "image": images[0] if images else {},
        "images": images,
        "diff": {"before": dict(todo.before), "after": dict(outcome.after)},
        "ansible_facts": {"slipway_images": {name: dict(attrs) for name, attrs in outcome.images.items()}},
        **outcome.results,
    }


def _warn(module: AnsibleModule, warnings: t.Iterable[str]) -> None:
    for text in dict.fromkeys(warnings):
        module.warn(text)
