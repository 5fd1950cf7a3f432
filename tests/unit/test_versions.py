# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the documents say of versions is what `make versions` runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from ansible_collections.slipway.images.tests.support.versions import CONTROLLERS, TARGETS, Controller, Target, cells

CHECKOUT = Path(__file__).parents[2]
PAGE = (CHECKOUT / "docs/versions.md").read_text()


def rows(heading: str) -> list[list[str]]:
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def test_each_controller_has_a_row() -> None:
    said = rows("Controllers")
    assert [Controller(*(version.rpartition(".")[0] for version in row[:2])) for row in said] == [*CONTROLLERS]


def test_each_target_has_a_row() -> None:
    said = rows("Targets")
    assert [Target(row[0].rpartition(".")[0], row[1], row[-2]) for row in said] == [*TARGETS]


def test_each_cell_has_a_name_of_its_own() -> None:
    names = [cell.name for cell in cells()]
    assert len(set(names)) == len(names) == 3 * len(CONTROLLERS) + len(TARGETS)


def test_what_is_required_is_what_is_held_to() -> None:
    oldest = min((controller.core for controller in CONTROLLERS), key=number)
    assert yaml.safe_load((CHECKOUT / "meta/runtime.yml").read_text())["requires_ansible"] == f">={oldest}.0"
    for meta in CHECKOUT.glob("roles/*/meta/main.yml"):
        assert yaml.safe_load(meta.read_text())["galaxy_info"]["min_ansible_version"] == oldest


@pytest.mark.parametrize(
    ("line", "versions"),
    [
        (r"\| controller \| ansible-core (\S+) or newer; up to (\S+) it is tested", [c.core for c in CONTROLLERS]),
        (r"\| target \| Python (\S+) or newer; up to (\S+) it is tested", [target.python for target in TARGETS]),
    ],
)
def test_the_readme_says_so(line: str, versions: list[str]) -> None:
    found = re.search(line, (CHECKOUT / "README.md").read_text())
    assert found and found.groups() == (min(versions, key=number), max(versions, key=number))


def test_nothing_that_only_an_older_sanity_minds() -> None:
    """pycodestyle's E704: up to ansible-core 2.18, where ruff's form puts a body of `...` there. A docstring stays."""
    code = [path for root in ("plugins", "tests") for path in CHECKOUT.glob(f"{root}/**/*.py")]
    assert not [path for path in code if re.search(r"^ *def .*: \.\.\.$", path.read_text(), re.M)]
