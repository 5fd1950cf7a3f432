# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.slipway.images.plugins.module_utils.image.filters import Label
from ansible_collections.slipway.images.plugins.module_utils.image.pattern import Pattern
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference
from ansible_collections.slipway.images.plugins.module_utils.image.retention import (
    Removal,
    Rule,
    Stored,
    judge,
    newest,
)
from hypothesis import given, settings
from hypothesis import strategies as st

DIGEST = "@sha256:" + "d" * 64
ALL = Rule(dangling=False)


def image(id: str, parent: str = "", *names: str, **more: t.Any) -> Stored:
    tags = tuple(name for name in names if "@" not in name)
    return Stored(id, parent, tags, tuple(name for name in names if "@" in name), **more)


def goes(images: t.Iterable[Stored], rule: Rule, *used: str) -> list[str]:
    """Ids in order; in brackets those that lose names only."""
    going = judge(images, {id: ["c"] for id in used}, rule).going
    return [removal.image.id if removal.whole else "(%s)" % removal.image.id for removal in going]


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


@pytest.mark.parametrize(
    ("names", "lost", "untagged"),
    [
        (["a:1"], ["a:1"], ["a:1"]),
        (["a:1", "a:2", "a" + DIGEST], ["a:1", "a:2"], ["a:1", "a:2", "a" + DIGEST]),
        (["a:1", "a:2", "a" + DIGEST], ["a:1"], ["a:1"]),
        (["a:1", "b:2", "a" + DIGEST, "b" + DIGEST], ["a:1"], ["a:1", "a" + DIGEST]),
        (["a" + DIGEST, "b" + DIGEST], ["b" + DIGEST], ["b" + DIGEST]),
        (["a" + DIGEST, "a@sha256:" + "e" * 64], ["a" + DIGEST], ["a" + DIGEST]),
        ([], [], []),
    ],
)
def test_what_goes_with_names(names: list[str], lost: list[str], untagged: list[str]) -> None:
    removal = Removal(image("i", "", *names), tuple(lost), whole=len(lost) == len(names))
    assert list(removal.untagged) == untagged
    assert set(removal.left) | set(lost) == set(removal.image.names)


OLD = image("i", "", "shop/app:1", "shop/app" + DIGEST, labels={"k": "v", "l": ""}, created=100)


def patterns(*texts: str) -> tuple[Pattern, ...]:
    return tuple(map(Pattern, texts))


@pytest.mark.parametrize(
    ("rule", "mercy"),
    [
        (Rule(), ""),
        (Rule(until=101), ""),
        (Rule(until=100), "created 1970-01-01T00:01:40Z, which is not before until"),
        (Rule(until=99), "created 1970-01-01T00:01:40Z, which is not before until"),
        (Rule(labels=(Label("k"), Label("l"))), ""),
        (Rule(labels=(Label("k"), Label("x"))), "its labels do not pass x"),
        (Rule(labels=(Label("k", "v"),)), ""),
        (Rule(labels=(Label("k", "w"),)), "its labels do not pass k=w"),
        (Rule(labels=(Label("x", negated=True),)), ""),
        (Rule(labels=(Label("x", negated=True), Label("l", negated=True))), "its labels do not pass !l"),
        (Rule(labels=(Label("k", "w", negated=True),)), ""),
        (Rule(protect=patterns("app", "shop/*")), "protected by shop/*"),
        (Rule(protect=patterns("*:1")), "protected by *:1"),
        (Rule(protect=patterns("*:2", "app")), ""),
        (Rule(protect=patterns("shop/app@sha256:d*")), "protected by shop/app@sha256:d*"),
        (Rule(protect=patterns("shop/app@sha256:e*")), ""),
        (Rule(keep_last=3), "among the last 3 of shop/app"),
        # What protects most is told.
        (Rule(keep_last=3, protect=patterns("*"), until=1), "protected by *"),
        (Rule(keep_last=3, until=1, labels=(Label("x"),)), "among the last 3 of shop/app"),
    ],
)
def test_why_it_stays(rule: Rule, mercy: str) -> None:
    name = Reference.parse("shop/app:1")
    assert rule.mercy(OLD, name, {name} if rule.keep_last else ()) == mercy


@pytest.mark.parametrize(
    ("rule", "names", "concerned"),
    [
        (Rule(), ["a:1"], []),
        (ALL, ["a:1", "b:1"], ["a:1", "b:1"]),
        (Rule(), ["a" + DIGEST], ["a" + DIGEST]),
        (Rule(dangling=False, repositories=patterns("b*")), ["a:1", "b:1", "b/c:1"], ["b:1", "b/c:1"]),
        (Rule(repositories=patterns("b")), ["a" + DIGEST, "b" + DIGEST], ["b" + DIGEST]),
        (Rule(repositories=patterns("b")), ["b:1", "b" + DIGEST], []),
    ],
)
def test_what_a_rule_is_about(rule: Rule, names: list[str], concerned: list[str]) -> None:
    stored = image("i", "", *names)
    assert [name for name in names if rule.concerns(stored, Reference.parse(name))] == concerned
    assert rule.concerns(image("i"), None) is not bool(rule.repositories)


def made(*names: str, at: int) -> Stored:
    return image(names[0], "", *names, created=at)


@pytest.mark.parametrize(
    ("images", "count", "kept"),
    [
        ([made("a:1", at=1), made("a:2", at=2), made("a:3", at=3)], 2, ["a:2", "a:3"]),
        ([made("a:1", at=3), made("a:2", at=2), made("a:3", at=1)], 2, ["a:1", "a:2"]),
        ([made("a:1", at=1)], 0, []),
        ([made("a:1", at=1)], 5, ["a:1"]),
        # Each repository for itself, also where an image is in two.
        ([made("a:1", "b:1", at=1), made("a:2", at=2)], 1, ["a:2", "b:1"]),
        # Several tags of one image are one, and do not take the place of an older one.
        ([made("a:1", at=1), made("a:2", at=2), made("a:3", "a:latest", at=3)], 2, ["a:2", "a:3", "a:latest"]),
        ([made("a:1", "a:2", "a:3", at=1), made("a:4", at=2)], 1, ["a:4"]),
        # Of the same second: the higher tag, by the value of its numbers.
        ([made("a:9", at=0), made("a:10", at=0), made("a:8", at=0)], 2, ["a:10", "a:9"]),
        ([made("a:v1.9.2", at=0), made("a:v1.10.0", at=0)], 1, ["a:v1.10.0"]),
        ([made("a:1-rc", at=0), made("a:1", at=0)], 1, ["a:1-rc"]),
        ([made("a:b", at=0), made("a:1", at=0)], 1, ["a:b"]),
        ([made("a:2", at=0), made("a:1", "a:3", at=0)], 1, ["a:1", "a:3"]),
        ([made("a:007", at=0), made("a:7", at=0), made("a:6", at=0)], 1, ["a:7"]),
        # A port is none of the tag, and Docker Hub has one name.
        ([made("h:5000/a:1", at=1), made("h:5000/a:2", at=2)], 1, ["h:5000/a:2"]),
        ([made("a:1", at=1), made("docker.io/library/a:2", at=2)], 1, ["a:2"]),
        ([made("a" + DIGEST, at=9), made("a:1", at=1)], 1, ["a:1"]),
    ],
)
def test_the_last_of_each_repository(images: list[Stored], count: int, kept: list[str]) -> None:
    assert newest(images, count) == set(map(Reference.parse, kept))
    assert newest(reversed(images), count) == set(map(Reference.parse, kept))


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
def test_forests(images: list[Stored], rule: Rule, used: list[str], expected: list[str]) -> None:
    assert goes(images, rule, *used) == expected
    assert goes(reversed(images), rule, *used) == expected


LAST = "among the last 1 of a"
TWO = [made("a:1", at=1), made("a:2", at=2), made("b:1", at=1)]
SHARED = [made("a:1", "b:1", at=1), made("a:2", at=2)]
PUSHED = [made("a:1", "a" + DIGEST, "b:1", "b" + DIGEST, at=1), made("a:2", at=2)]
STAYS_ON = "images that stay are built on it"

RETENTION: list[tuple[list[Stored], Rule, dict[str, list[str]], list[str], dict[str, str]]] = [
    (TWO, Rule(False, keep_last=1), {}, ["a:1"], {"a:2": LAST, "b:1": "among the last 1 of b"}),
    (TWO, Rule(False, keep_last=1, repositories=patterns("a")), {}, ["a:1"], {"a:2": LAST}),
    (TWO, Rule(False, repositories=patterns("b")), {}, ["b:1"], {}),
    (
        TWO,
        Rule(False, keep_last=1, protect=patterns("a:1", "b")),
        {},
        [],
        {"a:1": "protected by a:1", "a:2": LAST, "b:1": "protected by b"},
    ),
    # Both have to hold.
    (TWO, Rule(False, keep_last=1, until=2), {}, ["a:1"], {"a:2": LAST, "b:1": "among the last 1 of b"}),
    (
        TWO,
        Rule(False, keep_last=1, until=1, repositories=patterns("a")),
        {},
        [],
        {"a:1": "created 1970-01-01T00:00:01Z, which is not before until", "a:2": LAST},
    ),
    # A container keeps an old one, which does not take the place of a younger.
    (
        TWO,
        Rule(False, keep_last=1, repositories=patterns("a")),
        {"a:1": ["web"]},
        [],
        {"a:1": "used by container web", "a:2": LAST},
    ),
    (
        TWO,
        Rule(False, repositories=patterns("a")),
        {"a:1": ["y", "x", "z"]},
        ["a:2"],
        {"a:1": "used by container x and 2 more"},
    ),
    # Two repositories share an image: it loses one name, and its digest there with it.
    (SHARED, Rule(False, keep_last=1), {}, ["a:1"], {"a:2": LAST, "b:1": "among the last 1 of b"}),
    (SHARED, Rule(False, repositories=patterns("a")), {}, ["a:2", "a:1"], {}),
    (PUSHED, Rule(False, keep_last=1, repositories=patterns("a")), {}, ["a:1", "a" + DIGEST], {"a:2": LAST}),
    # What has only a digest left of a repository, and what has nothing.
    ([made("a" + DIGEST, at=3), *TWO[:2]], Rule(False, keep_last=1), {}, ["a" + DIGEST, "a:1"], {"a:2": LAST}),
    ([made("a" + DIGEST, at=3), *TWO], Rule(repositories=patterns("a")), {}, ["a" + DIGEST], {}),
    ([made("a" + DIGEST, at=3), *TWO], Rule(repositories=patterns("b")), {}, [], {}),
    ([made("a" + DIGEST, at=3)], Rule(protect=patterns("a")), {}, [], {"a" + DIGEST: "protected by a"}),
    ([image("i", created=3), *TWO], Rule(False, keep_last=1, repositories=patterns("a")), {}, ["a:1"], {"a:2": LAST}),
    ([image("i", created=3)], Rule(until=3), {}, [], {"i": "created 1970-01-01T00:00:03Z, which is not before until"}),
    # Parents of the classic builder. Its cache goes with the last image that was built by it, in scope or not.
    (
        [image("s"), image("i", "s", "a:1"), TWO[1]],
        Rule(False, keep_last=1, repositories=patterns("a")),
        {},
        ["a:1"],
        {"a:2": LAST},
    ),
    (
        [image("i", "", "a:1", created=1), image("j", "i", "a:2", created=2)],
        Rule(False, keep_last=1),
        {},
        ["a:1"],
        {"a:2": LAST},
    ),
    ([image("i", "", "a" + DIGEST), image("j", "i", "a:2")], Rule(), {}, [], {"a" + DIGEST: STAYS_ON}),
    # Tagged ones are not told of when they were not meant.
    (TWO, Rule(), {"a:1": ["web"]}, [], {}),
]


@pytest.mark.parametrize(("images", "rule", "used", "untagged", "kept"), RETENTION)
def test_retention(
    images: list[Stored], rule: Rule, used: dict[str, list[str]], untagged: list[str], kept: dict[str, str]
) -> None:
    verdict = judge(images, used, rule)
    assert [name for removal in verdict.going for name in removal.untagged] == untagged
    assert verdict.kept == kept


@st.composite
def forests(draw: st.DrawFn) -> list[Stored]:
    images: list[Stored] = []
    for number in range(draw(st.integers(0, 8))):
        parent = draw(st.sampled_from(["", *(image.id for image in images)]))
        possible = ["a:%d", "b:%d", "b:%dx", "a@sha256:" + "%d" * 64, "c@sha256:" + "%d" * 64]
        names = draw(st.sets(st.sampled_from([one.replace("%d", str(number)) for one in possible]), max_size=3))
        labels = draw(st.dictionaries(st.sampled_from("kl"), st.just("1")))
        images.append(image("i%d" % number, parent, *sorted(names), labels=labels, created=draw(st.integers(0, 3))))
    return images


scopes = st.lists(st.sampled_from(["a", "b", "c", "*"]).map(Pattern), max_size=2).map(tuple)
shields = st.lists(st.sampled_from(["a", "b:1", "*x", "c@*"]).map(Pattern), max_size=2).map(tuple)
times = st.none() | st.integers(0, 3)
labels = st.sampled_from([(), (Label("k"),)])
rules = st.builds(Rule, st.booleans(), times, labels, scopes, shields, st.integers(0, 2))


def without(images: t.Iterable[Stored], removed: t.Iterable[Removal]) -> list[Stored]:
    fate = {removal.image.id: removal for removal in removed}
    left: list[Stored] = []
    for one in images:
        removal = fate.get(one.id)
        if removal is None:
            left.append(one)
        elif not removal.whole:
            stay = [name for name in (*one.tags, *one.digests) if name not in removal.untagged]
            left.append(image(one.id, one.parent, *stay, created=one.created, labels=one.labels))
    return left


@settings(max_examples=200, deadline=None)
@given(forests(), rules, st.data())
def test_laws(images: list[Stored], rule: Rule, data: st.DataObject) -> None:
    used = data.draw(st.sets(st.sampled_from([image.id for image in images]))) if images else set()
    users = {id: ["c"] for id in used}
    verdict = judge(images, users, rule)
    left = without(images, verdict.going)
    standing = {image.parent for image in left}
    gone: set[str] = set()
    for removal in verdict.going:
        assert removal.image.id not in used
        children = {image.id for image in images if image.parent == removal.image.id}
        assert removal.whole == (children <= gone and not removal.left), "children first, and parents after all of them"
        gone |= {removal.image.id} if removal.whole else set()
        assert removal.names or removal.whole
        names = map(Reference.parse, removal.untagged)
        assert not any(pattern.matches(name) for name in names for pattern in rule.protect)
    assert not standing & gone
    tags = {Reference.parse(tag) for image in left for tag in image.tags}
    assert newest(images, rule.keep_last) <= tags, "the last of each repository stay"
    assert not set(verdict.kept) & {name for removal in verdict.going for name in removal.untagged}
    again = judge(left, users, rule)
    assert again.going == (), "a second run finds nothing to do"
    assert verdict.kept.items() <= again.kept.items(), "for the same reasons"
