# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role `retention` means the same by its options as the module, now and by the timer."""

from __future__ import annotations

import typing as t
from pathlib import Path

import jinja2
import pytest
import yaml
from ansible_collections.slipway.images.plugins.modules import image_prune

ROLE = Path(__file__).resolve().parents[2] / "roles" / "retention"
ENGINE = {"docker_host", "ca_path", "client_cert", "client_key"}
OWN = {"report", "timer", "calendar", "spread", "cron", "home", "unit_directory", "cron_directory"}
WANTED = {name for name in image_prune.SPEC.options if name in ENGINE or name not in image_prune.ENGINE.options}


def options() -> dict[str, dict[str, t.Any]]:
    text = (ROLE / "meta" / "argument_specs.yml").read_text()
    listed = yaml.safe_load(text)["argument_specs"]["main"]["options"]
    return {name.removeprefix("retention_"): option for name, option in listed.items()}


def test_its_options_are_the_modules() -> None:
    assert options().keys() - OWN == WANTED


@pytest.mark.parametrize("name", sorted(WANTED))
def test_they_are_of_the_same_kind(name: str) -> None:
    ours, theirs = options()[name], image_prune.SPEC.options[name]
    assert [ours.get(facet) for facet in ("type", "elements")] == [theirs.get(facet) for facet in ("type", "elements")]
    assert ours.get("options", {}).keys() == theirs.get("options", {}).keys()


def test_both_ways_hand_over_all_of_them() -> None:
    now = yaml.safe_load((ROLE / "tasks" / "prune.yml").read_text())[0]["slipway.images.image_prune"]
    environment = jinja2.Environment(autoescape=False)
    environment.filters |= {"bool": bool, "to_nice_json": repr}
    given = {f"retention_{name}": name for name in WANTED}
    then = yaml.safe_load(environment.from_string((ROLE / "templates" / "arguments.json.j2").read_text()).render(given))
    assert now.keys() == then.keys() == WANTED
    assert {name: then[name] for name in WANTED - {"images"}} == {name: name for name in WANTED - {"images"}}
    assert all(f"retention_{name}" in str(said) for name, said in now.items())
