# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What image_remove foretells is what a real engine does, refusals included."""

from __future__ import annotations

import random
import typing as t

import pytest
from ansible_collections.slipway.images.plugins.module_utils.errors import SlipwayError
from ansible_collections.slipway.images.plugins.module_utils.task.plan import Outcome
from ansible_collections.slipway.images.plugins.modules import image_remove
from ansible_collections.slipway.images.tests.support import engine as support
from ansible_collections.slipway.images.tests.support.store import Store, connected, settle

OPTIONS: dict[str, t.Any] = {"name": [], "patterns": [], "force": False, "noprune": False, "platforms": []}
TASKS = 20


@pytest.fixture
def store(fresh_engine: t.Callable[..., str]) -> Store:
    return Store(fresh_engine())


def foretell(store: Store, **options: t.Any) -> image_remove.Removals:
    params = {**OPTIONS, **options}
    with connected(store) as engine:
        return image_remove.plan(params, image_remove.observe(engine, params))


def carry_out(store: Store, plan: image_remove.Removals) -> Outcome:
    with connected(store) as engine:
        try:
            return image_remove.apply(engine, plan)
        except SlipwayError as error:
            assert plan.failure and str(plan.failure) == str(error)
            return t.cast(Outcome, error.outcome)


def holds(store: Store, **options: t.Any) -> image_remove.Removals:
    """What is foretold comes true, to the last name and image, and then there is nothing left to do."""
    plan, before = foretell(store, **options), store.images()
    assert carry_out(store, plan) == plan.foretold()
    gone, untagged = plan.results["deleted"], plan.results["untagged"]
    assert store.images() == {
        id: [name for name in names if name not in untagged] for id, names in before.items() if id not in gone
    }
    if not plan.failures:
        ids = [name for name in options.get("name", ()) if name[:7] == "sha256:" and len(name) < 71]
        again = foretell(store, **{**options, "name": [name for name in options.get("name", ()) if name not in ids]})
        assert (again.actions, again.before) == ((), again.after)
    return plan


def refused(store: Store, name: str, force: bool) -> bool:
    status, _said = support.request(store.address, "DELETE", "/images/%s?force=%d" % (name, force))
    assert status in (200, 409)
    return status == 409


def furnish(store: Store, registry: str, chance: random.Random) -> None:
    """More names, digests of registries, and containers, running and stopped."""
    base = support.import_base(store.address)
    ids = list(store.images())
    for _tag in range(6):
        store.tag(chance.choice(ids), chance.choice(("a:%d", "b/c:%d", registry + "/x:%d")) % chance.randint(1, 3))
    for number in range(3):
        repository = "%s/r%d" % (registry, chance.randint(0, 1))
        image = chance.choice(ids)
        store.tag(image, "%s:%d" % (repository, number))
        store.call("POST", "/images/%s/push" % repository, tag=number)
        if chance.random() < 0.4:
            # Not where it is the last name of an image in use, nor what nobody needs but the tags to come.
            support.request(store.address, "DELETE", "/images/%s:%d?noprune=1" % (repository, number))
    child = store.build("FROM " + base, "ENV A=1", "ENV B=2", name="child:1")
    grandchild = store.build("FROM child:1", "ENV C=3", "ENV D=4", name="grandchild:1")
    known = store.images()
    for image in (base, child, grandchild, *chance.sample([id for id in ids if id in known], 2)):
        if chance.random() < 0.6:
            store.container(image, start=image in (base, child, grandchild) and chance.random() < 0.5)


@pytest.mark.parametrize("seed", range(6))
def test_any_store(store: Store, registry: str, seed: int) -> None:
    chance = random.Random(seed)
    settle(store, chance)
    furnish(store, registry, chance)
    for _turn in range(TASKS):
        images = store.images()
        names = [name for names in images.values() for name in names]
        choices = [*images, *(id[:19] for id in images), *names, *names]
        if not choices:
            break
        options: dict[str, t.Any] = {"force": chance.random() < 0.25, "noprune": chance.random() < 0.3}
        if chance.random() < 0.15:
            options["patterns"] = [chance.choice(("a:*", "*/r?", "b/*", "*:2"))]
        else:
            options["name"] = list(dict.fromkeys(chance.choices(choices, k=chance.choice((1, 1, 1, 3)))))
        plan = holds(store, **options)
        if len(plan.failures) == plan.total == 1:
            (name,) = plan.failures
            assert refused(store, name, options["force"])


def test_force_and_containers(store: Store) -> None:
    base = support.import_base(store.address)
    ids = {name: store.build("FROM " + base, "ENV WHO=" + name, name=name + ":1") for name in ("up", "off")}
    store.container("up:1", start=True)
    store.container("off:1")
    for name in ids:
        for said in (name + ":1", ids[name]):
            plan = holds(store, name=[said])
            assert plan.failure and plan.failure.kind == "engine.conflict" and refused(store, said, False)
    assert holds(store, name=[ids["up"]], force=True).failure, "no force is enough for a running container"
    assert holds(store, name=["up:1"], force=True).results == {"deleted": [], "untagged": ["up:1"]}
    deleted = [] if store.containerd else [ids["off"]]
    assert holds(store, name=["off:1"], force=True).results == {"deleted": deleted, "untagged": ["off:1"]}
    if store.containerd:  # by what else it is called it goes
        assert holds(store, name=[ids["off"]], force=True).results["deleted"] == [ids["off"]]


def test_a_child_goes_before_its_parent(store: Store) -> None:
    base = support.import_base(store.address)
    if store.containerd:
        pytest.skip("no image needs another: see test_on_the_containerd_store")
    parent = store.build("FROM " + base, "ENV A=1", name="parent:1")
    child = store.build("FROM parent:1", "ENV B=1", "ENV C=1", name="child:1")
    assert holds(store, name=[parent]).failure, "has dependent images"
    assert refused(store, parent, True)
    plan = holds(store, name=[parent, child], noprune=True)
    assert plan.failure, "with noprune, what is between them stays"
    assert holds(store, name=["parent:1"]).results["deleted"] == []


def test_on_the_containerd_store(store: Store, registry: str) -> None:
    """What is another there, by the names of its cases in `test_contentremoval.py`."""
    if not store.containerd:
        pytest.skip("this engine has a graph driver")
    base = support.import_base(store.address)

    def lineage() -> tuple[str, str]:
        parent = store.build("FROM " + base, "ENV A=1", "ENV B=1", name="parent:1")
        return parent, store.build("FROM parent:1", "ENV C=1", "ENV D=1", name="child:1")

    parent, _child = lineage()
    plan = holds(store, name=["parent:1"])
    assert parent not in plan.results["deleted"] and len(plan.results["deleted"]) == 1, "what it was built on goes"
    assert holds(store, name=[parent]).results == {"deleted": [parent], "untagged": []}
    assert len(holds(store, name=["child:1"]).results["deleted"]) == 1, "one is missing: what it was built on stays"
    parent, child = lineage()
    assert len(holds(store, name=[parent, child]).results["deleted"]) == 4
    store.tag(base, "a:1")
    store.tag(base, "a:2")
    id = next(id for id, names in store.images().items() if base in names)
    store.tag(base, "%s/r:1" % registry)
    store.call("POST", "/images/%s/r/push" % registry, tag="1")
    store.call("POST", "/images/create", fromImage="%s/r@%s" % (registry, id))
    assert holds(store, name=["a@" + id]).results["untagged"] == ["a:1", "a:2"]
    assert holds(store, name=[base]).results["untagged"] == [base]
    container = store.container("%s/r:1" % registry)
    assert holds(store, name=["%s/r@%s" % (registry, id)]).failure
    plan = holds(store, name=["%s/r@%s" % (registry, id)], force=True)
    assert len(plan.actions) == 2 and plan.results["deleted"] == [id], "the name, and what is made up of the tag"
    store.call("DELETE", "/containers/" + container)
