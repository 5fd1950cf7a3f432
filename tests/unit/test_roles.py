# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every role owes its users: options that are documented, a playbook that uses them, and a scenario."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import pytest
import yaml
from ansible_collections.slipway.images.plugins.modules import image_build

COLLECTION = Path(__file__).resolve().parents[2]
FQCN = "slipway.images."
ROLES = sorted(path for path in (COLLECTION / "roles").iterdir() if path.is_dir())
SCENARIO = {"molecule.yml", "converge.yml", "verify.yml"}

# Tasks that run a program because no module does what it does.
PROGRAMS = {
    ("engine/tasks/back.yml", "Let it be started again"),
    ("engine/tasks/docker.yml", "Ask the engine whether it judges configurations itself"),
    ("engine/tasks/docker.yml", "Ask the engine for its judgement"),
    ("engine/tasks/packages.yml", "Install them"),
    ("engine/tasks/process.yml", "Start it"),
    ("engine/tasks/signal.yml", "Send the engine {{ engine_signal }}"),
}
RUNNERS = {"shell", "command", "raw", "script", "expect"}

Tasks = t.Iterator[dict[str, t.Any]]

every_role = pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)


def load(path: Path) -> t.Any:
    return yaml.safe_load(path.read_text()) if path.exists() else None


def options(role: Path) -> dict[str, t.Any]:
    return t.cast("dict[str, t.Any]", load(role / "meta" / "argument_specs.yml")["argument_specs"]["main"]["options"])


def tasks(listed: list[dict[str, t.Any]]) -> Tasks:
    for task in listed:
        yield task
        for section in ("block", "rescue", "always"):
            yield from tasks(task.get(section) or [])


@every_role
def test_it_is_whole(role: Path) -> None:
    assert (role / "README.md").exists()
    assert load(role / "meta" / "main.yml")["galaxy_info"]["description"]
    assert {path.name for path in (role / "molecule" / "default").glob("*.yml")} >= SCENARIO


@every_role
def test_options_bear_its_name(role: Path) -> None:
    assert [name for name in options(role) if not name.startswith(role.name)] == []


@every_role
def test_defaults_are_those_that_are_documented(role: Path) -> None:
    documented = options(role)
    for name, value in (load(role / "defaults" / "main.yml") or {}).items():
        told = documented[name].get("default")
        assert told == value or (told is None and "{{" in str(value)), name
    defaults = load(role / "defaults" / "main.yml") or {}
    assert [name for name, option in documented.items() if "default" in option and name not in defaults] == []


@every_role
def test_its_playbook_uses_what_there_is(role: Path) -> None:
    shown = re.findall(r"```yaml\n(.*?)```", (role / "README.md").read_text(), re.DOTALL)
    used = [entry for text in shown for play in yaml.safe_load(text) for entry in play["roles"]]
    assert FQCN + role.name in [entry["role"] for entry in used]
    for entry in used:
        known = options(COLLECTION / "roles" / entry["role"].removeprefix(FQCN))
        assert entry.keys() - known.keys() == {"role"}


@every_role
def test_programs_are_run_for_want_of_a_module_only(role: Path) -> None:
    found = set()
    for path in (role / "tasks").glob("*.yml"):
        for task in tasks(load(path)):
            if any(key.rpartition(".")[2] in RUNNERS for key in task):
                found.add((path.relative_to(role.parent).as_posix(), task["name"]))
    assert found == {program for program in PROGRAMS if program[0].startswith(role.name)}


def test_pipeline_hands_its_images_options_to_image_build() -> None:
    own = {"needs", "push", "tags", "test"}
    offered = options(COLLECTION / "roles" / "pipeline")["pipeline_images"]["options"]
    built = next(
        task[f"{FQCN}image_build"]
        for task in tasks(load(COLLECTION / "roles" / "pipeline" / "tasks" / "image.yml"))
        if f"{FQCN}image_build" in task
    )
    assert built.keys() == (offered.keys() - own) | {"registry_username", "registry_password"}
    for name in offered.keys() - own:
        spec = image_build.SPEC.options[name]
        for facet in ("type", "elements", "choices"):
            assert offered[name].get(facet) == spec.get(facet), f"{name}: {facet}"


def test_pipeline_shows_no_image_as_it_was_given() -> None:
    """It may tell secrets, and with `-v` Ansible prints facts and what a loop is about, with `-vvv` all options."""
    shown = []
    for path in (COLLECTION / "roles" / "pipeline" / "tasks").glob("*.yml"):
        for task in tasks(load(path)):
            facts, loop = str(task.get("ansible.builtin.set_fact")), str(task.get("loop"))
            given = "pipeline_env" in str(task.get("ansible.builtin.uri"))
            if given or "pipeline_images" in facts or loop.startswith(("{{ pipeline_images", "{{ pipeline_image.")):
                shown.append((task["name"], task.get("no_log")))
    hidden = ("Find the order", "Make a container", "Read the Dockerfiles")
    assert sorted(shown) == [(name, True) for name in hidden]


@pytest.mark.parametrize(
    "path", sorted((COLLECTION / "roles" / "engine" / "vars").glob("[!m]*.yml")), ids=lambda p: p.stem
)
def test_each_distribution_has_its_packages(path: Path) -> None:
    assert load(path).keys() == {"engine_distribution"}
    known = load(path)["engine_distribution"]
    assert known.keys() == {"packages", "python_packages"}
    assert known["packages"].keys() == set(options(COLLECTION / "roles" / "engine")["engine_kind"]["choices"])
    wanted = [*known["packages"].values(), known["python_packages"]]
    assert all(isinstance(name, str) for names in wanted for name in names)
    assert all(names for names in wanted) == (path.stem != "other")
