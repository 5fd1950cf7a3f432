# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest
from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.errors import EngineError, UsageError
from ansible_collections.slipway.images.plugins.module_utils.image.buildcache import Limit, Record
from ansible_collections.slipway.images.plugins.module_utils.image.retention import Removal, Stored
from ansible_collections.slipway.images.plugins.modules import image_prune
from ansible_collections.slipway.images.plugins.modules.image_prune import (
    CACHE,
    DANGLING,
    UNKNOWN,
    PruneCache,
    RemoveImage,
    Seen,
    plan,
)
from ansible_collections.slipway.images.tests.unit.plugins.module_utils.engine.conftest import (
    daemon,
    engine,
    meet,
    serve,
)

__all__ = ["daemon", "engine", "meet", "serve"]

A, B, C = ("sha256:" + letter * 64 for letter in "abc")
DIGEST = "app@sha256:" + "d" * 64
PARAMS: dict[str, t.Any] = {
    **dict.fromkeys(("dangling", "keep_last", "repositories", "until", "build_cache")),
    "images": True,
    "protect": [],
    "labels": [],
}

GONE = (404, {"message": "no such image"})


def whole(stored: Stored) -> Removal:
    return Removal(stored, stored.names, whole=True)


APP = whole(Stored(A, tags=("app:1", "app:2"), digests=(DIGEST,), size=1500))
LONE = whole(Stored(B, size=3))
BASE = Removal(Stored(C, tags=("base:1",)), ("base:1",), whole=False)
TWIN = Removal(Stored(C, tags=("c:1", "c:2", "d:1"), digests=("d" + DIGEST[3:],)), ("c:1", "d:1"), whole=False)
PINNED = whole(Stored(A, digests=(DIGEST,), size=1500))
SHORT = {A: "a" * 12, B: "b" * 12, C: "c" * 12}


@pytest.mark.parametrize(
    ("action", "sentence"),
    [
        (RemoveImage(APP), "remove app:1, app:2 (image aaaaaaaaaaaa, 1.5kB)"),
        (RemoveImage(LONE), "remove dangling image bbbbbbbbbbbb (3B)"),
        (RemoveImage(PINNED), "remove dangling image aaaaaaaaaaaa of app (1.5kB)"),
        (RemoveImage(BASE), "untag base:1 (image cccccccccccc stays, it is in use)"),
        (RemoveImage(TWIN), "untag c:1, d:1 (image cccccccccccc stays as c:2)"),
        (PruneCache(Limit(), ()), "prune the build cache"),
        (PruneCache(Limit(keep=5 * 10**9), None), "prune the build cache, keeping 5GB"),
    ],
)
def test_actions_are_sentences(action: object, sentence: str) -> None:
    assert str(action) == sentence


def results(**some: t.Any) -> dict[str, t.Any]:
    return {"kept": {}, "deleted": [], "untagged": [], "cache_deleted": [], "space_reclaimed": 0, **some}


FREE, SHARED = Record("r1", size=10), Record("r2", size=20, shared=True)
LAYERS = {A: [("x", 5), ("y", 7)]}
EVERYTHING, SOME = Limit(everything=True), Limit(keep=5, everything=True)

PLANS: list[tuple[Seen, dict[str, str], dict[str, str], list[t.Any], dict[str, t.Any]]] = [
    (Seen(), {}, {}, [], results()),
    (Seen(limit=Limit()), {}, {}, [], results()),
    (
        Seen((APP,), LAYERS, (["x"],)),
        {"app:1": SHORT[A], "app:2": SHORT[A]},
        {},
        [RemoveImage(APP)],
        results(deleted=[A], untagged=["app:1", "app:2", DIGEST], space_reclaimed=7),
    ),
    (
        Seen((LONE, BASE), {B: []}),
        {"bbbbbbbbbbbb": DANGLING, "base:1": SHORT[C]},
        {},
        [RemoveImage(LONE), RemoveImage(BASE)],
        results(deleted=[B], untagged=["base:1"]),
    ),
    (
        Seen((TWIN,), kept={"c:2": "protected by *:2"}),
        {"c:1": SHORT[C], "d:1": SHORT[C]},
        {},
        [RemoveImage(TWIN)],
        results(untagged=["c:1", "d:1", "d" + DIGEST[3:]], kept={"c:2": "protected by *:2"}),
    ),
    (Seen((PINNED,)), {DIGEST: SHORT[A]}, {}, [RemoveImage(PINNED)], results(deleted=[A], untagged=[DIGEST])),
    (
        Seen(cache=(FREE, SHARED), limit=Limit()),
        {CACHE: "2 records, 30B"},
        {CACHE: "1 records, 20B"},
        [PruneCache(Limit(), ("r1",))],
        results(cache_deleted=["r1"], space_reclaimed=10),
    ),
    (Seen(cache=(FREE, SHARED), limit=Limit(keep=11)), {}, {}, [], results()),
    (
        Seen((LONE,), {B: []}, (), (SHARED,), Limit()),
        {"bbbbbbbbbbbb": DANGLING, CACHE: "1 records, 20B"},
        {CACHE: UNKNOWN},
        [RemoveImage(LONE), PruneCache(Limit(), None)],
        results(deleted=[B]),
    ),
    (
        Seen((LONE,), {B: []}, (), (SHARED,), EVERYTHING),
        {"bbbbbbbbbbbb": DANGLING, CACHE: "1 records, 20B"},
        {CACHE: "0 records, 0B"},
        [RemoveImage(LONE), PruneCache(EVERYTHING, ("r2",))],
        results(deleted=[B], cache_deleted=["r2"], space_reclaimed=20),
    ),
    (
        Seen((LONE,), {B: []}, (), (SHARED,), SOME),
        {"bbbbbbbbbbbb": DANGLING, CACHE: "1 records, 20B"},
        {CACHE: UNKNOWN},
        [RemoveImage(LONE), PruneCache(SOME, None)],
        results(deleted=[B]),
    ),
    # Untagging frees nothing that the cache could have shared.
    (
        Seen((BASE,), cache=(SHARED,), limit=Limit()),
        {"base:1": SHORT[C]},
        {},
        [RemoveImage(BASE)],
        results(untagged=["base:1"]),
    ),
]


@pytest.mark.parametrize(("seen", "before", "after", "actions", "said"), PLANS)
def test_plan(
    seen: Seen, before: dict[str, str], after: dict[str, str], actions: list[t.Any], said: dict[str, t.Any]
) -> None:
    todo = plan(PARAMS, seen)
    assert (todo.before, todo.after, list(todo.actions), todo.results) == (before, after, actions, said)
    assert todo.seen is seen


def row(id: str, **more: t.Any) -> dict[str, t.Any]:
    return {"Id": id, "ParentId": "", "RepoTags": None, "RepoDigests": None, "Created": 100, "Size": 12, **more}


def attrs(removal: Removal) -> dict[str, t.Any]:
    return {"Id": removal.image.id, "RepoTags": removal.image.tags, "RepoDigests": removal.image.digests}


def asked(daemon: t.Any) -> list[str]:
    return [asked.line.replace("/v1.41", "") for asked in daemon.asked[1:]]


def test_observe_looks_at_images_that_tell_something(daemon: t.Any, engine: Engine) -> None:
    daemon.answers.update(
        {
            "GET /images/json": [
                row(A),
                row(B, ParentId=A),
                row(C, RepoTags=["c:1"]),
                row("parent"),
                row("x", ParentId="parent"),
            ],
            "GET /containers/json": [{"Id": "c", "ImageID": "x"}],
            "GET /images/%s/json" % B: {"Size": 12, "RootFS": {"Layers": ["1", "2"]}},
            "GET /images/%s/history" % B: [{"Size": 7, "Id": B}, {"Size": 0, "Id": "?"}, {"Size": 5, "Id": A}],
            "GET /images/?/json": {"RootFS": {"Layers": ["1"]}},
            "GET /images/%s/json" % C: {"RootFS": {"Layers": ["1", "3"]}},
        }
    )
    seen = image_prune.observe(engine, PARAMS)
    assert [removal.image.id for removal in seen.going] == [B, A]
    assert (seen.layers, seen.stacks) == ({B: (("1", 5), ("2", 7))}, (["1", "3"], ()))
    assert (seen.cache, seen.limit, seen.kept) == ((), None, {"x": "used by container c"})
    inspected = [line for line in asked(daemon) if line not in ("GET /images/json", "GET /containers/json")]
    assert sorted(inspected) == sorted(
        "GET /images/%s" % x for x in (B + "/json", B + "/history", "%3F/json", C + "/json", "x/json")
    )


def test_observe_asks_for_no_depth_when_every_step_made_a_layer(daemon: t.Any, engine: Engine) -> None:
    daemon.answers.update(
        {
            "GET /images/json": [row(A)],
            "GET /containers/json": [],
            "GET /images/%s/json" % A: {"Size": 12, "RootFS": {"Layers": ["1", "2"]}},
            "GET /images/%s/history" % A: [{"Size": 0, "Id": A}, {"Size": 12, "Id": B}],
        }
    )
    assert image_prune.observe(engine, PARAMS).layers == {A: (("1", 12), ("2", 0))}
    assert len(asked(daemon)) == 4


def test_observe_asks_nothing_more_when_all_stays(daemon: t.Any, engine: Engine) -> None:
    daemon.answers.update({"GET /images/json": [row(A, RepoTags=["a:1"])], "GET /containers/json": []})
    assert image_prune.observe(engine, PARAMS) == Seen()
    assert asked(daemon) == ["GET /images/json", "GET /containers/json"]


def test_observe_the_cache_alone(daemon: t.Any, engine: Engine) -> None:
    daemon.answers["GET /system/df"] = {"BuildCache": [{"ID": "r", "InUse": False, "Shared": False, "Size": 4}]}
    cache = {"keep_storage": "1k", "until": "1970-01-02", "all": True}
    seen = image_prune.observe(engine, {**PARAMS, "images": False, "build_cache": cache})
    assert seen == Seen(cache=(Record("r", size=4),), limit=Limit(1024, 86400, True))
    assert asked(daemon) == ["GET /system/df"]


@pytest.mark.parametrize(
    "asked",
    [
        {"until": "yesterday"},
        {"labels": ["!"]},
        {"build_cache": {"keep_storage": "much", "until": None, "all": False}},
        {"keep_last": 0},
        {"keep_last": -3},
        {"keep_last": 3, "dangling": True},
        {"repositories": []},
        {"repositories": ["shop/app:1"]},
        {"repositories": [""]},
        {"protect": ["Shop/*"]},
    ],
)
def test_bad_options_touch_no_engine(daemon: t.Any, engine: Engine, asked: dict[str, t.Any]) -> None:
    with pytest.raises(UsageError) as caught:
        image_prune.observe(engine, {**PARAMS, **asked})
    assert len(daemon.asked) == 1
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("asked", "going", "kept"),
    [
        ({}, ["i"], []),
        ({"dangling": False}, ["a2", "a1", "i", "b1"], []),
        ({"keep_last": 1}, ["a1", "i"], ["a:2", "b:1"]),
        ({"keep_last": 1, "dangling": False, "protect": ["*:1"]}, ["i"], ["a:1", "a:2", "b:1"]),
        ({"repositories": ["a"]}, [], []),
        ({"repositories": ["a"], "keep_last": 1}, ["a1"], ["a:2"]),
        ({"repositories": ["a"], "keep_last": 1, "until": "2"}, [], ["a:1", "a:2"]),
        ({"repositories": ["*"], "dangling": False}, ["a2", "a1", "b1"], []),
    ],
)
def test_options_are_the_rule(
    daemon: t.Any, engine: Engine, asked: dict[str, t.Any], going: list[str], kept: list[str]
) -> None:
    rows = [row("b1", RepoTags=["b:1"], Created=1), row("i", Created=1)]
    rows += [row("a%d" % number, RepoTags=["a:%d" % number], Created=1 + number) for number in (1, 2)]
    daemon.answers.update({"GET /images/json": rows, "GET /containers/json": []})
    daemon.answers.update({"GET /images/%s/json" % one["Id"]: {"Size": 12, "RootFS": {}} for one in rows})
    daemon.answers.update({"GET /images/%s/history" % one["Id"]: [] for one in rows})
    seen = image_prune.observe(engine, {**PARAMS, **asked})
    assert sorted(removal.image.id for removal in seen.going) == sorted(going)
    assert sorted(seen.kept) == kept


def test_apply(daemon: t.Any, engine: Engine) -> None:
    todo = plan(PARAMS, Seen((APP, LONE, BASE), {**LAYERS, B: [("z", 3)]}, (["x"],), (FREE,), Limit()))
    daemon.answers.update(
        {
            "GET /images/%s/json" % A: iter([attrs(APP), GONE]).__next__,
            "DELETE /images/app:1": [{"Untagged": "app:1"}],
            "DELETE /images/app:2": [
                {"Untagged": "app:2"},
                {"Untagged": DIGEST},
                {"Deleted": A},
                {"Deleted": "sha256:y"},
            ],
            "GET /images/%s/json" % B: attrs(LONE),
            "DELETE /images/" + B: [{"Deleted": B}],
            "GET /images/%s/json" % C: attrs(BASE),
            "DELETE /images/base:1": [{"Untagged": "base:1"}],
            "POST /build/prune": {"CachesDeleted": ["r1"], "SpaceReclaimed": 10},
        }
    )
    assert image_prune.apply(engine, todo) == todo.foretold()
    assert (engine.warnings, todo.results["space_reclaimed"]) == ([], 20)
    deletions = [asked for asked in daemon.asked if asked.line.startswith("DELETE")]
    assert [asked.line.rpartition("/")[2] for asked in deletions] == ["app:1", "app:2", B, "base:1"]
    assert {(asked.query["force"], asked.query["noprune"]) for asked in deletions} == {("0", "1")}


@pytest.mark.parametrize("stays", [True, False])
def test_what_is_called_deleted_may_be_there_still(daemon: t.Any, engine: Engine, stays: bool) -> None:
    """The containerd store's word for an image that others were built on, as long as there are others."""
    todo = plan(PARAMS, Seen((BASE,)))
    daemon.answers["GET /images/%s/json" % C] = iter([attrs(BASE), {"Id": C} if stays else GONE]).__next__
    daemon.answers["DELETE /images/base:1"] = [{"Untagged": "base:1"}, {"Deleted": C}]
    outcome = image_prune.apply(engine, todo)
    assert outcome.results == results(deleted=[] if stays else [C], untagged=["base:1"])
    assert (outcome == todo.foretold()) is stays


def test_what_went_wrong_half_way(daemon: t.Any, engine: Engine) -> None:
    todo = plan(PARAMS, Seen((LONE, APP), {**LAYERS, B: [("z", 3)]}, (["x"],), (FREE,), Limit()))
    daemon.answers.update(
        {
            "GET /images/%s/json" % B: attrs(LONE),
            "DELETE /images/" + B: [{"Deleted": B}],
            "GET /images/%s/json" % A: attrs(APP),
            "DELETE /images/app:1": [{"Untagged": "app:1"}],
            "DELETE /images/app:2": (500, {"message": "disk on fire"}),
        }
    )
    with pytest.raises(EngineError, match="disk on fire") as caught:
        image_prune.apply(engine, todo)
    outcome = caught.value.outcome
    assert [str(action) for action in outcome.actions] == [
        "remove dangling image bbbbbbbbbbbb (3B)",
        "untag app:1 (image aaaaaaaaaaaa stays as app:2)",
    ]
    assert outcome.after == {"app:2": SHORT[A], CACHE: todo.before[CACHE]}
    assert outcome.results == results(deleted=[B], untagged=["app:1"], space_reclaimed=3)


@pytest.mark.parametrize(
    ("now", "refusal", "asked_for", "warning"),
    [
        ({}, None, [], "renamed or removed"),
        ({**attrs(LONE), "RepoTags": ["new:1"]}, None, [], "renamed or removed"),
        ({**attrs(LONE), "RepoTags": ["<none>:<none>"]}, (409, "container x uses it"), [B], "container x uses it"),
        (attrs(LONE), (404, "no such image"), [B], "somebody else was faster"),
    ],
)
def test_others_were_faster(
    daemon: t.Any,
    engine: Engine,
    now: dict[str, t.Any],
    refusal: tuple[int, str] | None,
    asked_for: list[str],
    warning: str,
) -> None:
    todo = plan(PARAMS, Seen((LONE,), {B: [("z", 3)]}))
    if now:
        daemon.answers["GET /images/%s/json" % B] = now
    if refusal:
        daemon.answers["DELETE /images/" + B] = (refusal[0], {"message": refusal[1]})
    outcome = image_prune.apply(engine, todo)
    assert (outcome.after, outcome.actions, outcome.results) == (todo.before, (), results())
    assert [asked.line[-len(B) :] for asked in daemon.asked if asked.line.startswith("DELETE")] == asked_for
    assert len(engine.warnings) == 1
    assert warning in engine.warnings[0]


def test_a_name_that_moved_away_stays(daemon: t.Any, engine: Engine) -> None:
    todo = plan(PARAMS, Seen((APP,), LAYERS))
    daemon.answers.update(
        {
            "GET /images/%s/json" % A: iter([{**attrs(APP), "RepoTags": ["app:2"]}, GONE]).__next__,
            "DELETE /images/app:2": [{"Untagged": "app:2"}, {"Untagged": DIGEST}, {"Deleted": A}],
        }
    )
    outcome = image_prune.apply(engine, todo)
    assert outcome.results == results(deleted=[A], untagged=["app:2", DIGEST], space_reclaimed=12)
    assert "renamed or removed" in engine.warnings[0]


def test_the_cache_is_looked_at_again_when_images_went(daemon: t.Any, engine: Engine) -> None:
    todo = plan(PARAMS, Seen((LONE,), {B: []}, (), (FREE, SHARED), Limit()))
    rows = [{"ID": id, "InUse": False, "Shared": False, "Size": 1} for id in ("r1", "r2")]
    daemon.answers.update(
        {
            "GET /images/%s/json" % B: attrs(LONE),
            "DELETE /images/" + B: [{"Deleted": B}],
            "GET /system/df": iter([{"BuildCache": rows}, {}]).__next__,
            "POST /build/prune": {"CachesDeleted": ["r2", "r1"], "SpaceReclaimed": 30},
        }
    )
    outcome = image_prune.apply(engine, todo)
    assert outcome.after == {CACHE: "0 records, 0B"}
    assert outcome.results == results(deleted=[B], cache_deleted=["r1", "r2"], space_reclaimed=30)
    (pruned,) = [asked for asked in daemon.asked if asked.line.startswith("POST")]
    assert "r1|r2" in pruned.query["filters"]


def cached(id: str, shared: bool, size: int, **more: t.Any) -> dict[str, t.Any]:
    return {"ID": id, "InUse": False, "Shared": shared, "Size": size, **more}


LOW, TOP = cached("low", True, 30, UsageCount=3), cached("top", True, 8, **{" Parents": ["low"]})
OWN = [cached("own", False, 20, UsageCount=1), cached("other", False, 10, UsageCount=2)]
BUDGET: dict[str, t.Any] = {"keep_storage": "15", "until": None, "all": True}


@pytest.mark.parametrize("refused", [False, True])
def test_in_the_containerd_store_what_goes_frees_more(daemon: t.Any, engine: Engine, refused: bool) -> None:
    """As 28.5.2 does it: what lies under a record that an image shares is no more called shared when that has gone."""
    newer = replace(engine, api=(1, 51))
    options = {**PARAMS, "images": False, "build_cache": BUDGET}
    usage = ([LOW, TOP, *OWN], [LOW, TOP, *OWN], [{**LOW, "Shared": False}, OWN[1]], [])
    gone = [["top", "own"], None if refused else ["other", "low"]]
    daemon.answers.update(
        {
            "GET /info": {"DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]]},
            "GET /system/df": iter([{"BuildCache": rows} for rows in usage]).__next__,
            "POST /build/prune": iter([{"CachesDeleted": ids} for ids in gone]).__next__,
        }
    )
    todo = plan(options, image_prune.observe(newer, options))
    assert (todo.actions, todo.after) == ((PruneCache(Limit(15, everything=True), None),), {CACHE: UNKNOWN})
    assert todo.results["cache_deleted"] == ["own", "top"], "and maybe more"
    outcome = image_prune.apply(newer, todo)
    assert outcome.results["cache_deleted"] == sorted(id for ids in gone for id in ids or ())


@pytest.mark.parametrize(
    ("info", "budget"), [({}, BUDGET), (None, {**BUDGET, "keep_storage": None}), (None, {**BUDGET, "all": False})]
)
def test_elsewhere_what_goes_is_known(daemon: t.Any, engine: Engine, info: t.Any, budget: dict[str, t.Any]) -> None:
    """Where everything goes, or nothing that is shared, nobody is asked which store it is."""
    daemon.answers["GET /info"] = (500, {}) if info is None else info
    daemon.answers.update({"GET /system/df": {"BuildCache": [LOW, TOP, *OWN]}})
    options = {**PARAMS, "images": False, "build_cache": budget}
    (action,) = plan(options, image_prune.observe(replace(engine, api=(1, 51)), options)).actions
    assert isinstance(action, PruneCache) and action.ids


def test_there_may_be_nothing_in_the_cache_to_prune(daemon: t.Any, engine: Engine) -> None:
    todo = plan(PARAMS, Seen((LONE,), {B: []}, (), (SHARED,), Limit()))
    daemon.answers.update(
        {"GET /images/%s/json" % B: attrs(LONE), "DELETE /images/" + B: [{"Deleted": B}], "GET /system/df": {}}
    )
    outcome = image_prune.apply(engine, todo)
    assert (outcome.actions, outcome.after) == (todo.actions, {CACHE: todo.before[CACHE]})
    assert daemon.last.line.endswith("GET /v1.41/system/df")
