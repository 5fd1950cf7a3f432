# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.slipway.images.plugins.filter.build_order import FilterModule
from hypothesis import given
from hypothesis import strategies as st

build_order = FilterModule().filters()["build_order"]

Image = dict[str, t.Any]


def order(images: list[Image], dockerfiles: dict[str, str] | None = None) -> list[tuple[str, list[str]]]:
    answer = build_order(images, dockerfiles)
    assert answer["problems"] == []
    return [(image["name"], image["needs"]) for image in answer["order"]]


@pytest.mark.parametrize(
    ("images", "dockerfiles", "wanted"),
    [
        ([], {}, []),
        ([{"name": "b"}, {"name": "a"}], {}, [("b", []), ("a", [])]),
        ([{"name": "a", "needs": ["b"]}, {"name": "b"}], {}, [("b", []), ("a", ["b"])]),
        # of those that may go, the one that is listed earlier, whoever named it first
        (
            [{"name": "a", "needs": ["d"]}, {"name": "b", "needs": ["c"]}, {"name": "c"}, {"name": "d"}],
            {},
            [("c", []), ("d", []), ("a", ["d"]), ("b", ["c"])],
        ),
        # names are compared as an engine would, and found under each name that an image gets
        (
            [{"name": "a"}, {"name": "b:latest"}],
            {"a": "FROM docker.io/library/b"},
            [("b:latest", []), ("a", ["b:latest"])],
        ),
        ([{"name": "a"}, {"name": "b", "tags": ["b:2"]}], {"a": "FROM b:2"}, [("b", []), ("a", ["b"])]),
        ([{"name": "a"}, {"name": "b", "push": ["r.io/b"]}], {"a": "FROM r.io/b"}, [("b", []), ("a", ["b"])]),
        ([{"name": "a", "needs": ["b:2"]}, {"name": "b", "tags": ["b:2"]}], {}, [("b", []), ("a", ["b"])]),
        ([{"name": "a"}, {"name": "b"}], {"a": "FROM b:other"}, [("a", []), ("b", [])]),
        # not only FROM
        ([{"name": "a"}, {"name": "b"}], {"a": "FROM x\nCOPY --from=b / /"}, [("b", []), ("a", ["b"])]),
        ([{"name": "a"}, {"name": "b"}], {"a": "FROM x\nRUN --mount=from=b,target=/b ls"}, [("b", []), ("a", ["b"])]),
        # what it starts from may depend on arguments and on the stage
        ([{"name": "a", "args": {"ON": "b"}}, {"name": "b"}], {"a": "ARG ON\nFROM $ON"}, [("b", []), ("a", ["b"])]),
        ([{"name": "a", "args": {"N": 1}}, {"name": "b:1"}], {"a": "ARG N\nFROM b:$N"}, [("b:1", []), ("a", ["b:1"])]),
        ([{"name": "a", "args": {"ON": None}}, {"name": "b"}], {"a": "ARG ON=b\nFROM $ON"}, [("b", []), ("a", ["b"])]),
        ([{"name": "a", "target": "one"}, {"name": "b"}], {"a": "FROM x AS one\nFROM b"}, [("a", []), ("b", [])]),
        # each once; null is nothing
        (
            [{"name": "a", "needs": ["b"]}, {"name": "b", "tags": None}],
            {"a": "FROM b\nFROM b"},
            [("b", []), ("a", ["b"])],
        ),
        # on its own last build
        ([{"name": "a"}], {"a": "FROM a AS last\nFROM x\nCOPY --from=last /cache /"}, [("a", [])]),
    ],
)
def test_order(images: list[Image], dockerfiles: dict[str, str], wanted: list[tuple[str, list[str]]]) -> None:
    assert order(images, dockerfiles) == wanted


def test_an_image_keeps_what_it_was_given() -> None:
    assert build_order([{"name": "a", "path": "/a"}])["order"] == [{"name": "a", "path": "/a", "needs": []}]


@pytest.mark.parametrize(
    ("images", "problems"),
    [
        (
            [{"name": "a", "needs": ["b"]}, {"name": "b", "needs": ["c"]}, {"name": "c", "needs": ["a"]}],
            ["these images need each other: a -> b -> c -> a"],
        ),
        ([{"name": "a", "needs": ["a"]}], ["these images need each other: a -> a"]),
        ([{"name": "a", "needs": ["z"]}], ["a needs z, which is not in the list"]),
        ([{"name": "a"}, {"name": "a"}], ["a is in the list twice"]),
        ([{"name": "a"}, {"name": "b", "tags": ["a:latest"]}], ["a and b both want the name a:latest"]),
        ([{"name": "A"}], ["'A' is not an image name: a repository is lower-case: write a"]),
    ],
)
def test_problems(images: list[Image], problems: list[str]) -> None:
    answer = build_order(images)
    assert answer["order"] == []
    said = [" -> ".join(_from_its_smallest(line)) if "each other" in line else line for line in answer["problems"]]
    wanted = [" -> ".join(_from_its_smallest(line)) if "each other" in line else line for line in problems]
    assert said == wanted


def _from_its_smallest(line: str) -> list[str]:
    """A circle begins anywhere."""
    circle = line.rpartition(": ")[2].split(" -> ")[:-1]
    start = circle.index(min(circle))
    return circle[start:] + circle[:start]


@given(st.data(), st.integers(0, 8))
def test_each_comes_after_all_that_it_needs(data: st.DataObject, size: int) -> None:
    names = data.draw(st.permutations([f"i{n}" for n in range(size)]))
    needs = {
        name: data.draw(st.lists(st.sampled_from(names[:n]), unique=True)) if n else [] for n, name in enumerate(names)
    }
    images = [{"name": name, "needs": needs[name]} for name in data.draw(st.permutations(names))]
    found = order(images)
    assert sorted(name for name, needed in found) == sorted(names)
    for at, (name, needed) in enumerate(found):
        assert needed == needs[name]
        assert set(needed) <= {earlier for earlier, others in found[:at]}
