# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make matrix` plays and leaves out tests by name: each is there, and the page for users tells of each cell."""

from __future__ import annotations

import re

import pytest
from ansible_collections.slipway.images.tests.support import matrix
from ansible_collections.slipway.images.tests.support.matrix import CELLS, CHECKOUT, Cell, arguments

NAMED = sorted(
    {*(name for cell in CELLS for name in cell.tests), *(n for c in CELLS for ns in c.without.values() for n in ns)}
)


@pytest.mark.parametrize("name", NAMED)
def test_it_is_there(name: str) -> None:
    path, _colons, function = matrix.test(name).partition("::")
    source = (CHECKOUT / path).read_text()
    assert not function or re.search(r"^def %s\(" % re.escape(function.partition("[")[0]), source, re.M)


def test_what_is_left_out_is_left_out_by_name() -> None:
    cell = Cell("x", "docker.io", tests=("faults", "podman::test_info"), without={"why": ["faults::test_push"]})
    assert arguments(cell) == [
        "tests/integration/test_faults.py",
        "tests/integration/test_podman.py::test_info",
        "--deselect=tests/integration/test_faults.py::test_push",
    ]


def test_the_page_tells_of_each_cell() -> None:
    page = (CHECKOUT / "docs" / "engines.md").read_text()
    assert re.findall(r"^\| `([\w-]+)` \|", page, re.M) == [cell.name for cell in CELLS]
