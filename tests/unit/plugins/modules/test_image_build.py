# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
import json
import os
import tarfile
import typing as t
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.disk import stamps, tree
from ansible_collections.slipway.images.plugins.module_utils.disk.buildrecord import BuildRecord
from ansible_collections.slipway.images.plugins.module_utils.errors import (
    BuildError,
    Denied,
    EngineError,
    NotFound,
    SlipwayError,
    StreamError,
    UsageError,
)
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference
from ansible_collections.slipway.images.plugins.module_utils.task.plan import Outcome, Plan
from ansible_collections.slipway.images.plugins.module_utils.task.run import report
from ansible_collections.slipway.images.plugins.modules.image_build import (
    SPEC,
    UNKNOWN,
    Seen,
    Tag,
    apply,
    observe,
    plan,
)
from ansible_collections.slipway.images.tests.support.fake import Attrs, Call, Fake, Records, id_of, image, params

BASE = "alpine:3"
CONDUCT = ("t", "version", "pull", "nocache", "rm", "forcerm", "cachefrom")
Given = dict[str, t.Any]


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))


@pytest.fixture
def context(tmp_path: Path) -> Path:
    path = tmp_path / "app"
    path.mkdir()
    (path / "Dockerfile").write_text("FROM alpine:3\nCOPY . /app\n")
    (path / ".dockerignore").write_text("*.log")
    (path / "main.py").write_text("one")
    return path


@pytest.fixture
def fake() -> Fake:
    """With a builder for which the same is the same: the id comes of the query and the context."""
    fake = Fake(images={BASE: image("alpine")}, registry={BASE: id_of("alpine in the registry")})

    def build(call: Call) -> Records:
        went_in = [(key, value) for key, value in call.params if key not in CONDUCT]
        built = image(repr((went_in, call.body, [fake.images.get(BASE)])))
        for key, name in call.params:
            if key == "t":
                fake.name(name, built)
        return [{"stream": "Step 1/1 : FROM %s" % BASE}, {"aux": {"ID": built["Id"]}}]

    fake.on_build = build
    return fake


def planned(fake: Fake, given: t.Mapping[str, t.Any]) -> tuple[Plan, list[str]]:
    options = params(SPEC, **given)
    before = len(fake.writes)
    todo = plan(options, observe(fake.engine, options))
    assert len(fake.writes) == before, "observing changes nothing"
    return todo, [str(action) for action in todo.actions]


def run(fake: Fake, given: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """What a task reports, as the runner has it."""
    todo, _said = planned(fake, given)
    return report(todo, apply(fake.engine, todo) if todo.actions else todo.foretold())


def kept(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache/slipway-images/builds").glob("*"))


# What a build asks of the engine


def test_it_builds_what_it_was_told_to(fake: Fake, context: Path) -> None:
    done = run(
        fake,
        {
            "name": "shop/app",
            "tag": "1.4",
            "tags": ["registry.example.com/app:latest", "shop/app:1.4"],
            "path": str(context),
            "args": {"A": 1, "B": True, "C": None, "D": "x=y"},
            "labels": {"on": True, "empty": None},
            "target": "site",
            "platform": ["arm64"],
            "pull": True,
            "nocache": True,
            "rm": False,
            "network": "none",
            "extra_hosts": {"db": "192.0.2.1", "six": "::1"},
            "shm_size": "64m",
            "ulimits": ["nofile:512:1024", "core=0"],
            "limits": {"memory": "1g", "memswap": "-1", "cpushares": 0, "cpusetcpus": "0,1"},
            "cache_from": ["a:1", "b"],
            "squash": True,
            "isolation": "default",
        },
    )
    (call,) = fake.writes
    asked: dict[str, list[str]] = {}
    for key, value in call.params:
        asked.setdefault(key, []).append(value)
    structured = {key: json.loads(asked.pop(key)[0]) for key in ("buildargs", "labels", "ulimits", "cachefrom")}
    assert structured == {
        "buildargs": {"A": "1", "B": "true", "C": None, "D": "x=y"},
        "labels": {"on": "true", "empty": ""},
        "ulimits": [{"Name": "nofile", "Soft": 512, "Hard": 1024}, {"Name": "core", "Soft": 0, "Hard": 0}],
        "cachefrom": ["a:1", "b"],
    }
    assert asked == {
        "t": ["shop/app:1.4", "registry.example.com/app:latest"],
        "dockerfile": ["Dockerfile"],
        "version": ["1"],
        "target": ["site"],
        "platform": ["linux/arm64"],
        "pull": ["1"],
        "nocache": ["1"],
        "rm": ["0"],
        "forcerm": ["1"],
        "networkmode": ["none"],
        "extrahosts": ["db:192.0.2.1", "six:::1"],
        "shmsize": [str(64 << 20)],
        "memory": [str(1 << 30)],
        "memswap": ["-1"],
        "cpushares": ["0"],
        "cpusetcpus": ["0,1"],
        "squash": ["1"],
        "isolation": ["default"],
    }
    assert b"main.py" in call.body
    assert done["actions"] == ["build shop/app:1.4 (it is not there yet)"]
    assert done["changed"] and done["image"]["Id"] == done["build"]["id"]
    assert list(done["ansible_facts"]["slipway_images"]) == ["shop/app:1.4", "registry.example.com/app:latest"]


def test_proxies_of_the_configuration_give_way_to_arguments(fake: Fake, tmp_path: Path) -> None:
    (tmp_path / "docker").mkdir()
    proxies = {"httpProxy": "http://p", "noProxy": "local"}
    (tmp_path / "docker/config.json").write_text(json.dumps({"proxies": {"default": proxies}}))
    given = {"name": "app", "dockerfile_inline": "FROM scratch", "args": {"HTTP_PROXY": None}}
    run(fake, given)
    assert json.loads(dict(fake.writes[-1].params)["buildargs"]) == {
        "HTTP_PROXY": None,
        "http_proxy": "http://p",
        "NO_PROXY": "local",
        "no_proxy": "local",
    }
    run(fake, {**given, "name": "other", "use_config_proxy": False})
    assert json.loads(dict(fake.writes[-1].params)["buildargs"]) == {"HTTP_PROXY": None}


def test_a_url_is_for_the_engine_and_always_asked(fake: Fake, tmp_path: Path) -> None:
    given = {"name": "app:1", "url": "https://example.com/app.git#main:sub", "dockerfile": "docker/Dockerfile"}
    assert run(fake, given)["actions"] == ["build app:1 (it is not there yet)"]
    (call,) = fake.writes
    assert {"remote": given["url"], "dockerfile": given["dockerfile"]}.items() <= dict(call.params).items()
    assert call.body == b"" and kept(tmp_path) == []
    again = run(fake, given)
    assert again["actions"] == ["build app:1 (what is fetched by option url may have changed)"]
    assert not again["changed"]


@pytest.mark.parametrize("option", ["path", "archive"])
def test_an_empty_path_is_a_mistake(fake: Fake, option: str) -> None:
    with pytest.raises(UsageError):
        planned(fake, {"name": "app", option: ""})


def test_an_empty_url_is_the_engines_to_refuse(fake: Fake) -> None:
    assert planned(fake, {"name": "app", "url": ""})[1] == ["build app:latest (it is not there yet)"]


# What is a change, and what is none

FULL: Given = {
    "name": "app:1",
    "args": {"A": "1"},
    "labels": {"l": "1", "m": "2"},
    "limits": {"memory": "1g", "memswap": None, "cpushares": None, "cpusetcpus": None},
    "ulimits": ["nofile:1"],
}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"args": {"A": "2"}}, "argument A"),
        ({"args": {"A": None}}, "argument A"),
        ({"args": {}}, "argument A"),
        ({"args": {"A": ""}}, "argument A"),
        ({"args": {"A": "1", "B": False}}, "argument B"),
        ({"args": {"A": "1", "HTTP_PROXY": "http://mine"}}, "argument HTTP_PROXY"),
        ({"args": {"B": None}}, "argument A, argument B"),
        ({"labels": {"l": "1"}}, "option labels"),
        ({"labels": {}}, "option labels"),
        ({"target": "site"}, "option target"),
        ({"platform": ["arm64"]}, "option platform"),
        ({"network": "none"}, "option networkmode"),
        ({"extra_hosts": {"a": "::1"}}, "option extrahosts"),
        ({"shm_size": "1m"}, "option shmsize"),
        ({"ulimits": ["nofile:2"]}, "option ulimits"),
        ({"ulimits": []}, "option ulimits"),
        ({"limits": {"memory": "2g"}}, "option memory"),
        ({"limits": {"memory": "1g", "memswap": "-1"}}, "option memswap"),
        ({"limits": {"memory": "1g", "cpushares": 2}}, "option cpushares"),
        ({"limits": {"memory": "1g", "cpusetcpus": "0"}}, "option cpusetcpus"),
        ({"limits": None}, "option memory"),
        ({"squash": True}, "option squash"),
        ({"isolation": "hyperv"}, "option isolation"),
        ({"dockerfile": "Other"}, "Dockerfile"),
        ({"path": None, "dockerfile_inline": "FROM alpine:3"}, "Dockerfile, context"),
    ],
)
def test_a_change(fake: Fake, context: Path, change: Given, reason: str) -> None:
    (context / "Other").write_text("FROM alpine:3\n")
    given = {**FULL, "path": str(context)}
    run(fake, given)
    assert planned(fake, given)[1] == []
    todo, said = planned(fake, {**given, **change})
    assert said == ["build app:1 (%s changed)" % reason]
    assert (todo.before, todo.after) == ({"app:1": fake.images["app:1"]["Id"]}, {"app:1": UNKNOWN})


@pytest.mark.parametrize(
    "change",
    [
        {"args": {"A": 1}},
        {"labels": {"m": 2, "l": "1"}},
        {"limits": {"memory": "1024m"}},
        {"ulimits": ["nofile=1:1"]},
        {"name": "app", "tag": "1"},
        {"name": "docker.io/library/app:1"},
        {"pull": False},
        {"nocache": True},
        {"rm": False},
        {"forcerm": False},
        {"cache_from": ["other"]},
        {"use_config_proxy": False},
        {"log_limit": 1},
        {"dockerfile": "Dockerfile"},
        {"rebuild": "never"},
    ],
)
def test_no_change(fake: Fake, context: Path, tmp_path: Path, change: Given) -> None:
    given = {**FULL, "path": str(context)}
    run(fake, given)
    asked = len(fake.writes)
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker/config.json").write_text('{"proxies": {"default": {"httpProxy": "http://p"}}}')
    (context / "noise.log").write_text("ignored")
    os.utime(context / "main.py", (1, 1))
    done = run(fake, {**given, **change})
    assert (done["changed"], done["actions"], done["build"]) == (False, [], {})
    assert done["image"]["Id"] == fake.images["app:1"]["Id"]
    assert len(fake.writes) == asked


def test_a_file_of_the_context_is_a_change(fake: Fake, context: Path) -> None:
    given = {"name": "app:1", "path": str(context)}
    first = run(fake, given)
    (context / "main.py").write_text("two")
    second = run(fake, given)
    assert second["actions"] == ["build app:1 (context changed)"] and second["changed"]
    assert second["diff"] == {
        "before": {"app:1": first["image"]["Id"]},
        "after": {"app:1": second["image"]["Id"]},
        "prepared": "main.py modified\n",
    }
    (context / "main.py").chmod(0o755)
    assert planned(fake, given)[1] == ["build app:1 (context changed)"]


def test_another_dockerfile_of_the_same_tar_is_a_change(fake: Fake, context: Path, tmp_path: Path) -> None:
    (context / "Other").write_text("FROM alpine:3\n")
    with tarfile.open(tmp_path / "context.tar", "w") as tar:
        tar.add(context, ".")
    given = {"name": "app:1", "archive": str(tmp_path / "context.tar")}
    run(fake, given)
    assert planned(fake, given)[1] == []
    assert planned(fake, {**given, "dockerfile": "Other"})[1] == ["build app:1 (Dockerfile changed)"]


def test_the_builder_may_find_that_nothing_changed(fake: Fake, context: Path) -> None:
    given = {"name": "app:1", "path": str(context)}
    run(fake, given)
    done = run(fake, {**given, "rebuild": "always"})
    assert (done["changed"], done["actions"]) == (False, ["build app:1 (rebuild is always)"])
    assert done["build"]["id"] == done["image"]["Id"]


# Names


def test_a_name_more_is_a_tag(fake: Fake, context: Path) -> None:
    given = {"name": "app:1", "path": str(context)}
    built = run(fake, given)["image"]["Id"]
    done = run(fake, {**given, "tags": ["app:latest"]})
    assert done["actions"] == ["tag %s, which is built already, as app:latest" % built[7:19]]
    assert done["diff"]["before"] == {"app:1": built, "app:latest": "absent"}
    assert done["diff"]["after"] == {"app:1": built, "app:latest": built}
    assert done["build"] == {}
    assert planned(fake, {**given, "tags": ["app:latest"]})[1] == []


def test_a_name_moved_by_another_hand_is_moved_back(fake: Fake, context: Path) -> None:
    given = {"name": "app:1", "path": str(context)}
    built = run(fake, given)["image"]["Id"]
    fake.name("app:1", image("foreign"))
    todo, _said = planned(fake, given)
    assert todo.actions == (Tag(built, Reference.parse("app:1"), "which is built already"),)
    assert report(todo, apply(fake.engine, todo))["diff"] == {
        "before": {"app:1": id_of("foreign")},
        "after": {"app:1": built},
    }


@pytest.mark.parametrize(
    ("now", "reason"),
    [({}, "it is not there yet"), ({"app:1": image("foreign")}, "no record of what it was built of")],
)
def test_an_image_that_is_gone_is_built(fake: Fake, context: Path, now: dict[str, Attrs], reason: str) -> None:
    given = {"name": "app:1", "path": str(context)}
    run(fake, given)
    fake.images, fake.nameless = {BASE: fake.images[BASE], **now}, []
    assert planned(fake, given)[1] == ["build app:1 (%s)" % reason]


def test_an_image_that_goes_between_plan_and_run_is_a_failure(fake: Fake, context: Path) -> None:
    given = {"name": "app:1", "path": str(context), "tags": ["app:2", "app:3"]}
    run(fake, given)
    built = fake.images["app:1"]
    del fake.images["app:2"], fake.images["app:3"]
    todo, said = planned(fake, given)
    assert len(said) == 2
    fake.images.clear()
    with pytest.raises(NotFound) as gone:
        apply(fake.engine, todo)
    assert gone.value.outcome is None
    # The first tag succeeds, and then the image goes.
    fake.images["app:1"] = built
    post = fake._post

    def once(call: Call) -> t.Any:
        if ("tag", "3") in call.params:
            fake.images = {"app:2": built}
            raise NotFound("No such image", status=404)
        return post(call)

    fake._post = once  # type: ignore[method-assign]
    with pytest.raises(NotFound) as half:
        apply(fake.engine, todo)
    told = report(todo, half.value.outcome)
    assert told["changed"] and told["actions"] == said[:1]
    assert told["diff"]["after"] == {"app:1": "absent", "app:2": built["Id"], "app:3": "absent"}


# `rebuild`

HERE = {"app:1": image("one")}
MOVED = {"app:1": image("other")}


def seen(fake: Fake, given: Given, **more: t.Any) -> tuple[Given, Seen]:
    options = params(SPEC, name="app:1", dockerfile_inline="FROM scratch", **given)
    return options, Seen(**{"here": HERE, "build": observe(fake.engine, options).build, **more})


@pytest.mark.parametrize(
    ("rebuild", "here", "record", "changed", "said"),
    [
        ("changed", HERE, True, (), []),
        ("changed", HERE, True, ("a", "context"), ["build app:1 (a, context changed)"]),
        ("changed", HERE, False, (), ["build app:1 (no record of what it was built of)"]),
        ("changed", {"app:1": {}}, False, (), ["build app:1 (it is not there yet)"]),
        ("changed", {"app:1": {}}, True, ("context",), ["build app:1 (context changed)"]),
        ("changed", MOVED, True, (), ["tag %s, which is built already, as app:1" % id_of("one")[7:19]]),
        ("always", HERE, False, (), ["build app:1 (rebuild is always)"]),
        ("always", {"app:1": {}}, False, (), ["build app:1 (it is not there yet)"]),
        ("never", HERE, False, (), []),
        ("never", MOVED, False, (), []),
        ("never", {"app:1": {}}, False, (), ["build app:1 (it is not there yet)"]),
    ],
)
def test_when_to_build(
    fake: Fake, rebuild: str, here: dict[str, Attrs], record: bool, changed: tuple[str, ...], said: list[str]
) -> None:
    known = BuildRecord(id_of("one"), {}) if record else None
    todo = plan(*seen(fake, {"rebuild": rebuild}, here=here, record=known, changed=changed))
    assert [str(action) for action in todo.actions] == said
    before = here["app:1"].get("Id", "absent")
    after = before if not said else id_of("one") if said[0].startswith("tag") else UNKNOWN
    assert (todo.before, todo.after) == ({"app:1": before}, {"app:1": after})
    assert (todo.images, todo.results) == (here, {"build": {}})


def test_one_name_of_two_is_missing(fake: Fake) -> None:
    here = {**HERE, "app:2": {}}
    options, what = seen(fake, {"rebuild": "never", "tags": ["app:2"]}, here=here)
    assert [str(action) for action in plan(options, what).actions] == ["build app:1 (it is not there yet)"]


# Base images


def test_a_base_image_that_moved_is_a_change(fake: Fake, context: Path) -> None:
    given = {"name": "app:1", "path": str(context)}
    run(fake, given)
    former = fake.images[BASE]
    fake.name(BASE, image("newer"))
    assert planned(fake, given)[1] == ["build app:1 (base image alpine:3 changed)"]
    del fake.images[BASE]  # what is not here cannot be told to have changed
    assert planned(fake, given)[1] == []
    fake.images[BASE] = former
    assert planned(fake, given)[1] == []


def test_a_base_image_that_the_builder_brings_is_recorded(fake: Fake, context: Path) -> None:
    given = {"name": "app:1", "path": str(context)}
    built = fake.on_build
    del fake.images[BASE]

    def bring(call: Call) -> Records:
        fake.name(BASE, image("brought"))
        return built(call)

    fake.on_build = bring
    run(fake, given)
    assert planned(fake, given)[1] == []
    fake.name(BASE, image("newer"))
    assert planned(fake, given)[1] == ["build app:1 (base image alpine:3 changed)"]


def test_a_base_image_that_moves_while_it_is_built_on_is_a_change(fake: Fake, context: Path) -> None:
    given = {"name": "app:1", "path": str(context)}
    built = fake.on_build

    def meanwhile(call: Call) -> Records:
        records = built(call)
        fake.name(BASE, image("by another play"))
        return records

    fake.on_build = meanwhile
    run(fake, given)
    assert planned(fake, given)[1] == ["build app:1 (base image alpine:3 changed)"]


def test_an_image_built_on_its_own_former_self_is_built_once(fake: Fake) -> None:
    fake.images["app:1"] = image("by hand")
    given = {"name": "app:1", "dockerfile_inline": "FROM app:1\nRUN more"}
    assert run(fake, given)["changed"]
    assert planned(fake, given)[1] == []


def test_with_pull_the_registry_decides(fake: Fake, context: Path) -> None:
    given = {"name": "app:1", "path": str(context), "pull": True}
    run(fake, given)
    assert planned(fake, given)[1] == []
    fake.registry[BASE] = id_of("newer in the registry")
    assert planned(fake, given)[1] == ["build app:1 (registry's alpine:3 changed)"]
    assert planned(fake, {**given, "pull": False})[1] == []
    fake.registry[BASE] = Denied("no")
    with pytest.raises(Denied):
        planned(fake, given)


def test_who_never_rebuilds_asks_no_registry(fake: Fake, context: Path) -> None:
    fake.images["app:1"] = image("one")
    fake.registry.clear()
    assert planned(fake, {"name": "app:1", "path": str(context), "pull": True, "rebuild": "never"})[1] == []
    assert fake.asked("/distribution/") == []


def test_an_engine_that_cannot_ask_registries(fake: Fake, context: Path) -> None:
    fake.podman = True
    given = {"name": "app:1", "path": str(context), "pull": True}
    run(fake, given)
    assert planned(fake, given)[1] == []


def test_base_images_are_those_that_the_target_needs(fake: Fake) -> None:
    given = {"name": "app", "dockerfile_inline": "ARG V=1\nFROM a:$V AS one\nFROM b", "args": {"V": "2"}}
    for target, bases in (("one", ["a:2"]), (None, ["a:2", "b:latest"])):
        build = observe(fake.engine, params(SPEC, target=target, **given)).build
        assert [str(base) for base in build.bases] == bases


def test_what_is_no_name_of_an_image_is_no_base(fake: Fake) -> None:
    text = "FROM scratch AS a\nFROM %s AS b\nFROM Bad:Name:x AS c\nFROM alpine@%s" % (id_of("x"), id_of("pinned"))
    given = params(SPEC, name="app", dockerfile_inline=text, pull=True)
    assert [str(base) for base in observe(fake.engine, given).build.bases] == ["alpine@" + id_of("pinned")]
    assert fake.asked("/distribution/") == []  # pinned


# Records


@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda _data: b"", lambda data: data + b"x"])
def test_a_damaged_record_is_none(
    fake: Fake, context: Path, tmp_path: Path, damage: t.Callable[[bytes], bytes]
) -> None:
    given = {"name": "app:1", "path": str(context)}
    run(fake, given)
    (record,) = kept(tmp_path)
    record.write_bytes(damage(record.read_bytes()))
    done = run(fake, given)
    assert (done["changed"], done["actions"]) == (False, ["build app:1 (no record of what it was built of)"])
    assert planned(fake, given)[1] == []


def test_a_file_that_was_touched_only_is_read_once(fake: Fake, context: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (context / "more.py").write_text("x")
    given = {"name": "app:1", "path": str(context)}
    read: list[str] = []
    content = tree.content
    monkeypatch.setattr(tree, "content", lambda root, entry: (read.append(entry.path), content(root, entry))[1])
    monkeypatch.setattr(stamps, "YOUNG", -(10**18))  # nothing is
    run(fake, given)
    for touched in ([], ["main.py"]):
        for name in touched:
            os.utime(context / name, (1, 1))
        read.clear()
        assert planned(fake, given)[1] == [] and read == touched
        read.clear()
        assert planned(fake, given)[1] == [] and read == []


def test_what_changed_is_told(fake: Fake, context: Path) -> None:
    args = {"VERSION": "1.2", "URL": "https://u:p@h", "TOKEN": "t0ken", "GONE": "x", "OFF": None}
    given = {"name": "app:1", "path": str(context), "args": args, "labels": {"a": "1", "b": "2"}, "target": "one"}
    run(fake, given)
    (context / "main.py").write_text("two")
    (context / "new.py").write_text("")
    (context / "Dockerfile").write_text("FROM alpine:3\nCOPY . /\n")
    fake.name(BASE, image("newer"))
    other = {"VERSION": "1.3", "URL": "https://u:q@h", "TOKEN": "s3cret", "NEW": "", "OFF": "on"}
    todo, _said = planned(fake, {**given, "args": other, "labels": {"b": "3"}, "target": None, "platform": ["arm64"]})
    diff = report(todo, todo.foretold())["diff"]
    assert diff.keys() == {"before", "after", "prepared"}
    assert diff["prepared"].splitlines() == [
        "Dockerfile modified",
        "argument GONE x -> absent",
        'argument NEW absent -> ""',
        "argument OFF unset -> on",
        "argument TOKEN changed",
        "argument URL changed",
        "argument VERSION 1.2 -> 1.3",
        "base image alpine:3 %s -> %s" % (id_of("alpine")[7:19], id_of("newer")[7:19]),
        "label a 1 -> absent",
        "label b 2 -> 3",
        "option platform absent -> linux/arm64",
        "option target one -> absent",
        "main.py modified",
        "new.py added",
    ]


def test_a_record_is_forgotten_when_somebody_built_without_one(fake: Fake, context: Path, tmp_path: Path) -> None:
    """Else the name would be moved back to what it was before."""
    given = {"name": "app:1", "path": str(context)}
    run(fake, given)
    run(fake, {**given, "rebuild": "always"})
    assert kept(tmp_path) == []


def test_where_no_record_can_be_kept_there_is_a_warning(fake: Fake, context: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("in the way")
    given = {"name": "app:1", "path": str(context)}
    assert run(fake, given)["changed"]
    (warning,) = fake.warnings
    assert warning.startswith("cannot keep a record of this build in %s" % tmp_path)
    assert planned(fake, given)[1] == ["build app:1 (no record of what it was built of)"]


def test_a_record_is_of_one_engine_and_name(fake: Fake, context: Path, tmp_path: Path) -> None:
    given = {"name": "app:1", "path": str(context)}
    run(fake, given)
    run(fake, {**given, "name": "app:2"})
    fake.address = "tcp://other:2375"
    assert planned(fake, given)[1] == ["build app:1 (no record of what it was built of)"]
    run(fake, given)
    assert len(kept(tmp_path)) == 3


# Failures


def failing(*records: dict[str, t.Any]) -> t.Callable[[Call], Records]:
    return lambda _call: [{"stream": "Step 1/2 : FROM alpine:3"}, *records]


@pytest.mark.parametrize(
    ("records", "kind", "says"),
    [
        ([{"errorDetail": {"message": "boom"}}], BuildError, "step 1/2 (Dockerfile:1) FROM alpine:3: boom"),
        ([], StreamError, "broke off"),
    ],
)
def test_a_build_that_fails_leaves_all_as_it_was(
    fake: Fake, context: Path, tmp_path: Path, records: Records, kind: type[SlipwayError], says: str
) -> None:
    given = {"name": "app:1", "path": str(context)}
    run(fake, given)
    before = [path.read_bytes() for path in kept(tmp_path)]
    (context / "main.py").write_text("broken")
    fake.on_build = failing(*records)
    with pytest.raises(kind) as failed:
        run(fake, given)
    assert says in str(failed.value) and failed.value.outcome is None
    assert failed.value.results["build"]["id"] == ""
    assert [path.read_bytes() for path in kept(tmp_path)] == before
    (context / "main.py").write_text("one")
    assert planned(fake, given)[1] == []


@pytest.mark.parametrize(
    ("dockerfile", "said"),
    [
        ({}, "Dockerfile"),
        ({"dockerfile": "docker/../Dockerfile"}, "docker/../Dockerfile"),
        ({"dockerfile": "{outside}"}, "{outside}"),
        ({"dockerfile_inline": "FROM alpine:3\n"}, "dockerfile_inline"),
    ],
)
def test_a_failure_calls_the_dockerfile_as_the_task_does(
    fake: Fake, context: Path, tmp_path: Path, dockerfile: dict[str, str], said: str
) -> None:
    (context / "docker").mkdir()
    outside = tmp_path / "Dockerfile.elsewhere"
    outside.write_text("FROM alpine:3\n")
    given = {option: text.format(outside=outside) for option, text in dockerfile.items()}
    fake.on_build = failing({"errorDetail": {"message": "boom"}})
    with pytest.raises(BuildError) as failed:
        run(fake, {"name": "app:1", "path": str(context), **given})
    assert str(failed.value) == f"step 1/2 ({said.format(outside=outside)}:1) FROM alpine:3: boom"


def test_what_the_engine_refuses_at_once(fake: Fake) -> None:
    def refuse(status: int) -> t.Callable[[Call], Records]:
        def build(_call: Call) -> Records:
            raise EngineError("refused", status=status, said="dockerfile parse error line 2: no hunter22")

        return build

    given = {"name": "app", "dockerfile_inline": "FROM scratch\nX", "args": {"TOKEN": "hunter22"}}
    fake.on_build = refuse(400)
    with pytest.raises(BuildError, match=r"before its first step: .* no \*\*\*$") as failed:
        run(fake, given)
    assert failed.value.facts["line"] == 2
    fake.on_build = refuse(500)
    with pytest.raises(EngineError, match="refused"):
        run(fake, given)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"name": "app@" + id_of("x")}, "leave it out"),
        ({"name": "app", "tags": ["app@" + id_of("x")]}, "leave it out"),
        ({"name": id_of("x")}, "image id"),
        ({"name": "app", "tags": [""]}, "empty"),
        ({"name": "app", "ulimits": ["nofile:"]}, "not a ulimit"),
        ({"name": "app", "shm_size": "big"}, "not a size"),
        ({"name": "app", "platform": ["linux/z80"]}, "not an architecture"),
    ],
)
def test_what_cannot_be(fake: Fake, given: Given, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        planned(fake, {"dockerfile_inline": "FROM scratch", **given})


def test_less_than_no_lines_of_log_are_none(fake: Fake) -> None:
    given = {"name": "app", "dockerfile_inline": "FROM scratch", "log_limit": -1}
    assert run(fake, given)["build"]["steps"][0]["output"] == []


def test_who_always_asks_keeps_no_record(fake: Fake, context: Path, tmp_path: Path) -> None:
    given = {"name": "app", "path": str(context)}
    run(fake, {**given, "rebuild": "always"})
    assert kept(tmp_path) == []
    assert planned(fake, given)[1] == ["build app:latest (no record of what it was built of)"]
    run(fake, {**given, "rebuild": "never", "tags": ["other"]})
    assert len(kept(tmp_path)) == 1


# Builders


def test_another_builder_is_a_change(fake: Fake) -> None:
    given = {"name": "app", "dockerfile_inline": "FROM scratch"}
    run(fake, given)
    assert planned(fake, {**given, "builder": "buildkit"})[1] == ["build app:latest (option builder changed)"]


def test_which_builder_built_is_no_input_when_it_may_be_any(fake: Fake) -> None:
    """`h2` was installed since, or the engine updated; but arguments that only BuildKit sets are worth a build."""
    fake.api = (1, 41)
    for text, said in (
        ("FROM scratch", []),
        ("FROM scratch\nARG TARGETARCH", ["build app:latest (option builder changed)"]),
    ):
        given = {"name": "app", "dockerfile_inline": text}
        fake.builder = "1"
        run(fake, given)
        fake.builder = "2"
        assert planned(fake, given)[1] == said
        assert planned(fake, {**given, "builder": "classic"})[1] == []


# Files


def test_files_need_no_name(fake: Fake, tmp_path: Path) -> None:
    fake.builder = "2"
    given: Given = {"dockerfile_inline": "FROM scratch", "outputs": [{"type": "tar", "dest": str(tmp_path / "x")}]}
    todo, said = planned(fake, given)
    assert said == ["build %s (it is not there yet)" % (tmp_path / "x")]
    assert (todo.before, todo.after) == ({str(tmp_path / "x"): "absent"}, {str(tmp_path / "x"): UNKNOWN})
    assert planned(fake, {**given, "rebuild": "never"})[1] == said
    (tmp_path / "x").write_text("there")
    todo, said = planned(fake, given)
    assert said == ["build %s (no record of what it was built of)" % (tmp_path / "x")]
    assert todo.before == {str(tmp_path / "x"): "sha256:" + hashlib.sha256(b"there").hexdigest()}
    assert planned(fake, {**given, "rebuild": "never"})[1] == []
    with pytest.raises(UsageError, match="name is missing"):
        planned(fake, {"dockerfile_inline": "FROM scratch", "outputs": [{"type": "image", "dest": None}]})


# Secrets


def test_a_secret_is_nowhere(fake: Fake, tmp_path: Path) -> None:
    """Nowhere but in the attrs, where the classic builder writes it: there the runner hides what `SPEC` says."""
    attrs = image("secret", ContainerConfig={"Cmd": ["|1", "DB_PASSWORD=hunter22", "/bin/sh", "-c", "true"]}, Size=1)

    def build(_call: Call) -> Records:
        fake.name("app:1", attrs)
        steps = ["Step 1/1 : RUN echo hunter22", " ---> Running in abc123\n", "hunter22\n"]
        return [*({"stream": text} for text in steps), {"aux": {"ID": attrs["Id"]}}]

    fake.on_build = build
    given = {"name": "app:1", "dockerfile_inline": "FROM scratch", "args": {"DB_PASSWORD": "hunter22"}}
    assert SPEC.secrets and set(SPEC.secrets(given)) == {"hunter22"}
    done = run(fake, given)
    assert done["changed"]
    assert "hunter22" not in json.dumps([done["build"], done["actions"], done["diff"]])
    assert b"hunter22" not in kept(tmp_path)[0].read_bytes()
    todo, said = planned(fake, {**given, "args": {"DB_PASSWORD": "hunter23"}})
    assert said == ["build app:1 (argument DB_PASSWORD changed)"]
    assert "hunter2" not in json.dumps(report(todo, Outcome({}))["diff"])
