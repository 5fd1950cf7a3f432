# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.engine import retry
from ansible_collections.slipway.images.plugins.module_utils.engine.registries import Remote
from ansible_collections.slipway.images.plugins.module_utils.errors import (
    Denied,
    EngineError,
    NotFound,
    RequirementError,
    SlipwayError,
    StreamError,
    UsageError,
)
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference
from ansible_collections.slipway.images.plugins.module_utils.task.run import report
from ansible_collections.slipway.images.plugins.modules.image_push import (
    SPEC,
    UNKNOWN,
    UNTOLD,
    Found,
    Pushes,
    apply,
    observe,
    plan,
)
from ansible_collections.slipway.images.tests.support.fake import (
    Answer,
    Attrs,
    Fake,
    Records,
    id_of,
    image,
    params,
)

NOWHERE = "127.0.0.1:1/app:1"
OLD, NEW, INDEX, ARM = map(id_of, ("old", "new", "index", "arm"))
PUSHED = {"aux": {"Tag": "1", "Digest": NEW, "Size": 735}}
PARTS = [{"ID": ARM, "Available": True, "ImageData": {"Platform": {"os": "linux", "architecture": "arm64"}}}]


@dataclass
class Shipping(Fake):
    """`pushes`: what the engine says to each push of a name, one after the other. `headers` are those it got."""

    pushes: dict[str, list[Records]] = field(default_factory=dict)
    headers: list[dict[str, str]] = field(default_factory=list)
    manifests: list[Attrs] = field(default_factory=list)

    def request(self, method: str, path: str, **how: t.Any) -> Answer:
        answer = super().request(method, path, **how)
        if method == "POST":
            self.headers.append(how["headers"])
        return (
            Answer({**answer.json(), "Manifests": self.manifests}) if "manifests" in how.get("params", ()) else answer
        )

    def _post(self, call: t.Any) -> t.Any:
        name = call.path.removeprefix("/images/").removesuffix("/push")
        return self.pushes["%s:%s" % (name, dict(call.params)["tag"])].pop(0)


@pytest.fixture(autouse=True)
def _no_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))


def planned(fake: Fake, **given: t.Any) -> Pushes:
    options = params(SPEC, **{"name": ["app:1"], **given})
    return plan(options, observe(fake.engine, options))


def local(word: str, *digests: str, **more: t.Any) -> Attrs:
    return image(word, **{"RepoDigests": ["app@" + digest for digest in digests], **more})


def found(**more: t.Any) -> Found:
    return Found("app:1", Reference.parse("app:1"), **{"attrs": local("one", OLD), "remote": Remote(OLD, 735), **more})


@pytest.mark.parametrize(
    ("seen", "pushed"),
    [
        (found(), False),
        (found(remote=Remote(NEW)), True),
        (found(remote=Remote("absent")), True),
        (found(remote=Remote(UNTOLD)), True),
        (found(attrs=local("one")), True),
        (found(attrs=local("one", NEW, OLD)), False),
        (found(attrs=image("one", RepoDigests=["other/app@" + OLD])), True),
        (found(attrs=image("one", Id=OLD)), False),  # the containerd store
        (found(remote=Remote(NEW, config=id_of("one"))), False),  # Podman, which does not learn digests
        (found(remote=Remote(NEW, config=id_of("two"))), True),
        (found(part=ARM), True),
        (found(part=OLD), False),
    ],
)
def test_it_is_pushed_when_the_registry_has_another_digest(seen: Found, pushed: bool) -> None:
    todo = plan(params(SPEC, name=["app:1"]), [seen])
    assert [str(action) for action in todo.actions] == ["push app:1"] * pushed
    assert todo.before == {"app:1": seen.remote.digest}
    assert todo.after == {"app:1": (seen.part or UNKNOWN) if pushed else seen.remote.digest}
    assert todo.results == {
        "digests": todo.after,
        "digest": todo.after["app:1"],
        **({} if pushed or seen.remote.size is None else {"size": 735}),
    }


def test_nothing_is_uploaded_of_what_is_there() -> None:
    fake = Shipping(images={"app:1": local("one", OLD)}, registry={"app:1": OLD})
    todo = planned(fake)
    assert not todo.actions and not report(todo, todo.foretold())["changed"]


def test_a_push_tells_digest_and_size() -> None:
    fake = Shipping(images={"app:1": local("one")}, registry={"app:1": OLD}, pushes={"app:1": [[PUSHED]]})
    todo = planned(fake)
    outcome = apply(fake.engine, todo)
    assert outcome.results == {"digests": {"app:1": NEW}, "digest": NEW, "size": 735}
    assert report(todo, outcome)["changed"]
    assert [call.params for call in fake.writes] == [[("tag", "1")]]
    assert fake.headers == [{"X-Registry-Auth": "e30="}], "always there, also for nobody"


def test_a_push_that_changed_nothing_is_no_change() -> None:
    fake = Shipping(images={"app:1": local("one")}, registry={"app:1": NEW}, pushes={"app:1": [[PUSHED]]})
    todo = planned(fake)
    assert report(todo, todo.foretold())["changed"], "it cannot be known"
    assert not report(todo, apply(fake.engine, todo))["changed"]


def test_several_ways_to_write_a_name_are_one_push() -> None:
    fake = Shipping(images={"app:latest": local("one")})
    todo = planned(fake, name=["app", "app:latest", "docker.io/library/app"])
    assert [str(action) for action in todo.actions] == ["push app:latest"]
    assert list(todo.before) == ["app"]


def test_all_tags() -> None:
    fake = Shipping(
        images={"app:1": local("one", OLD), "app:2": local("two"), "other:1": local("x")}, registry={"app:1": OLD}
    )
    todo = planned(fake, name=["app", "none"], all_tags=True)
    assert todo.before == {"app:1": OLD, "app:2": "absent", "none": UNTOLD}
    assert [str(action) for action in todo.actions] == ["push app:2"]
    assert isinstance(todo.failure, NotFound) and todo.failure.facts["failed"].keys() == {"none"}


NOBODY = Denied("no", said="unauthorized: authentication required")
HIDDEN = Denied("no", said="errors:\ndenied: requested access to the resource is denied\nunauthorized: ...")


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (NOBODY, Denied),
        (EngineError("refused", said="connection refused", status=500), EngineError),
        (HIDDEN, None),
        (NotFound("unknown"), None),
    ],
)
def test_what_the_registry_says_when_asked(said: SlipwayError, kind: type[SlipwayError] | None) -> None:
    todo = planned(Shipping(images={"app:1": local("one")}, registry={"app:1": said}))
    assert (type(todo.failure) if todo.failure else None) == kind
    assert bool(todo.actions) is (kind is None)


def test_some_fail_and_the_others_arrive() -> None:
    fake = Shipping(
        images={"app:1": local("one"), "app:2": local("two")},
        pushes={"app:1": [[{"errorDetail": {"message": "denied"}}]], "app:2": [[PUSHED]]},
    )
    todo = planned(fake, name=["app:1", "app:2", "app:3"])
    assert todo.failures.keys() == {"app:3"}
    with pytest.raises(NotFound, match="2 of 3 images did not arrive") as raised:
        apply(fake.engine, todo)
    assert raised.value.facts["failed"].keys() == {"app:1", "app:3"}
    assert raised.value.outcome.results == {"digests": {"app:2": NEW}}
    assert [str(action) for action in raised.value.outcome.actions] == ["push app:2"]


def test_a_push_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry.persistently, "__defaults__", (lambda _seconds: None,))
    busy = [{"errorDetail": {"message": "toomanyrequests: slow down"}}]
    fake = Shipping(images={"app:1": local("one")}, pushes={"app:1": [busy, busy, [PUSHED]]})
    assert apply(fake.engine, planned(fake, retries=2)).after == {"app:1": NEW}


@pytest.mark.parametrize(("registry", "digest"), [({"app:1": NEW}, NEW), ({}, None)])
def test_an_engine_that_tells_no_digest(registry: dict[str, t.Any], digest: str | None) -> None:
    fake = Shipping(images={"app:1": local("one")}, pushes={"app:1": [[{"status": "done"}]]})
    todo = planned(fake)
    fake.registry = registry
    if digest:
        assert apply(fake.engine, todo).after == {"app:1": digest}
    else:
        with pytest.raises(StreamError, match="no error, and yet no digest"):
            apply(fake.engine, todo)


def test_podman_is_left_to_say_what_is_wrong_with_a_registry() -> None:
    todo = planned(Shipping(images={NOWHERE: local("one", OLD)}, podman=True), name=[NOWHERE])
    assert (todo.before, todo.after) == ({NOWHERE: UNTOLD}, {NOWHERE: UNKNOWN})


def test_one_platform_of_many() -> None:
    fake = Shipping(
        images={"app:1": image("one", Id=INDEX)}, api=(1, 48), manifests=PARTS, pushes={"app:1": [[PUSHED]]}
    )
    todo = planned(fake, platform="arm64")
    assert [str(action) for action in todo.actions] == ["push app:1 for linux/arm64"]
    assert todo.after == {"app:1": ARM}
    apply(fake.engine, todo)
    assert fake.writes[0].params == [("tag", "1"), ("platform", '{"os":"linux","architecture":"arm64"}')]
    fake.registry = {"app:1": ARM}
    assert not planned(fake, platform="arm64").actions
    missing = planned(fake, platform="linux/s390x")
    assert isinstance(missing.failure, NotFound) and not missing.actions


@pytest.mark.parametrize(("platform", "fails"), [("linux/amd64", False), ("linux/arm64", True)])
def test_the_one_platform_of_a_graph_driver(platform: str, fails: bool) -> None:
    todo = planned(Shipping(images={"app:1": local("one")}, api=(1, 46)), platform=platform)
    assert bool(todo.failure) is fails and bool(todo.actions) is not fails


@pytest.mark.parametrize(
    ("given", "kind", "says"),
    [
        ({"name": ["App"]}, UsageError, "lower-case"),
        ({"name": ["app@" + OLD]}, UsageError, "a tag is pushed, not a digest"),
        ({"name": ["app:1"], "all_tags": True}, UsageError, "leave out"),
        ({"platform": "linux/amd64"}, RequirementError, "API 1.46 .* we speak 1.41"),
        ({"name": ["a.io/b", "c.io/d"], "registry_token": "t"}, UsageError, "a task for each"),
    ],
)
def test_what_is_refused_at_the_door(given: dict[str, t.Any], kind: type[SlipwayError], says: str) -> None:
    fake = Shipping()
    with pytest.raises(kind, match=says):
        planned(fake, **given)
    assert not fake.calls
