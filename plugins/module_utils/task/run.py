# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runner: the one place that speaks Ansible's result language, and the one place that knows of check mode."""

from __future__ import annotations

import gc
import sys
import typing as t

from ansible.module_utils.basic import AnsibleModule, _load_params
from ansible_collections.slipway.images.plugins.module_utils.disk import filename
from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.errors import SlipwayError
from ansible_collections.slipway.images.plugins.module_utils.task.connect import alone, connect
from ansible_collections.slipway.images.plugins.module_utils.task.plan import Outcome, Plan
from ansible_collections.slipway.images.plugins.module_utils.task.spec import Spec, native

if t.TYPE_CHECKING:
    from ansible_collections.slipway.images.plugins.module_utils.task.chain import Chain, Foretell

Params = t.Mapping[str, t.Any]
Seen = t.TypeVar("Seen")
Todo = t.TypeVar("Todo", bound=Plan)

TOLD = "_foretold"
"""A hidden argument, and the key of a result: see `task/chain.py`. Only in a play that is run in check mode."""


def run(
    spec: Spec,
    observe: t.Callable[[Engine, Params], Seen],
    plan: t.Callable[[Params, Seen], Todo],
    apply: t.Callable[[Engine, Todo], Outcome],
    foretell: Foretell | None = None,
    needless: t.Callable[[Params], bool] | None = None,
) -> None:
    """Observe, plan, and (unless in check mode or with nothing to do) apply; then report.

    In a play that is run in check mode, `foretell` tells the tasks to come what `apply` would have done. Where options
    are such that an engine is `needless`, none is sought.

    Only `SlipwayError` becomes a failed task. Anything else is a bug and stays a traceback: it must not look like an
    engine's refusal.
    """
    # All that was imported stays until the process ends. Python would look through it for cycles now and then, and once
    # more when it ends, which takes longer than many a task speaks to its engine.
    gc.freeze()
    if sys.version_info < (3, 10):
        from ansible_collections.slipway.images.plugins.module_utils.task.imports import in_turn

        in_turn()
    # `no_log` here means the target's system log alone, which is written before anyone can say what is secret.
    shy = spec.secrets is not None
    options = {**spec.options, **({TOLD: {"type": "str", "no_log": True}} if TOLD in (_load_params() or {}) else {})}
    module = AnsibleModule(argument_spec=options, supports_check_mode=True, no_log=shy, **spec.rules)
    if spec.secrets:
        module.no_log_values.update(spec.secrets(module.params))
    params: Params = native(module.params, {"options": options})
    warnings: list[str] = []
    planned = Plan({}, {})
    chain: Chain | None = None
    try:
        reach = alone if needless and needless(params) else connect
        with reach(params, warnings) as engine:
            chain = _chain(engine, module)
            asked = chain.engine if chain else engine
            planned = todo = plan(params, observe(asked, params))
            warnings.extend(todo.warnings)
            if todo.actions and module.check_mode:
                todo.rehearse(asked)
            foretold = chain.follow(todo, foretell) if chain else todo.foretold()
            acting = todo.actions and not module.check_mode
            outcome = apply(engine, todo) if acting else foretold
            if todo.failure:
                todo.failure.outcome = outcome
                raise todo.failure
    except SlipwayError as error:
        left = error.outcome or planned.untouched()
        result = {**report(planned, left, chain), **error.results, "error": {"kind": error.kind, **error.facts}}
        _warn(module, warnings)
        module.fail_json(msg=filename.told(str(error)), **_told(result))
    _warn(module, warnings)
    module.exit_json(**_told(report(planned, outcome, chain)))


def _chain(engine: Engine, module: AnsibleModule) -> Chain | None:
    told = module.params.get(TOLD)
    if told is None:
        return None
    from ansible_collections.slipway.images.plugins.module_utils.task.chain import Chain

    return Chain(engine, told, real=not module.check_mode)


def report(todo: Plan, outcome: Outcome, chain: Chain | None = None) -> dict[str, t.Any]:
    """The result keys of design section 3. `changed` is derived from the diff, so the two cannot disagree.

    Facts may be cached beyond this play, so what was only foretold is not among them.
    """
    images = [dict(attrs) for attrs in outcome.images.values() if attrs]
    facts = outcome.images if chain is None else chain.facts(outcome)
    return {
        "changed": dict(todo.before) != dict(outcome.after),
        "actions": [str(action) for action in outcome.actions],
        "image": images[0] if images else {},
        "images": images,
        "diff": {"before": dict(todo.before), "after": dict(outcome.after), **_prepared(todo.told)},
        "ansible_facts": {"slipway_images": {name: dict(attrs) for name, attrs in facts.items()}},
        **outcome.results,
        **({TOLD: chain.news()} if chain else {}),
    }


def _prepared(lines: t.Sequence[str]) -> dict[str, str]:
    """What Ansible prints below the two sides of a diff as it is."""
    return {"prepared": "".join("%s\n" % line for line in lines)} if lines else {}


def _warn(module: AnsibleModule, warnings: t.Iterable[str]) -> None:
    for text in dict.fromkeys(warnings):
        module.warn(filename.told(text))


def _told(result: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """All but what is the engine's own words, of which there may be many."""
    theirs = ("image", "images", "ansible_facts")
    return {key: value if key in theirs else filename.told(value) for key, value in result.items()}
