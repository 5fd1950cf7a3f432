# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What image_prune foretells is what happens, and what the engine's own prune would have done; a real engine judges."""

from __future__ import annotations

import random
import sys
import time
import typing as t
from collections import Counter
from fnmatch import fnmatchcase

import pytest
from ansible_collections.slipway.images.plugins.module_utils.task.plan import Outcome
from ansible_collections.slipway.images.plugins.modules import image_prune
from ansible_collections.slipway.images.tests.support import archives
from ansible_collections.slipway.images.tests.support import engine as support
from ansible_collections.slipway.images.tests.support.processes import wait_for
from ansible_collections.slipway.images.tests.support.store import API, DIRECTORY, Store, connected, settle

OPTIONS: dict[str, t.Any] = {
    **dict.fromkeys(("dangling", "keep_last", "repositories", "until", "build_cache")),
    "images": True,
    "protect": [],
    "labels": [],
}
CACHE: dict[str, t.Any] = {"keep_storage": None, "until": None, "all": False}


@pytest.fixture
def store(fresh_engine: t.Callable[..., str]) -> Store:
    return Store(fresh_engine())


def foretell(store: Store, **options: t.Any) -> image_prune.Prune:
    params = {**OPTIONS, **options}
    with connected(store) as engine:
        return image_prune.plan(params, image_prune.observe(engine, params))


def carry_out(store: Store, plan: image_prune.Prune, warnings: list[str] | None = None) -> Outcome:
    with connected(store, warnings) as engine:
        return image_prune.apply(engine, plan)


def survivors(store: Store, plan: image_prune.Prune) -> dict[str, list[str]]:
    gone, untagged = plan.results["deleted"], plan.results["untagged"]
    return {id: [n for n in names if n not in untagged] for id, names in store.images().items() if id not in gone}


def holds(store: Store, prune: t.Callable[[image_prune.Prune], object], **rule: t.Any) -> image_prune.Prune:
    """What is foretold of `rule` comes true by `prune`, space included, and nothing is left to do."""
    plan = foretell(store, **rule)
    expected, size = survivors(store, plan), store.layers()
    prune(plan)
    assert store.images() == expected
    freed, told = size - store.layers(), plan.results["space_reclaimed"]
    assert (
        store.containerd or told == freed
    )  # there that counts compressed copies too, and what the cache holds as well
    again = foretell(store, **rule)
    assert (again.actions, again.before, again.after, again.results["space_reclaimed"]) == ((), {}, {}, 0)
    return plan


def ours(store: Store, **rule: t.Any) -> image_prune.Prune:
    def prune(plan: image_prune.Prune) -> None:
        assert carry_out(store, plan) == plan.foretold()

    return holds(store, prune, **rule)


RULES: list[dict[str, t.Any]] = [
    {},
    {"dangling": False},
    {"labels": ["l0"]},
    {"dangling": False, "labels": ["!l1"]},
    {"dangling": False, "labels": ["l0=1", "!l2=0"]},
]


@pytest.mark.parametrize("seed", range(8))
def test_any_store(store: Store, seed: int) -> None:
    settle(store, random.Random(seed))
    rule = RULES[seed % len(RULES)]
    # The containerd store's own prune takes what images that stay were built on; ours leaves them their cache.
    engines = not seed % 2 and not store.containerd
    holds(store, lambda _: store.prune(rule), **rule) if engines else ours(store, **rule)


DAYS = [1_767_225_600 + day * 86400 for day in range(4)]  # from 2026-01-01 on


def crowd(store: Store, registry: str, chance: random.Random) -> None:
    """Repositories with many tags: images that share layers, names, seconds of creation, and digests of a registry."""
    settle(store, chance)
    loaded = [
        archives.Image(
            names=("%s:%d" % (chance.choice(("a", "b", "h:1/c", "x/y")), number),),
            texts=tuple("layer %d" % chance.randint(0, depth) for depth in range(chance.randint(1, 3))),
            architecture="amd64%d" % number,  # the same layers and yet another image
            created="%s-01-0%dT00:00:00Z" % (chance.choice(("1970", "2026", "2026")), chance.randint(1, 4)),
        )
        for number in range(8)
    ]
    store.call("POST", "/images/load", archives.tar(archives.legacy(*loaded)))
    ids = list(store.images())
    for number in range(10):
        store.tag(
            chance.choice(ids),
            chance.choice(("a:%d", "b:v%d", "x/y:%d", "h:1/c:latest", "b:stable")).replace("%d", str(number)),
        )
    for number in range(4):
        repository = "%s/r%d" % (registry, chance.randint(0, 1))
        store.tag(chance.choice(list(store.images())), "%s:%d" % (repository, number))
        store.call("POST", "/images/%s/push" % repository, tag=number)
        if chance.random() < 0.5:
            # Not where it is the last name of an image in use.
            support.request(store.address, "DELETE", "/images/%s:%d?noprune=1" % (repository, number))
    for image in chance.sample(list(store.images()), 3):
        store.container(image)


def retention(registry: str, chance: random.Random) -> dict[str, t.Any]:
    rule: dict[str, t.Any] = {}
    if chance.random() < 0.8:
        rule["keep_last"] = chance.randint(1, 3)
    else:
        rule["dangling"] = chance.random() < 0.3
    if chance.random() < 0.7:
        rule["repositories"] = chance.sample(["a", "b", "h:1/*", "x/*", registry + "/*", "*/r0", "*"], 2)
    if chance.random() < 0.5:
        rule["protect"] = chance.sample(["*:stable", "a:1", "b", "*:latest", "*/r1", "*@sha256:[0-7]*"], 2)
    if chance.random() < 0.4:
        rule["until"] = str(chance.choice(DAYS))
    return rule


def spared(store: Store, rule: dict[str, t.Any]) -> set[str]:
    """Tags that must stay, by a plain reading of the documentation, which owes nothing to the code."""
    rows = store.call("GET", "/images/json", all=1)[0]
    used = {row["ImageID"] for row in store.call("GET", "/containers/json", all=1)[0]}
    tags = [(row, tag, tag.rpartition(":")[0]) for row in rows for tag in row["RepoTags"] or () if "<none>" not in tag]
    spared: set[str] = set()
    for row, tag, repository in tags:
        rivals = {
            other["Id"] for other, _tag, same in tags if same == repository and other["Created"] >= row["Created"]
        }
        if (
            rule.get("dangling", "keep_last" not in rule)
            or row["Id"] in used
            or len(rivals) <= rule.get("keep_last", 0)
            or any(fnmatchcase(form, one) for form in (tag, repository) for one in rule.get("protect", ()))
            or not any(fnmatchcase(repository, one) for one in rule.get("repositories", ["*"]))
            or row["Created"] >= int(rule.get("until", sys.maxsize))
        ):
            spared.add(tag)
    return spared


def crowded(store: Store, rule: dict[str, t.Any]) -> dict[str, int]:
    """Repositories that the rule is about -> how many images, that no container uses, have a tag there."""
    used = {row["ImageID"] for row in store.call("GET", "/containers/json", all=1)[0]}
    tags = {(name.rpartition(":")[0], id) for id, names in store.images().items() for name in names if "@" not in name}
    return Counter(
        repository
        for repository, id in tags
        if id not in used and any(fnmatchcase(repository, one) for one in rule.get("repositories", ["*"]))
    )


@pytest.mark.parametrize("seed", range(6))
def test_retention_of_any_store(store: Store, registry: str, seed: int) -> None:
    chance = random.Random("retention %d" % seed)
    crowd(store, registry, chance)
    for _turn in range(5):
        rule = retention(registry, chance)
        safe = spared(store, rule)
        plan = ours(store, **rule)
        names = {name for names in store.images().values() for name in names}
        ids = {id.rpartition(":")[2][:12] for id in store.images()}
        assert safe <= names, rule
        assert plan.results["kept"].keys() <= names | ids, rule
        if "keep_last" in rule and not {"until", "protect"} & rule.keys():
            assert max(crowded(store, rule).values(), default=0) <= rule["keep_last"], rule


def test_what_containers_use_stays_with_all_its_names(store: Store) -> None:
    base = support.import_base(store.address)
    ids = {
        name: store.build("FROM " + base, "ENV WHO=" + name, name=name + ":1") for name in ("up", "new", "off", "on")
    }
    store.container("up:1", start=True)
    store.container("new:1")
    store.call("POST", "/containers/%s/kill" % store.container("off:1", start=True))
    store.tag("new:1", "other:2")
    child = store.build("FROM on:1", "ENV MORE=1")
    store.container(child)
    plan = ours(store, dangling=False)
    # The base and `on` are needed by what stays, and lose their names only.
    assert (plan.results["deleted"], plan.results["untagged"]) == ([], ["on:1", base])
    assert store.images()[ids["new"]] == ["new:1", "other:2"]
    store.build("FROM scratch", "ENV NEW=1", name="up:1")
    assert ids["up"] in store.images()
    assert ours(store).actions == ()


def pushed(store: Store, name: str, size: int) -> list[str]:
    """The names that an image of that many bytes has once it is in the registry."""
    store.build("FROM scratch", "COPY f d /", name=name + ":1", f=size, d=DIRECTORY)
    store.call("POST", "/images/%s/push" % name, tag="1")
    return next(names for names in store.images().values() if name + ":1" in names)


def test_names_are_also_digests(store: Store, registry: str) -> None:
    random.seed(registry)
    (_tag, lone), latest = [pushed(store, registry + "/prune/app", size) for size in (1000, 2000)]
    images = store.images()
    assert [lone] in images.values(), "its tag has moved on, its digest has not"
    child = store.build("FROM " + lone, "ENV CHILD=1")
    store.container(child)
    assert ours(store).actions == (), "as the engine's own prune, which leaves an image with children alone"
    assert ours(store, dangling=False).results["untagged"] == sorted([lone, *latest])
    store.call("POST", "/containers/prune")
    plan = ours(store)
    assert len(plan.results["deleted"]) == 2
    assert store.images() == {}


def test_a_digest_that_was_pulled(store: Store, registry: str) -> None:
    random.seed(registry)
    name = registry + "/prune/pulled"
    pushed(store, name, 1000)
    (digest,) = [row["RepoDigests"][0] for row in store.call("GET", "/images/json")[0]]
    store.call("DELETE", "/images/%s:1" % name)
    store.call("POST", "/images/create", fromImage=digest)
    plan = ours(store)
    assert list(plan.before) == [digest]
    assert plan.results["untagged"] == [digest]
    assert store.images() == {}


def test_until_and_labels(store: Store) -> None:
    both = store.build("FROM scratch", "LABEL keep=1", "LABEL team=x")
    one = store.build("FROM scratch", "LABEL keep=1")
    store.build("FROM scratch", "LABEL team=y")
    created = store.call("GET", "/images/json", all=1)[0][0]["Created"]
    assert foretell(store, until=str(min(created - 60, created))).actions == ()
    assert foretell(store, until="1h").actions == ()
    plan = ours(store, labels=["!keep", "!team=x"], until=str(created + 60))
    assert len(plan.actions) == 1, "either label spares; with the engine's own prune only both would"
    assert {both, one} <= set(store.images())


def test_layers_without_size_of_an_image_from_elsewhere(store: Store) -> None:
    lines = ("FROM scratch", "COPY f /", "WORKDIR /w", "ENV A=1", "COPY d /d", "COPY g /")
    for name, mark in (("old:1", b"1"), ("new:1", b"22")):
        store.build(*lines, name=name, f=b"f" * 3000, d=DIRECTORY, g=mark * 500)
    archives = []
    for name in ("old:1", "new:1"):
        _status, archive = support.request(store.address, "GET", "%s/images/%s/get" % (API, name))
        archives.append(archive)
    store.call("POST", "/images/prune", filters='{"dangling":["false"]}')
    for archive in archives:
        store.call("POST", "/images/load", archive)
    store.call("DELETE", "/images/old:1")
    store.call("POST", "/images/load", archives[0])
    store.tag("new:1", "old:1")
    assert ours(store).results["space_reclaimed"] == 500 or store.containerd  # which counts in blocks of a disk


def fill(store: Store, chance: random.Random, base: str) -> None:
    for _turn in range(chance.randint(3, 5)):
        lines: list[str] = ["FROM %s AS first" % base, "RUN echo %d > /r" % chance.randint(0, 2), "RUN mkdir -p /d/e"]
        lines += chance.choice(([], ["FROM scratch", "COPY --from=first /r /r"]))
        names = ["f%d" % chance.randint(0, 3) for _turn in range(chance.randint(1, 3))]
        lines += ["COPY %s /" % name for name in names]
        files = {name: b"x" * chance.choice((5, 3000, 20000)) for name in names}
        store.build(*lines, name="k:%d" % chance.randint(0, 3), version=2, **files)
    # An engine lets go of what a build used a moment after it has said that it is done, and prunes nothing before.
    wait_for(lambda: not any(row["InUse"] for row in store.usage()["BuildCache"] or ()), 20)
    now = int(time.time())  # ages are told in seconds: what was used in this one is not older than 0s yet
    wait_for(lambda: time.time() > now + 1, 20)


@pytest.mark.parametrize("seed", range(2))
def test_any_cache(store: Store, seed: int) -> None:
    chance = random.Random(seed)
    fill(store, chance, support.import_base(store.address))
    total = sum(store.cache().values())
    budgets: list[dict[str, t.Any]] = [
        {"keep_storage": str(total * tenth // 10), "all": chance.random() < 0.4} for tenth in (9, 6, 3, 1)
    ]
    for asked in (*budgets, {"until": "1h", "all": True}, {"until": "0s"}, {"all": True}):
        before = store.cache()
        options: dict[str, t.Any] = {"images": False, "build_cache": {**CACHE, **asked}}
        plan = foretell(store, **options)
        results = carry_out(store, plan).results
        gone = set(before) - set(store.cache())
        assert results["cache_deleted"] == sorted(gone)
        assert results["space_reclaimed"] == sum(before[id] for id in gone)
        if plan.after.get(image_prune.CACHE) == image_prune.UNKNOWN:
            assert store.containerd and set(plan.results["cache_deleted"]) <= gone
        else:
            assert results == plan.results
        assert foretell(store, **options).actions == ()
    assert store.cache() == {}


@pytest.mark.parametrize(
    ("asked", "query"), [({}, {}), ({"all": True}, {"all": 1}), ({"until": "1h"}, {"filters": '{"until":["1h"]}'})]
)
def test_the_cache_as_the_engine_prunes_it(store: Store, asked: dict[str, t.Any], query: dict[str, t.Any]) -> None:
    fill(store, random.Random(4), support.import_base(store.address))
    plan = foretell(store, images=False, build_cache={**CACHE, **asked})
    said = store.call("POST", "/build/prune", **query)[0]
    assert plan.results["cache_deleted"] == sorted(said["CachesDeleted"] or [])
    assert plan.results["space_reclaimed"] == said["SpaceReclaimed"]


def test_what_images_and_cache_share_goes_with_both(store: Store) -> None:
    fill(store, random.Random(5), support.import_base(store.address))
    options: dict[str, t.Any] = {"dangling": False, "build_cache": CACHE}
    plan = foretell(store, **options)
    assert plan.after == {image_prune.CACHE: image_prune.UNKNOWN}
    outcome = carry_out(store, plan)
    assert outcome.actions == plan.actions
    assert set(plan.results["cache_deleted"]) < set(outcome.results["cache_deleted"])
    assert outcome.after == {image_prune.CACHE: "0 records, 0B"}
    assert (store.images(), store.cache()) == ({}, {})
    assert foretell(store, **options).actions == ()


def test_races(store: Store) -> None:
    base = support.import_base(store.address)
    ids = {name: store.build("FROM " + base, "ENV WHO=" + name, name=name + ":1") for name in ("a", "b", "c", "d", "e")}
    nameless = {name: store.build("FROM " + base, "ENV NOBODY=" + name) for name in ("used", "named", "gone", "parent")}
    for name in ("a:2", "b:2"):
        store.tag(name[0] + ":1", name)
    plan = foretell(store, dangling=False)
    store.container("a:1")
    store.tag(ids["c"], "b:1")
    store.call("DELETE", "/images/d:1", noprune=1)
    store.container(nameless["used"])
    store.tag(nameless["named"], "named:1")
    store.call("DELETE", "/images/" + nameless["gone"], noprune=1)
    child = store.build("FROM " + nameless["parent"], "ENV CHILD=1")
    parent: dict[str, list[str]] = {} if store.containerd else {nameless["parent"]: []}  # there nobody needs it
    warnings: list[str] = []
    outcome = carry_out(store, plan, warnings)
    assert store.images() == {
        ids["a"]: ["a:2"],
        ids["c"]: ["b:1"],
        nameless["used"]: [],
        nameless["named"]: ["named:1"],
        **parent,
        child: [],
        # Untagged, as planned for when its children would go: they did not.
        **{id: [] for id, names in store.images().items() if not names and id not in ids.values()},
    }
    # d and gone went by other hands.
    assert set(outcome.results["deleted"]) == {ids["b"], ids["e"], nameless["parent"]} - parent.keys()
    assert outcome.results["untagged"] == ["a:1", "b:2", "c:1", "e:1", base]
    assert [str(action).partition(" (")[0] for action in outcome.actions]
    assert len(warnings) == 6 + len(parent), warnings
