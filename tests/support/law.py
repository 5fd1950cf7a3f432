# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The law of every module (design section 4), for tests that run thousands of tasks: modules in this very process."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import typing as t
from unittest import mock

from ansible.module_utils import basic
from ansible_collections.slipway.images.tests.support.store import Store

MODULES = "ansible_collections.slipway.images.plugins.modules."
Result = dict[str, t.Any]
World = dict[str, list[str]]

# What only who does it finds out: a builder is the judge of a Dockerfile.
OPEN = {"image_build": {"build"}}


def play(module: str, *, check: bool = False, **options: t.Any) -> Result:
    """The result of a whole module, runner and all, without a process of its own."""
    given = json.dumps({"ANSIBLE_MODULE_ARGS": {"_ansible_check_mode": check, **options}}).encode()
    room, said = importlib.import_module(MODULES + module), io.StringIO()
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.object(basic, "_ANSIBLE_ARGS", given))
        stack.enter_context(mock.patch.object(basic, "_ANSIBLE_PROFILE", "legacy", create=True))
        stack.enter_context(contextlib.redirect_stdout(said))
        stack.enter_context(contextlib.suppress(SystemExit))
        room.main()
    return t.cast(Result, json.loads(said.getvalue()))


def keep(store: Store, module: str, **options: t.Any) -> Result:
    """Check, run, run: check mode changes nothing and tells the run's answer, and the second run has nothing to do.

    The engine's own list of images is the witness of what changed. Gives the run's result.
    """
    options["docker_host"] = store.address
    before = store.images()
    check = play(module, check=True, **options)
    assert store.images() == before, ("check mode changed the engine", check)
    run = play(module, **options)
    after = store.images()
    if not (run.get("failed") and check["changed"] and run["error"]["kind"] in OPEN.get(module, ())):
        assert _failure(check) == _failure(run), (check, run)
    if run.get("failed"):
        assert named(before) == named(after) or run["changed"], ("it failed, and changed something", run)
        return run
    assert check["actions"] == run["actions"], (check["actions"], run["actions"])
    assert check["diff"]["before"] == run["diff"]["before"], (check["diff"], run["diff"])
    if "(known after" not in str(check["diff"]["after"]):
        assert check["diff"]["after"] == run["diff"]["after"], (check["diff"], run["diff"])
        assert check["changed"] == run["changed"], (check, run)
    if not run["changed"]:
        assert named(before) == named(after), ("ok, and yet names moved", run)
    again = play(module, **options)
    assert not again.get("failed"), again
    assert (again["changed"], again["actions"]) == (False, []), ("the second run", again["actions"], again["diff"])
    assert store.images() == after, ("the second run changed the engine", again)
    return run


def _failure(result: Result) -> tuple[bool, str]:
    return bool(result.get("failed")), result.get("error", {}).get("kind", "")


def named(world: World) -> dict[str, str]:
    """Tag -> id. Digests do not move; that a push tells the engine one is no change of what it has."""
    return {name: id for id, names in world.items() for name in names if "@" not in name}
