# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module run by itself, without a controller: what a target does, and half a second less."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

MODULES = Path(__file__).parents[2] / "plugins/modules"
PYTHON = os.environ.get("SLIPWAY_TARGET_PYTHON") or sys.executable  # the targets'; `make versions` has others


def play(
    module: str,
    *,
    check: bool = False,
    environment: t.Mapping[str, str] | None = None,
    **options: t.Any,
) -> dict[str, t.Any]:
    """The result of `module` with `options`."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DOCKER_")}
    done = subprocess.run(
        [PYTHON, str(MODULES / f"{module}.py")],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": {"_ansible_check_mode": check, **options}}),
        env={**clean, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        return dict(json.loads(done.stdout))
    except ValueError:
        raise AssertionError(done.stdout + done.stderr) from None


def quartet(module: str, **options: t.Any) -> dict[str, t.Any]:
    """Check, run, check, run: the law of every module (design section 4). Gives the run's result."""
    check, run, *again = [play(module, check=turn, **options) for turn in (True, False, True, False)]
    for result in (check, run, *again):
        assert not result.get("failed"), result
    assert (check["changed"], check["actions"]) == (run["changed"], run["actions"]), (check, run)
    assert check["diff"]["before"] == run["diff"]["before"], (check, run)
    assert check["diff"]["after"] == run["diff"]["after"] or "(known after" in str(check["diff"]["after"]), (check, run)
    assert [(result["changed"], result["actions"]) for result in again] == [(False, [])] * 2, again
    return run
