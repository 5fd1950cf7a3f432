# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.slipway.images.plugins.module_utils.image.digest import is_foretold
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference
from ansible_collections.slipway.images.plugins.module_utils.image.world import NOWHERE, World, key
from ansible_collections.slipway.images.tests.support.fake import id_of
from hypothesis import given, settings
from hypothesis import strategies as some

A, B = id_of("a"), id_of("b")
ONE, TWO = Reference.parse("app:1"), Reference.parse("app:2")
REAL = {"Id": A, "RepoTags": ["app:1", "other:1"], "RepoDigests": ["app@" + B], "Size": 3}


def test_a_name_that_nobody_foretold_anything_of() -> None:
    world = World()
    assert (world.find("app:1"), world.find(A), world.inputs(A)) == (None, None, {})
    assert world.over(REAL) is REAL
    assert not world.touched


@pytest.mark.parametrize("text", ["app:1", "docker.io/library/app:1", "index.docker.io/app:1"])
def test_all_spellings_of_a_name_are_one(text: str) -> None:
    world = World()
    world.point(ONE, B)
    assert world.find(text) == B


def test_no_tag_is_latest_and_a_digest_decides_alone() -> None:
    assert key("app") == key("app:latest")
    assert key("app:1@" + A) == key("app@" + A)
    assert key("app:1") != key("app:2")


def test_a_moved_name_leaves_its_image_and_joins_another() -> None:
    world = World()
    world.point(ONE, B)
    assert world.over(REAL) == {**REAL, "RepoTags": ["other:1"]}
    other = {"Id": B, "RepoTags": ["<none>:<none>"], "RepoDigests": None}
    assert world.over(other) == {"Id": B, "RepoTags": ["app:1"], "RepoDigests": []}
    assert world.touched


def test_a_name_given_to_the_image_that_bears_it_changes_nothing() -> None:
    world = World()
    world.point(ONE, A)
    assert world.over(REAL) is REAL


def test_an_image_that_nobody_knows_the_id_of() -> None:
    world = World()
    id = world.bring(world.stand_in("build of app:1"), [ONE, TWO], {"Os": "linux"})
    assert id == "(known after build of app:1)"
    assert [world.find(text) for text in ("app:1", "app:2", id)] == [id] * 3
    assert world.over(world.image(id)) == {"Id": id, "Os": "linux", "RepoTags": ["app:1", "app:2"], "RepoDigests": []}


def test_no_two_images_go_by_the_same_words() -> None:
    world = World()
    first = world.bring(world.stand_in("build of app:1"), [ONE])
    world.drop([], [first])
    assert world.stand_in("build of app:1") == "(known after build of app:1, 2)"
    assert World(world.news).stand_in("build of app:1") == "(known after build of app:1, 2)"


def test_what_would_go() -> None:
    world = World()
    world.drop(["app:1", "app@" + B], [A])
    assert (world.find("app:1"), world.find(A), world.find(A[7:])) == (NOWHERE, NOWHERE, NOWHERE)
    assert world.over(REAL) == {}
    assert world.over({}) == {}


def test_what_would_come_back() -> None:
    world = World()
    world.drop(["app:1", "other:1", "app@" + B], [A])
    world.bring(A, [TWO])
    assert world.over(REAL) == {**REAL, "RepoTags": ["app:2"], "RepoDigests": []}


def test_an_image_learns_its_digest_when_it_is_pushed() -> None:
    world = World()
    digest = world.push(ONE, A)
    assert digest == "(known after push of app:1)"
    assert world.digests == {ONE: digest}
    assert world.find("app@" + digest) == A
    assert world.over(REAL)["RepoDigests"] == ["app@" + B, "app@" + digest]
    assert world.push(ONE, B) == "(known after push of app:1, 2)"


def test_a_digest_that_is_known_beforehand() -> None:
    world = World()
    assert world.push(ONE, A, B) == B
    assert world.over(REAL) is REAL


def test_what_was_done_in_truth_is_not_foretold_any_more() -> None:
    world = World()
    world.point(ONE, B)
    world.push(TWO, B, A)
    world.drop(["other:1"], [A])
    world.forget(["app:1", "app:2", A, "build cache", "/an/archive.tar", "never:1"])
    assert [world.find(text) for text in ("app:1", "app:2", "other:1", A)] == [None, None, NOWHERE, None]
    assert world.digests == {}
    assert list(world.news[-3:]) == [
        ["name", "app:1", None],
        ["digest", "app:2", None],
        ["image", A, {}],
    ]


def test_what_a_build_is_made_of() -> None:
    world = World()
    world.record(A, {"option target": "x"})
    assert World(world.news).inputs(A) == {"option target": "x"}


NAMES = some.sampled_from([ONE, TWO, Reference.parse("reg.example:5000/app:1")])
IDS = some.sampled_from([A, B, NOWHERE])
DEEDS = some.lists(
    some.one_of(
        some.tuples(some.just("point"), NAMES, IDS),
        some.tuples(some.just("push"), NAMES, IDS),
        some.tuples(some.just("bring"), IDS, some.lists(NAMES)),
        some.tuples(some.just("drop"), some.lists(NAMES.map(str)), some.lists(IDS)),
        some.tuples(some.just("forget"), some.lists(NAMES.map(str))),
    )
)


@given(DEEDS, some.integers(0, 20))
@settings(max_examples=150, deadline=None)
def test_events_carry_a_world_whole_wherever_it_is_handed_on(deeds: list[tuple[t.Any, ...]], at: int) -> None:
    alone = World()
    handed = World()
    events: list[t.Any] = []
    for number, (verb, *how) in enumerate(deeds):
        if number == at:
            events += json.loads(json.dumps(handed.news))
            handed = World(events)
        assert getattr(alone, verb)(*how) == getattr(handed, verb)(*how)
    for view in ("names", "images", "gone", "digests"):
        assert getattr(alone, view) == getattr(handed, view)
    assert all(not is_foretold(name.tag) for name in alone.names)
