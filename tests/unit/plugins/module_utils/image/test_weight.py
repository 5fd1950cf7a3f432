# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.slipway.images.plugins.module_utils.image.retention import Stored
from ansible_collections.slipway.images.plugins.module_utils.image.weight import (
    Layer,
    outermost,
    reclaimed,
    sized,
    steps,
)

CHAIN = [Stored("base", tags=("base:1",)), Stored("step", "base"), Stored("app", "step")]


def stack(*layers: str) -> list[Layer]:
    """`b5` is a layer b of 5 bytes."""
    return [(layer[0], int(layer[1:])) for layer in layers]


@pytest.mark.parametrize(
    ("going", "staying", "freed"),
    [
        ([stack("a1", "b2")], [], 3),
        ([stack("a1", "b2")], ["a"], 2),
        ([stack("a1", "b2")], ["abc"], 0),
        ([stack("a1", "b2")], ["b"], 3),  # the same content on another base is another layer
        ([stack("a1", "b2"), stack("a1", "c4")], [], 7),
        ([stack("a1", "b2"), stack("a1", "b2")], ["ax"], 2),
        ([stack("a1", "b0", "c4")], ["ab"], 4),
        ([[]], [""], 0),
    ],
)
def test_reclaimed(going: list[list[Layer]], staying: list[str], freed: int) -> None:
    assert reclaimed(going, [list(layers) for layers in staying]) == freed


def test_a_parent_of_the_same_fate_adds_nothing() -> None:
    assert outermost(CHAIN, set()) == ("app",)
    assert outermost(CHAIN, {"app"}) == ("step", "app")
    assert outermost(CHAIN, {"app", "step"}) == ("base", "app")
    assert outermost([*CHAIN, Stored("lone")], {"app", "step", "base"}) == ("app", "lone")


def entry(size: int, by: str = "RUN x", id: str = "<missing>") -> dict[str, t.Any]:
    return {"Size": size, "CreatedBy": by, "Id": id}


@pytest.mark.parametrize(
    ("by", "may"),
    [
        ("/bin/sh -c #(nop)  ENV A=1", False),
        ('/bin/bash -o pipefail -c #(nop)  CMD ["x"]', False),
        ("ENV A=1", False),
        ("LABEL a=RUN", False),
        ("/bin/sh -c #(nop) WORKDIR /w", True),
        ("WORKDIR /w", True),
        ("/bin/sh -c #(nop) COPY dir:1 in / ", True),
        ("/bin/sh -c ENV=1 make", True),
        ("COPY f / # buildkit", True),
        ("RUN /bin/sh -c true # buildkit", True),
        ("ENVIRONMENT", True),
        ("", True),
    ],
)
def test_instructions_that_make_no_layer(by: str, may: bool) -> None:
    assert bool(steps([entry(0, by)])) is may
    assert steps([entry(1, by)]), "what has a size is a layer, whatever it says"


def test_steps_are_bottom_up_and_may_be_anonymous() -> None:
    history: list[dict[str, t.Any]] = [
        {"Size": 2, "Id": "b"},
        {"Size": 0, "CreatedBy": None, "Id": "c"},
        {"Size": 1, "Id": "a"},
    ]
    assert [step["Id"] for step in steps(history)] == ["a", "c", "b"]


@pytest.mark.parametrize(
    ("made", "depths", "sizes"),
    [
        ([entry(5), entry(0), entry(7)], {}, [5, 0, 7]),
        # More steps than layers. Where they were made here, it is known which made none.
        ([entry(5), entry(0, id="same"), entry(0, id="new"), entry(7)], {"same": 1, "new": 2}, [5, 0, 7]),
        ([entry(0, id="none"), entry(5), entry(0, id="new"), entry(7)], {"none": 0, "new": 2}, [5, 0, 7]),
        # Elsewhere, the topmost.
        ([entry(5), entry(0), entry(7), entry(0)], {}, [5, 0, 7]),
        # Without history all is put down to the topmost.
        ([], {}, [0, 0, 12]),
        ([entry(5)], {}, [5, 0, 7]),
        ([entry(1), entry(2), entry(3), entry(6)], {}, [1, 2, 3]),  # absurd, and yet no failure
    ],
)
def test_sized(made: list[dict[str, t.Any]], depths: dict[str, int], sizes: list[int]) -> None:
    assert sized(["a", "b", "c"], 12, made, depths) == tuple(zip("abc", sizes))


def test_no_layers() -> None:
    assert sized([], 0, [], {}) == ()
