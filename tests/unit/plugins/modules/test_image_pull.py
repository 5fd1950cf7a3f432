# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import typing as t
from collections import Counter

import pytest
from ansible_collections.slipway.images.plugins.module_utils.engine import retry
from ansible_collections.slipway.images.plugins.module_utils.engine.registries import Remote
from ansible_collections.slipway.images.plugins.module_utils.errors import (
    Denied,
    EngineError,
    NotFound,
    SlipwayError,
    StreamError,
    TransportError,
    UsageError,
)
from ansible_collections.slipway.images.plugins.module_utils.image.platform import Platform
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference
from ansible_collections.slipway.images.plugins.module_utils.task.run import report
from ansible_collections.slipway.images.plugins.modules.image_pull import (
    SPEC,
    UNKNOWN,
    Found,
    Pull,
    Pulls,
    apply,
    observe,
    plan,
)
from ansible_collections.slipway.images.tests.support.fake import Attrs, Call, Fake, Records, id_of, image, params
from ansible_collections.slipway.images.tests.support.registries import Reply, Request, refusal, site

OLD, NEW = id_of("old"), id_of("new")
NOWHERE = "127.0.0.1:1/app"  # of a registry that does not answer
PINNED = "app@" + OLD
Given = dict[str, t.Any]


def local(word: str, digest: str, name: str = "app", **more: t.Any) -> Attrs:
    """An image that came from a registry, which calls it `digest`."""
    return image(word, **{"RepoDigests": ["%s@%s" % (name, digest)], **more})


def found(text: str, attrs: Attrs | None = None, remote: str = "", error: SlipwayError | None = None) -> Found:
    reference = Reference.parse(text).with_default_tag()
    return Found(text, reference, {text: attrs or {}}, Remote(remote) if remote else None, error)


# The plan

APP = Reference.parse("app:1")
HERE, OTHER = local("one", OLD), id_of("other")


@pytest.mark.parametrize(
    ("given", "seen", "pulled"),
    [
        ({}, found("app:1", HERE, OLD), False),
        ({}, found("app:1", HERE, NEW), True),
        ({}, found("app:1", HERE, ""), True),  # nobody can tell
        ({}, found("app:1", None, OLD), True),
        ({}, found("app:1", image("x", Id=OLD), OLD), False),  # the containerd store
        ({}, found("app:1", image("x", Descriptor={"digest": OLD}), OLD), False),
        ({}, found("app:1", local("one", OLD, "docker.io/library/app"), OLD), False),  # Podman's spelling
        ({}, found("app:1", local("one", OLD, "other"), OLD), True),
        ({}, Found("app:1", APP, {"app:1": HERE}, Remote(NEW, config=HERE["Id"])), False),  # pushed by Podman
        ({}, Found("app:1", APP, {"app:1": HERE}, Remote(NEW, config=OTHER)), True),
        ({}, found(PINNED, HERE), False),
        ({}, found(PINNED), True),
        ({}, found("app:1@" + OLD, HERE), False),
        ({"pull": "missing"}, found("app:1", HERE), False),
        ({"pull": "missing"}, found("app:1"), True),
        ({"platform": "amd64"}, found("app:1", HERE, OLD), False),
        ({"platform": "amd64"}, found("app:1", HERE, NEW), True),
        ({"platform": "arm64"}, found("app:1", HERE, OLD), True),
        ({"platform": "arm64"}, found(PINNED, HERE), True),
        ({"platform": "arm64", "pull": "missing"}, found("app:1", HERE), True),
        ({"platform": "linux", "pull": "missing"}, found("app:1", HERE), False),
        ({"pull": "never"}, found("app:1", HERE), False),
        ({"pull": "never", "platform": "amd64"}, found("app:1", HERE), False),
    ],
)
def test_whether_to_pull(given: Given, seen: Found, pulled: bool) -> None:
    todo = plan(params(SPEC, name=[seen.text], retries=2, parallel=5, **given), [seen])
    before = seen.here[seen.text].get("Id", "absent")
    platform = Platform.parse(given["platform"]) if "platform" in given else None
    assert todo == Pulls(
        before={seen.text: before},
        after={seen.text: UNKNOWN if pulled else before},
        actions=(Pull((seen.text,), seen.reference, platform, 2),) if pulled else (),
        images=seen.here,
        parallel=5,
        total=1,
    )


@pytest.mark.parametrize(
    ("given", "attrs", "says"),
    [
        ({}, None, "app:1 is not on the engine, and pull is never"),
        ({"platform": "arm64"}, HERE, "app:1 for linux/arm64 is not on the engine, and pull is never"),
    ],
)
def test_who_never_pulls_fails_for_what_is_missing(given: Given, attrs: Attrs | None, says: str) -> None:
    todo = plan(params(SPEC, name=["app:1"], pull="never", **given), [found("app:1", attrs)])
    assert (todo.actions, todo.before) == ((), todo.after)
    assert isinstance(todo.failure, NotFound) and str(todo.failure) == says


def test_several_failures_are_one_and_the_rest_is_planned() -> None:
    seen = [found("a", error=Denied("not you")), found("b:1", None, NEW), found("c:1", HERE, error=NotFound("none"))]
    todo = plan(params(SPEC, name=["a", "b:1", "c:1"]), seen)
    assert [str(action) for action in todo.actions] == ["pull b:1"]
    assert todo.after == {"a": "absent", "b:1": UNKNOWN, "c:1": HERE["Id"]}
    assert isinstance(todo.failure, Denied)
    assert str(todo.failure) == "2 of 3 images did not come: a (not you); c:1 (none)"
    assert todo.failure.facts == {"failed": {"a": "not you", "c:1": "none"}}


def test_one_of_one_fails_in_its_own_words() -> None:
    error = Denied("not you", status=401)
    assert plan(params(SPEC, name=["a"]), [found("a", error=error)]).failure is error


def test_a_reference_written_in_two_ways_is_pulled_once() -> None:
    todo = plan(params(SPEC, name=["app", "app:latest"]), [found("app"), found("app:latest")])
    assert todo.actions == (Pull(("app", "app:latest"), Reference.parse("app:latest"), None, 0),)
    assert todo.after == {"app": UNKNOWN, "app:latest": UNKNOWN}


@pytest.mark.parametrize(
    ("pull", "here", "pulled"),
    [
        ("always", {}, True),
        ("always", {"app:1": HERE}, True),
        ("missing", {}, True),
        ("missing", {"app:1": HERE, "app:2": HERE}, False),
        ("missing", {"app:1": HERE, "app:2": {}}, True),  # it went while we looked
        ("never", {"app:1": HERE}, False),
    ],
)
def test_all_tags(pull: str, here: dict[str, Attrs], pulled: bool) -> None:
    seen = Found("app", Reference.parse("app"), here)
    todo = plan(params(SPEC, name=["app"], pull=pull, all_tags=True), [seen])
    assert [str(action) for action in todo.actions] == (["pull all tags of app"] if pulled else [])
    before = {name: attrs.get("Id", "absent") for name, attrs in here.items()}
    assert (todo.before, todo.after) == (before, {**before, "app": UNKNOWN} if pulled else before)
    assert todo.failure is None


def test_no_tag_of_all_is_here() -> None:
    todo = plan(params(SPEC, name=["app"], pull="never", all_tags=True), [Found("app", Reference.parse("app"), {})])
    assert str(todo.failure) == "app is not on the engine, and pull is never"


# What is seen


def look(fake: Fake, *names: str, **given: t.Any) -> list[Found]:
    return observe(fake.engine, params(SPEC, name=list(names), **given))


def test_the_registry_is_asked_once_for_each_name_that_it_could_have_moved() -> None:
    fake = Fake({"app:1": HERE, PINNED: HERE}, {"app:1": OLD, "b:9": NEW})
    seen = look(fake, "app:1", "app:1", "b", PINNED, tag="9")
    assert seen == [
        found("app:1", HERE, OLD),
        Found("b", Reference.parse("b:9"), {"b": {}}, Remote(NEW)),
        found(PINNED, HERE),
    ]
    assert sorted(fake.asked("/distribution/")) == ["/distribution/app:1/json", "/distribution/b:9/json"]
    assert fake.writes == []


@pytest.mark.parametrize("pull", ["missing", "never"])
def test_the_registry_is_not_asked_without_need(pull: str) -> None:
    fake = Fake({"app:1": HERE})
    assert look(fake, "app:1", pull=pull) == [found("app:1", HERE)]
    assert fake.asked("/distribution/") == []


class Shelf:
    """A registry with a repository `app`: tag (without its "v") -> digest."""

    def __init__(self, **tags: str) -> None:
        self.tags = tags

    def __call__(self, request: Request) -> Reply:
        tag = request.path.rpartition("/")[2].removeprefix("v")
        if request.path == "/v2/app/tags/list" and self.tags:
            return Reply(json.dumps({"tags": ["v" + tag for tag in self.tags]}).encode())
        if tag in self.tags:
            return Reply(headers={"Docker-Content-Digest": self.tags[tag]})
        return refusal(404, "NAME_UNKNOWN", "repository name not known")


@pytest.mark.parametrize(("tag", "remote"), [("v1", Remote(OLD)), ("v9", None)])
def test_podman_is_passed_over(tag: str, remote: Remote | None) -> None:
    with site(Shelf(**{"1": OLD})) as registry:
        (seen,) = look(Fake(podman=True), "%s/app:%s" % (registry.address, tag))
    assert (seen.remote, seen.error) == (remote, None)


@pytest.mark.parametrize(
    ("podman", "name", "here"), [(True, NOWHERE + ":1", {NOWHERE + ":1": {}}), (False, NOWHERE, {})]
)
def test_a_registry_that_is_closed_to_us_may_be_open_to_the_engine(podman: bool, name: str, here: Given) -> None:
    seen = look(Fake(podman=podman), name, all_tags=not here)
    assert seen == [Found(name, Reference.parse(name), here)]


def test_what_a_registry_refuses_is_that_names_failure() -> None:
    denied = Denied("not you", status=401)
    seen = look(Fake({}, {"a:1": denied, "b:1": NEW}), "a:1", "b:1", "c:1")
    assert [type(name.error) for name in seen] == [Denied, type(None), NotFound]
    assert str(seen[0].error) == "asking the registry for a:1: not you"


# In check mode


def test_what_a_run_would_not_get_check_mode_does_not_promise() -> None:
    denied, busy = Denied("not you", status=401), EngineError("busy", status=429)
    fake = Fake({"d:1": HERE}, {"a:1": denied, "b:1": NEW, "e:1": busy})
    names = ["a:1", "b:1", "c:1", "d:1", "e:1"]
    todo = plan(params(SPEC, name=names, pull="missing"), look(fake, *names, pull="missing"))
    assert not fake.asked("/distribution/"), "a run just tries"
    with pytest.raises(Denied, match=r"^2 of 5 images did not come: a:1 \(.*: not you\); c:1 \(") as failed:
        todo.rehearse(fake.engine)
    left = failed.value.outcome
    assert left is not None
    assert [str(action) for action in left.actions] == ["pull b:1", "pull e:1"]
    assert dict(left.after) == {**todo.before, "b:1": UNKNOWN, "e:1": UNKNOWN}


@pytest.mark.parametrize(("given", "podman"), [({"pull": "missing"}, True), ({"all_tags": True}, False)])
def test_what_cannot_be_asked_beforehand(given: Given, podman: bool) -> None:
    fake = Fake(podman=podman)
    todo = plan(params(SPEC, name=["app"], **given), [Found("app", Reference.parse("app"), {})])
    assert todo.actions
    todo.rehearse(fake.engine)
    assert not fake.calls


def test_tags_are_those_of_the_repository() -> None:
    with site(Shelf(**{"1": OLD, "2": NEW, "3": NEW})) as registry:
        name = registry.address + "/app"
        fake = Fake({name + ":v1": HERE, name + ":v2": HERE, name + ":local": HERE, name + "lication:v3": HERE})
        seen = look(fake, name, all_tags=True)
        tagged = [Reference.parse("%s:v%d" % (name, n)) for n in (1, 2, 3)]
        known = zip(tagged, [HERE, HERE, {}], [Remote(OLD), Remote(NEW), None])
        assert seen == [Found(str(one), one, {str(one): attrs}, remote) for one, attrs, remote in known]
        assert sorted(registry.asked()) == [
            "GET /v2/app/tags/list",
            "HEAD /v2/app/manifests/v1",
            "HEAD /v2/app/manifests/v2",
        ]
    assert fake.asked("/distribution/") == []


@pytest.mark.parametrize(
    ("names", "given", "says"),
    [
        (["a.example/x", "b.example/y"], {"registry_token": "t"}, r"of 2 \(a.example, b.example\): use a task"),
        (["a.example/x", "y"], {"registry_username": "u", "registry_password": "p"}, "use a task for each"),
        (["app:1"], {"all_tags": True}, "leave out what follows its name in app:1"),
        ([PINNED], {"all_tags": True}, "leave out"),
        (["app:"], {}, "the tag after"),
        (["App"], {}, "lower-case"),
    ],
)
def test_what_cannot_be(names: list[str], given: Given, says: str) -> None:
    fake = Fake()
    with pytest.raises(UsageError, match=says):
        look(fake, *names, **given)
    assert fake.calls == []


def test_credentials_are_for_several_names_of_one_registry() -> None:
    assert len(look(Fake(), "a.example/x", "a.example/y", registry_token="t")) == 2
    assert len(look(Fake(), "a.example/x", "b.example/y")) == 2


# What is done


class Hub:
    """Pulls by name: what the name then is here, or an error; and how often each was asked for."""

    def __init__(self, fake: Fake, **coming: Attrs | SlipwayError | list[Attrs | SlipwayError]) -> None:
        self.fake, self.asked = fake, Counter[str]()
        self.coming = {name: value if isinstance(value, list) else [value] for name, value in coming.items()}
        fake.on_pull = self.pull

    def pull(self, call: Call) -> Records:
        asked = dict(call.params)
        name, label = asked["fromImage"], asked["tag"]
        self.asked[name] += 1
        came = self.coming[name].pop(0)
        if isinstance(came, EngineError):
            return [{"status": "Pulling"}, {"errorDetail": {"message": str(came)}}]
        if isinstance(came, SlipwayError):
            raise came
        self.fake.name("%s%s%s" % (name, "@" if label.startswith("sha256:") else ":", label), came)
        return [{"status": "Digest: " + NEW}]


def run(fake: Fake, *names: str, **given: t.Any) -> dict[str, t.Any]:
    """What a task reports, as the runner has it, with the error at `failure`."""
    options = params(SPEC, name=list(names), **given)
    todo = plan(options, observe(fake.engine, options))
    try:
        outcome, failure = (apply(fake.engine, todo) if todo.actions else todo.foretold()), todo.failure
    except SlipwayError as error:
        outcome, failure = error.outcome, error
    return {**report(todo, outcome), "failure": failure}


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    made: list[float] = []
    bare = retry.persistently
    module = "ansible_collections.slipway.images.plugins.modules.image_pull.persistently"
    monkeypatch.setattr(module, lambda attempt, retries: bare(attempt, retries, made.append))
    return made


def test_what_differs_comes() -> None:
    fake = Fake({"app:1": HERE, "b:1": local("b", OLD, "b")}, {"app:1": NEW, "b:1": OLD})
    Hub(fake, app=local("new", NEW))
    done = run(fake, "b:1", "app:1", platform="linux/amd64")
    assert (done["changed"], done["actions"], done["failure"]) == (True, ["pull app:1 for linux/amd64"], None)
    assert done["diff"] == {
        "before": {"b:1": id_of("b"), "app:1": id_of("one")},
        "after": {"b:1": id_of("b"), "app:1": id_of("new")},
    }
    assert [attrs["Id"] for attrs in done["images"]] == [id_of("b"), id_of("new")]
    assert [call.params for call in fake.writes] == [[("fromImage", "app"), ("tag", "1"), ("platform", "linux/amd64")]]
    assert run(fake, "b:1", "app:1")["actions"] == []


def test_the_same_image_under_another_digest_is_no_change() -> None:
    fake = Fake({"app:1": HERE}, {"app:1": NEW})
    Hub(fake, app=local("one", NEW))
    done = run(fake, "app:1")
    assert (done["changed"], done["actions"]) == (False, ["pull app:1"])


def test_a_digest_decides_over_a_tag() -> None:
    fake = Fake()
    Hub(fake, app=local("one", OLD))
    done = run(fake, "app:1@" + OLD)
    assert done["changed"] and list(done["diff"]["after"]) == ["app:1@" + OLD]
    assert dict(fake.writes[0].params)["tag"] == OLD
    assert not run(fake, "app:1@" + OLD)["changed"]


def test_two_spellings_of_one_reference() -> None:
    fake = Fake({}, {"app:latest": NEW})
    hub = Hub(fake, app=local("new", NEW))
    done = run(fake, "app", "docker.io/library/app:latest")
    assert done["diff"]["after"] == dict.fromkeys(["app", "docker.io/library/app:latest"], id_of("new"))
    assert (done["actions"], hub.asked["app"]) == (["pull app:latest"], 1)


@pytest.mark.parametrize("parallel", [0, 1, 3])
def test_when_some_fail_the_others_come(parallel: int) -> None:
    fake = Fake({}, {"a:1": NEW, "b:1": NEW, "c:1": Denied("not you")})
    Hub(fake, a=EngineError("manifest for a not found"), b=local("b", NEW, "b"))
    done = run(fake, "a:1", "b:1", "c:1", parallel=parallel)
    assert (done["changed"], done["actions"]) == (True, ["pull b:1"])
    assert done["diff"]["after"] == {"a:1": "absent", "b:1": id_of("b"), "c:1": "absent"}
    asked, pulled = "asking the registry for c:1: not you", "pulling a:1: the engine said: manifest for a not found"
    assert str(done["failure"]) == f"2 of 3 images did not come: c:1 ({asked}); a:1 ({pulled})"
    assert sorted(done["failure"].facts["failed"]) == ["a:1", "c:1"]
    assert done["failure"].kind == "engine.denied"


def test_a_pull_that_ends_well_without_the_image_is_a_failure() -> None:
    fake = Fake({}, {"app:1": NEW})
    fake.on_pull = lambda _call: [{"status": "Digest: " + NEW}]
    done = run(fake, "app:1")
    assert (done["changed"], done["actions"], done["image"]) == (False, [], {})
    assert str(done["failure"]) == "app:1 was pulled, and yet the engine does not have it"


def hollow(word: str) -> Attrs:
    return local(word, NEW, Os="", Architecture="", RootFS={}, Manifests=[{"Available": False}])


TORN = (
    "the engine has app:1 without the content of its layers, for it had unpacked them before, from an archive or a "
    "build; remove it and the images with the same layers, then pull again"
)


@pytest.mark.parametrize("given", [{}, {"platform": "linux/amd64"}])
def test_an_image_that_comes_without_its_layers_is_a_failure(given: Given) -> None:
    fake = Fake({}, {"app:1": NEW}, api=(1, 48))
    Hub(fake, app=hollow("new"))
    done = run(fake, "app:1", **given)
    assert (str(done["failure"]), done["failure"].kind, done["failure"].facts) == (TORN, "engine", {"name": "app:1"})
    assert (done["changed"], done["actions"]) == (True, [])


@pytest.mark.parametrize("pull", ["always", "missing", "never"])
def test_nor_is_it_any_good_the_next_time(pull: str) -> None:
    fake = Fake({"app:1": hollow("new")}, {"app:1": NEW}, api=(1, 48))
    done = run(fake, "app:1", pull=pull)
    assert str(done["failure"]) == TORN and not fake.writes
    fake.registry["app:1"] = OLD
    Hub(fake, app=local("old", OLD))
    assert run(fake, "app:1")["failure"] is None, "the tag has moved on to a whole one"


def test_a_registry_that_refuses_is_heard_first() -> None:
    seen = Found("app:1", APP, {"app:1": hollow("new")}, error=Denied("not you"), hollow=True)
    assert str(plan(params(SPEC, name=["app:1"]), [seen]).failure) == "not you"


def test_an_image_for_another_platform_is_a_failure_and_a_change() -> None:
    fake = Fake({"app:1": HERE}, {"app:1": NEW})
    Hub(fake, app=local("new", NEW))
    done = run(fake, "app:1", platform="linux/arm/v7")
    assert str(done["failure"]) == "app:1 came for linux/amd64; there is none for linux/arm/v7"
    assert (done["changed"], done["actions"]) == (True, [])
    assert done["diff"]["after"] == {"app:1": id_of("new")} and done["image"]["Id"] == id_of("new")


def test_an_image_that_goes_while_its_pull_fails() -> None:
    fake = Fake({"app:1": HERE}, {"app:1": NEW})

    def pull(_call: Call) -> Records:
        fake.images.clear()
        return [{"errorDetail": {"message": "no space left on device"}}]

    fake.on_pull = pull
    done = run(fake, "app:1")
    assert done["changed"] and done["diff"]["after"] == {"app:1": "absent"} and done["image"] == {}


def test_all_tags_that_break_off_leave_some_behind() -> None:
    fake = Fake({NOWHERE + ":1": HERE})

    def pull(call: Call) -> Records:
        assert call.params == [("fromImage", NOWHERE), ("tag", "")]
        fake.name(NOWHERE + ":2", image("two"))
        return [{"errorDetail": {"message": "no space left on device"}}]

    fake.on_pull = pull
    done = run(fake, NOWHERE, all_tags=True)
    assert isinstance(done["failure"], StreamError)
    assert str(done["failure"]) == "pulling %s: the engine said: no space left on device" % NOWHERE
    assert done["changed"]
    assert done["diff"]["after"] == {NOWHERE + ":1": id_of("one"), NOWHERE + ":2": id_of("two")}


def test_of_all_tags_those_come_that_differ() -> None:
    with site(Shelf(**{"1": OLD, "2": NEW})) as registry:
        name = registry.address + "/app"
        fake = Fake({name + ":v1": local("one", OLD, name)})
        Hub(fake, **{name: local("two", NEW, name)})
        done = run(fake, name, all_tags=True)
        assert (done["changed"], done["actions"], done["failure"]) == (True, ["pull %s:v2" % name], None)
        assert done["diff"]["after"] == {name + ":v1": id_of("one"), name + ":v2": id_of("two")}
        assert run(fake, name, all_tags=True)["actions"] == []


def test_all_tags_that_are_here() -> None:
    fake = Fake({NOWHERE + ":1": HERE})
    done = run(fake, NOWHERE, all_tags=True)
    assert (done["changed"], done["actions"]) == (False, ["pull all tags of " + NOWHERE])
    assert list(done["ansible_facts"]["slipway_images"]) == [NOWHERE + ":1"]


def test_all_of_no_tags() -> None:
    assert "does not have it" in str(run(Fake(), NOWHERE, all_tags=True)["failure"])


def test_what_may_pass_is_tried_again(pauses: list[float]) -> None:
    fake = Fake({}, dict.fromkeys(["a:1", "b:1", "c:1"], NEW))
    busy, lost = EngineError("toomanyrequests"), TransportError("lost")
    hub = Hub(
        fake,
        a=[busy, lost, local("a", NEW)],
        b=[EngineError("unauthorized: log in")],
        c=[lost, EngineError("no space left on device")],
    )
    done = run(fake, "a:1", "b:1", "c:1", retries=3, parallel=1)
    assert hub.asked == {"a": 3, "b": 1, "c": 2}
    assert done["actions"] == ["pull a:1"]
    assert list(done["failure"].facts["failed"]) == ["b:1", "c:1"]
    assert pauses == [1, 2, 1]


def test_the_registry_is_asked_again(pauses: list[float]) -> None:
    fake = Fake({}, {"app:1": EngineError("busy", status=429, said="too many requests")})
    (seen,) = look(fake, "app:1", retries=2)
    assert len(fake.asked("/distribution/")) == 3 and pauses == [1, 2]
    assert isinstance(seen.error, EngineError)


def test_an_engine_that_goes_away_meanwhile() -> None:
    fake = Fake({"app:1": HERE}, {"app:1": NEW})
    lost = TransportError("lost")
    Hub(fake, app=[lost])
    todo = plan(params(SPEC, name=["app:1"]), look(fake, "app:1"))

    def gone(_name: str) -> Attrs:
        raise TransportError("gone")

    fake.find = gone  # type: ignore[method-assign, assignment]
    with pytest.raises(TransportError, match="lost") as failed:
        apply(fake.engine, todo)
    assert failed.value is lost
    assert lost.outcome.after == todo.before
