# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every module that looks at an engine's images or at registries' names is one of a chain; the others are none."""

from __future__ import annotations

import importlib
from pathlib import Path

from ansible_collections.slipway.images.plugins.plugin_utils.chain import ActionModule

PLUGINS = Path(__file__).parents[4] / "plugins"
APART = {"image_search"}


def modules(kind: str) -> set[str]:
    return {path.stem for path in (PLUGINS / kind).glob("*.py")}


def test_each_module_has_its_action() -> None:
    assert modules("action") == modules("modules") - APART


def test_they_are_all_one() -> None:
    for name in modules("action"):
        action = importlib.import_module(f"ansible_collections.slipway.images.plugins.action.{name}")
        assert action.ActionModule is ActionModule


def test_what_changes_an_engine_or_a_registry_foretells_it() -> None:
    for name in modules("modules"):
        text = (PLUGINS / "modules" / f"{name}.py").read_text()
        told = "run(SPEC, observe, plan, apply, foretell)" in text
        assert told == (name not in APART | {"image_info", "image_registry_info", "image_save"}), name
