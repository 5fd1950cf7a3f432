# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.slipway.images.plugins.module_utils.image.filters import Label
from ansible_collections.slipway.images.plugins.module_utils.image.retention import (
    Layer,
    Removal,
    Rule,
    Stored,
    outermost,
    reclaimed,
    removals,
    sized,
    steps,
)
from hypothesis import given, settings
from hypothesis import strategies as st

DIGEST = "@sha256:" + "d" * 64
ALL = Rule(dangling=False)


def image(id: str, parent: str = "", *names: str, **more: t.Any) -> Stored:
    tags = tuple(name for name in names if "@" not in name)
    return Stored(id, parent, tags, tuple(name for name in names if "@" in name), **more)


def goes(images: t.Iterable[Stored], rule: Rule, *used: str) -> list[str]:
    """Ids in order; in brackets those that lose their names only."""
    return [r.image.id if r.whole else "(%s)" % r.image.id for r in removals(images, used, rule)]


@pytest.mark.parametrize(
    ("row", "stored"),
    [
        ({"RepoTags": ["<none>:<none>"], "RepoDigests": ["<none>@<none>"], "ParentId": "p"}, Stored("i", "p")),
        ({"RepoTags": None, "RepoDigests": None, "ParentId": "", "Labels": None}, Stored("i")),
        ({"RepoTags": [], "RepoDigests": ["a" + DIGEST]}, Stored("i", digests=("a" + DIGEST,))),
        ({"RepoTags": ["b:1", "a:1"], "Labels": {"k": "v"}}, Stored("i", tags=("a:1", "b:1"), labels={"k": "v"})),
        ({"RepoTags": ["<none>:<none>"], "RepoDigests": ["a" + DIGEST]}, Stored("i", digests=("a" + DIGEST,))),
    ],
)
def test_a_row_of_the_list(row: dict[str, t.Any], stored: Stored) -> None:
    assert Stored.of({"Id": "i", "Created": 0, "Size": 0, **row}) == stored


@pytest.mark.parametrize(
    ("names", "removed"),
    [
        (["a:1"], ["a:1"]),
        (["a:1", "a:2", "a" + DIGEST], ["a:1", "a:2"]),
        (["a:1", "host:5000/a" + DIGEST], ["host:5000/a" + DIGEST, "a:1"]),
        (["a" + DIGEST], ["a" + DIGEST]),
        ([], []),
    ],
)
def test_a_digest_goes_with_the_last_tag_of_its_repository(names: list[str], removed: list[str]) -> None:
    assert list(image("i", "", *names).names) == removed


LONE = image("i", labels={"k": "v", "l": ""}, created=100)


@pytest.mark.parametrize(
    ("rule", "covered"),
    [
        (Rule(), True),
        (Rule(until=101), True),
        (Rule(until=100), False),
        (Rule(until=99), False),
        (Rule(labels=(Label("k"), Label("l"))), True),
        (Rule(labels=(Label("k"), Label("x"))), False),
        (Rule(labels=(Label("k", "v"),)), True),
        (Rule(labels=(Label("k", "w"),)), False),
        (Rule(labels=(Label("x", negated=True),)), True),
        (Rule(labels=(Label("x", negated=True), Label("l", negated=True))), False),
        (Rule(labels=(Label("k", "w", negated=True),)), True),
    ],
)
def test_rule(rule: Rule, covered: bool) -> None:
    assert rule.covers(LONE) is covered


CHAIN = [image("base", "", "base:1"), image("step", "base"), image("app", "step")]
TAGGED = [*CHAIN[:2], image("app", "step", "app:1")]

FORESTS = [
    (CHAIN, Rule(), [], ["app", "step"]),
    (CHAIN, ALL, [], ["app", "step", "base"]),
    (TAGGED, Rule(), [], []),
    (TAGGED, ALL, [], ["app", "step", "base"]),
    (TAGGED, ALL, ["app"], ["(base)"]),
    (TAGGED, ALL, ["base"], ["app", "step"]),
    (TAGGED, ALL, ["step"], ["app", "(base)"]),
    ([*TAGGED, image("twin", "step")], Rule(), [], ["twin"]),
    ([*TAGGED, image("twin", "step", "twin:1")], ALL, ["twin"], ["app", "(base)"]),
    # What an intermediate image is labelled does not matter: it goes with the last child.
    ([image("s"), image("a", "s", labels={"l": ""})], Rule(labels=(Label("l"),)), [], ["a", "s"]),
    ([image("s", labels={"l": ""}), image("a", "s")], Rule(labels=(Label("l"),)), [], []),
    ([image("s", created=5), image("a", "s", created=1)], Rule(until=3), [], ["a", "s"]),
    # A digest is a name, but not a tag.
    ([image("a", "", "a" + DIGEST)], Rule(), [], ["a"]),
    ([image("a", "", "a" + DIGEST), image("b", "a", "b:1")], Rule(), [], []),
    ([image("a", "", "a" + DIGEST), image("b", "a", "b:1")], ALL, ["b"], ["(a)"]),
    ([image("a", "", "a" + DIGEST), image("b", "a")], Rule(), [], ["b", "a"]),
    ([image("a", "", "a:1", "a:2")], ALL, ["a"], []),
    # The parent was removed by force, or never came.
    ([image("a", "nowhere")], Rule(), [], ["a"]),
    ([], ALL, [], []),
]


@pytest.mark.parametrize(("images", "rule", "used", "expected"), FORESTS)
def test_removals(images: list[Stored], rule: Rule, used: list[str], expected: list[str]) -> None:
    assert goes(images, rule, *used) == expected
    assert goes(reversed(images), rule, *used) == expected


@st.composite
def forests(draw: st.DrawFn) -> list[Stored]:
    images: list[Stored] = []
    for number in range(draw(st.integers(0, 8))):
        parent = draw(st.sampled_from(["", *(image.id for image in images)]))
        names = draw(st.sets(st.sampled_from(["a:%d" % number, "b:%d" % number, "a" + DIGEST]), max_size=2))
        labels = draw(st.dictionaries(st.sampled_from("kl"), st.just("1")))
        images.append(image("i%d" % number, parent, *sorted(names), labels=labels, created=draw(st.integers(0, 3))))
    return images


rules = st.builds(Rule, st.booleans(), st.none() | st.integers(0, 3), st.sampled_from([(), (Label("k"),)]))


def without(images: t.Iterable[Stored], removed: t.Iterable[Removal]) -> list[Stored]:
    fate = {removal.image.id: removal.whole for removal in removed}
    return [
        image if image.id not in fate else Stored(image.id, image.parent, created=image.created, labels=image.labels)
        for image in images
        if not fate.get(image.id)
    ]


@settings(max_examples=150, deadline=None)
@given(forests(), rules, st.data())
def test_laws(images: list[Stored], rule: Rule, data: st.DataObject) -> None:
    used = data.draw(st.sets(st.sampled_from([image.id for image in images]))) if images else set()
    removed = removals(images, used, rule)
    left = without(images, removed)
    standing = {image.parent for image in left}
    gone: set[str] = set()
    for removal in removed:
        assert removal.image.id not in used
        children = {image.id for image in images if image.parent == removal.image.id}
        assert removal.whole == (children <= gone), "children first, and parents only after all of them"
        gone |= {removal.image.id} if removal.whole else set()
        assert removal.image.names or removal.whole
    assert not standing & gone
    assert removals(left, used, rule) == (), "a second run finds nothing to do"


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
    assert outermost([*CHAIN, image("lone")], {"app", "step", "base"}) == ("app", "lone")


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
