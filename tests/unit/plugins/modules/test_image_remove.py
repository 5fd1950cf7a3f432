# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

import pytest
from ansible_collections.slipway.images.plugins.module_utils.errors import (
    Conflict,
    NotFound,
    RequirementError,
    SlipwayError,
    TransportError,
    UsageError,
)
from ansible_collections.slipway.images.plugins.module_utils.image.digest import short
from ansible_collections.slipway.images.plugins.module_utils.task.run import report
from ansible_collections.slipway.images.plugins.modules.image_remove import SPEC, Removals, apply, observe, plan
from ansible_collections.slipway.images.tests.support.fake import Answer, Attrs, Call, Fake, id_of, params

ONE, TWO, OLD = id_of("one"), id_of("two"), id_of("old")
ARM, AMD = id_of("arm"), id_of("amd")
PARTS = [
    {"ID": ARM, "Available": True, "ImageData": {"Platform": {"os": "linux", "architecture": "arm64"}}},
    {"ID": AMD, "Available": False, "ImageData": {"Platform": {"os": "linux", "architecture": "amd64"}}},
]


@dataclass
class Stocked(Fake):
    """`rows` as the engine lists them; `says` is what it answers to the removal of a name."""

    rows: list[Attrs] = field(default_factory=list)
    containers: list[Attrs] = field(default_factory=list)
    manifests: list[Attrs] = field(default_factory=list)
    says: dict[str, list[Attrs] | SlipwayError] = field(default_factory=dict)

    def request(self, method: str, path: str, **how: t.Any) -> Answer:
        name = path.split("/images/")[-1]
        self.calls.append(Call(method, name, list(how.get("params") or ())))
        if method == "DELETE":
            said = self.says[name]
            if isinstance(said, SlipwayError):
                raise said
            return Answer(said)
        if path.endswith("/containers/json"):
            return Answer(self.containers)
        if path.endswith("/images/json"):
            return Answer(self.rows)
        return Answer({"Id": name.removesuffix("/json"), "Manifests": self.manifests})


def row(id: str, *names: str, parent: str = "") -> Attrs:
    digests = [name for name in names if "@" in name]
    tags = [name for name in names if "@" not in name] or ["<none>:<none>"]
    return {"Id": id, "ParentId": parent, "RepoTags": tags, "RepoDigests": digests, "Created": 1, "Size": 2}


@pytest.fixture
def fake() -> Stocked:
    rows = [row(ONE, "shop/app:1", "shop/app:2"), row(OLD), row(TWO, "db:1", "db@" + ONE, parent=OLD)]
    user = {"Id": "c" * 64, "Names": ["/web"], "ImageID": OLD, "State": "exited"}
    return Stocked(rows=rows, containers=[user])


def planned(fake: Stocked, **given: t.Any) -> Removals:
    options = params(SPEC, **given)
    todo = plan(options, observe(fake.engine, options))
    assert not fake.writes
    return todo


@pytest.mark.parametrize(
    ("given", "actions", "untagged", "deleted"),
    [
        ({"name": ["shop/app:1"]}, ["untag shop/app:1 (image %s stays)"], ["shop/app:1"], []),
        ({"name": ["docker.io/library/db:1"]}, ["remove db:1 (image %s)"], ["db:1", "db@" + ONE], [TWO]),
        ({"name": ["db@" + ONE]}, ["untag db@" + ONE + " (image %s stays)"], ["db@" + ONE], []),
        ({"name": ["db:9@" + ONE]}, ["untag db@" + ONE + " (image %s stays)"], ["db@" + ONE], []),
        ({"name": [TWO[7:]]}, ["remove db:1, db@" + ONE + " (image %s)"], ["db:1", "db@" + ONE], [TWO]),
        ({"name": [TWO[7:19], TWO]}, ["remove db:1, db@" + ONE + " (image %s)"], ["db:1", "db@" + ONE], [TWO]),
        ({"patterns": ["shop/app:?"]}, 2, ["shop/app:1", "shop/app:2"], [ONE]),
        ({"patterns": ["shop/app"]}, 2, ["shop/app:1", "shop/app:2"], [ONE]),
        ({"patterns": ["*:1"]}, 2, ["db:1", "db@" + ONE, "shop/app:1"], [TWO]),
        ({"patterns": ["*@*", "app", "b"]}, 0, [], []),
        ({"name": ["db:1"], "patterns": ["d*"]}, 1, ["db:1", "db@" + ONE], [TWO]),
        ({"name": ["none", "f" * 64, "sha256:" + "f" * 64]}, 0, [], []),
    ],
)
def test_what_goes(
    fake: Stocked, given: dict[str, t.Any], actions: list[str] | int, untagged: list[str], deleted: list[str]
) -> None:
    todo = planned(fake, **given)
    said = [str(action) for action in todo.actions]
    if isinstance(actions, int):
        assert len(said) == actions
    else:
        assert said == [action % short(deleted[0] if deleted else todo.actions[0].target.id) for action in actions]
    assert todo.results == {"untagged": untagged, "deleted": deleted}
    assert report(todo, todo.foretold())["changed"] is bool(said)
    assert {key for key in todo.before if todo.before[key] != todo.after[key]} == {*untagged, *deleted}
    assert not todo.warnings and not todo.failure


def test_a_nameless_image_goes_with_what_it_was_built_on(fake: Stocked) -> None:
    fake.containers, fake.rows = [], [row(OLD), row(TWO, parent=OLD)]
    todo = planned(fake, name=[OLD, TWO])
    said = "remove image %s and 1 that it was built on" % short(TWO)
    assert [str(action) for action in todo.actions] == [said]
    assert todo.results["deleted"] == sorted([OLD, TWO])
    todo = planned(fake, name=[OLD, TWO], noprune=True)
    assert len(todo.actions) == 2, "what was built on others goes first"


def test_what_the_engine_will_refuse_is_told_and_the_others_go(fake: Stocked) -> None:
    todo = planned(fake, name=[ONE, OLD, "db:1"])
    assert [str(action) for action in todo.actions] == ["remove db:1 (image %s)" % short(TWO)]
    assert todo.failures.keys() == {ONE, OLD}
    assert isinstance(todo.failure, Conflict) and "2 of 3 images were not removed" in str(todo.failure)
    assert (todo.before[ONE], todo.after[ONE]) == (ONE, ONE)
    assert not planned(fake, name=[ONE], force=True).failure
    assert not planned(fake, name=[ONE, "shop/app:1"]).failure, "names go before ids"


def test_a_word_that_may_have_been_an_id_draws_a_warning(fake: Stocked) -> None:
    assert planned(fake, name=["cafe", "none", "cafe:1"]).warnings == (
        "nothing is called cafe, nor does the id of an image begin so",
    )


@pytest.mark.parametrize(
    ("given", "kind", "says"),
    [
        ({"name": ["0f" * 6]}, NotFound, "no image has an id that begins with 0f0f0f0f0f0f, nor is one called so"),
        ({"name": ["sha256:cafe"]}, NotFound, "begins with sha256:cafe"),
        ({"name": ["App"]}, UsageError, "lower-case"),
        ({"name": [""]}, UsageError, "empty"),
        ({"patterns": [""]}, UsageError, "a pattern is empty"),
        ({"name": ["a"], "platforms": ["linux/z80"]}, UsageError, "not an architecture"),
        ({"name": ["a"], "platforms": ["linux/arm64"]}, RequirementError, "API 1.50 .* we speak 1.41"),
    ],
)
def test_what_is_refused_at_the_door(
    fake: Stocked, given: dict[str, t.Any], kind: type[SlipwayError], says: str
) -> None:
    with pytest.raises(kind, match=says):
        planned(fake, name=["db:1", *given.pop("name", [])], **given)


def test_the_beginning_of_several_ids(fake: Stocked) -> None:
    fake.rows = [row("sha256:" + "abcd".ljust(64, end)) for end in "12"]
    with pytest.raises(UsageError, match="abcd is ambiguous"):
        planned(fake, name=["abcd"])


def test_the_outcome_is_what_the_engine_said(fake: Stocked) -> None:
    layer = {"Deleted": id_of("a layer")}
    fake.says = {"db:1": [{"Untagged": "db:1"}, {"Untagged": "db@" + ONE}, {"Deleted": TWO}, layer]}
    todo = planned(fake, name=["db"], patterns=["db:*"], force=True)
    assert apply(fake.engine, todo) == todo.foretold()
    assert [(call.path, dict(call.params)) for call in fake.writes] == [("db:1", {"force": "1", "noprune": "0"})]


def test_names_by_digest_that_the_containerd_store_is_silent_about(fake: Stocked) -> None:
    fake.rows = [row(TWO, "db:1", "db@" + TWO, "other:1")]
    todo = planned(fake, name=["db:1"], patterns=["db@*"])
    fake.says = {"db:1": [{"Untagged": "db:1"}]}
    outcome = apply(fake.engine, todo)
    assert outcome.after == todo.after
    assert outcome.results == todo.results


def test_what_went_by_itself_is_not_our_doing(fake: Stocked) -> None:
    fake.says = {"db:1": NotFound("gone")}
    outcome = apply(fake.engine, todo := planned(fake, name=["db:1"]))
    assert not report(todo, outcome)["changed"] and not outcome.actions
    assert fake.warnings == ["db:1 was removed by somebody else in the meantime"]


def test_one_fails_in_the_run(fake: Stocked) -> None:
    fake.says = {"shop/app:1": TransportError("cut"), "db:1": [{"Untagged": "db:1"}]}
    todo = planned(fake, name=["shop/app:1", "db:1", OLD])
    with pytest.raises(Conflict) as raised:
        apply(fake.engine, todo)
    assert raised.value.facts["failed"].keys() == {OLD, "shop/app:1"}
    assert raised.value.outcome.results == {"untagged": ["db:1"], "deleted": []}
    assert raised.value.outcome.after["shop/app:1"] == ONE


def test_platforms(fake: Stocked) -> None:
    fake.api, fake.manifests = (1, 50), PARTS
    todo = planned(fake, name=["db:1"], platforms=["linux/arm64", "linux/amd64", "linux/s390x"])
    assert [str(action) for action in todo.actions] == ["remove what db:1 has for linux/arm64"]
    assert (todo.before, todo.after) == ({"db:1 for linux/arm64": ARM}, {"db:1 for linux/arm64": "absent"})
    fake.says = {"db:1": [{"Deleted": ARM}]}
    assert apply(fake.engine, todo) == todo.foretold()
    (call,) = fake.writes
    assert ("platforms", '{"os":"linux","architecture":"arm64"}') in call.params


def test_platforms_on_a_graph_driver(fake: Stocked) -> None:
    fake.api = (1, 50)
    assert not planned(fake, name=["none"], platforms=["linux/arm64"]).actions
    with pytest.raises(RequirementError, match="containerd image store"):
        planned(fake, name=["db:1"], platforms=["linux/arm64"])
