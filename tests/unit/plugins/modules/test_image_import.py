# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
import typing as t
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.errors import (
    FormatError,
    RequirementError,
    SlipwayError,
    StreamError,
    UsageError,
)
from ansible_collections.slipway.images.plugins.module_utils.task.run import report
from ansible_collections.slipway.images.plugins.modules.image_import import SPEC, UNKNOWN, apply, observe, plan
from ansible_collections.slipway.images.tests.support.archives import COMPRESSIONS, digest, tar
from ansible_collections.slipway.images.tests.support.fake import Call, Fake, Records, id_of, image, params

ROOT = tar({"bin/sh": b"x" * 700})


class Engine(Fake):
    """Makes an image of what it is sent; `config` is what it makes of the changes."""

    def __init__(self, **state: t.Any) -> None:
        super().__init__(**state)
        self.config: dict[str, t.Any] = {}
        self.on_pull = self.make

    def make(self, call: Call) -> Records:
        sent = dict(call.params)
        layers = {"Layers": ["sha256:" + hashlib.sha256(call.body).hexdigest()]}
        said = {"RootFS": layers, "Config": self.config, "Comment": sent.get("message", "Imported from -")}
        self.name(sent["repo"], image("made %d" % len(self.calls), **said))
        return [{"status": id_of("made")}]


@pytest.fixture
def path(tmp_path: Path) -> str:
    (tmp_path / "root.tar").write_bytes(ROOT)
    return str(tmp_path / "root.tar")


def run(fake: Engine, path: str, **options: t.Any) -> dict[str, t.Any]:
    given = params(SPEC, **{"name": "base", "path": path, **options})
    before = len(fake.writes)
    todo = plan(given, observe(fake.engine, given))
    assert len(fake.writes) == before, "observing changes nothing"
    done = report(todo, apply(fake.engine, todo) if todo.actions else todo.foretold())
    again = plan(given, observe(fake.engine, given))
    assert (again.actions, again.before) == ((), again.after), "once is enough"
    return done


def test_what_is_not_here_is_imported(path: str) -> None:
    fake = Engine()
    done = run(fake, path)
    assert done["actions"] == ["import %s as base:latest" % path]
    assert done["diff"] == {"before": {"base:latest": "absent"}, "after": {"base:latest": done["image"]["Id"]}}
    assert list(done["ansible_facts"]["slipway_images"]) == ["base"]
    (call,) = fake.writes
    assert (call.path, call.params) == ("/images/create", [("fromSrc", "-"), ("repo", "base:latest")])
    assert call.body == ROOT


@pytest.mark.parametrize("coat", COMPRESSIONS)
def test_the_same_in_another_coat_is_here(path: str, coat: str) -> None:
    fake = Engine()
    run(fake, path)
    Path(path).write_bytes(COMPRESSIONS[coat](ROOT))
    done = run(fake, path)
    assert (done["changed"], done["actions"], len(fake.writes)) == (False, [], 1)
    assert done["image"] == fake.images["base:latest"]


def test_another_tar_changes_and_changes_change(path: str) -> None:
    fake = Engine()
    run(fake, path)
    Path(path).write_bytes(tar({"bin/sh": b"y"}))
    assert run(fake, path)["changed"]
    fake.config = {"User": "me", "Env": ["A=1"], "Cmd": None}
    assert run(fake, path, changes=["ENV A=1", " ", "USER me"])["changed"]
    assert fake.writes[-1].params[2:] == [("changes", "ENV A=1"), ("changes", "USER me")]
    fake.config = {"User": "me"}
    assert run(fake, path, changes=["USER me"])["changed"]
    assert run(fake, path, changes=["USER me"], comment="so")["changed"]
    assert not run(fake, path, changes=["USER me"])["changed"], "no comment: any will do"


def test_check_mode_does_not_pretend_to_know_the_id(path: str) -> None:
    given = params(SPEC, name="base:1", path=path)
    assert plan(given, observe(Engine().engine, given)).after == {"base:1": UNKNOWN}


def test_an_image_with_another_layer_on_top_is_another(path: str) -> None:
    layers = {"Layers": [digest(ROOT), id_of("more")]}
    given = params(SPEC, name="base:1", path=path)
    assert plan(given, observe(Engine(images={"base:1": image("a", RootFS=layers)}).engine, given)).actions


def test_a_platform(path: str) -> None:
    fake = Engine(api=(1, 42))
    run(fake, path)
    assert not run(fake, path, platform="linux/amd64")["changed"]
    given = params(SPEC, name="base", path=path, platform="linux/arm64")
    (action,) = plan(given, observe(fake.engine, given)).actions
    assert str(action.platform) == "linux/arm64"


BAD: list[tuple[dict[str, t.Any], type[SlipwayError], str]] = [
    ({"name": "Base"}, UsageError, "Base"),
    ({"name": "base@" + id_of("a")}, UsageError, "digest"),
    ({"path": "/nowhere.tar"}, UsageError, "nowhere.tar"),
    ({"path": "/tmp"}, UsageError, "directory"),
    ({"path": __file__}, FormatError, "it is no tar"),
    ({"changes": ["RUN make"]}, UsageError, "RUN is no instruction"),
    ({"platform": "nonsense/x"}, UsageError, "nonsense"),
    ({"platform": "linux/arm64"}, RequirementError, "API 1.42"),
]


@pytest.mark.parametrize(("options", "kind", "said"), BAD)
def test_bad_input(path: str, options: dict[str, t.Any], kind: t.Any, said: str) -> None:
    fake = Engine()
    with pytest.raises(kind, match=said):
        observe(fake.engine, params(SPEC, **{"name": "base:1", "path": path, **options}))
    assert fake.writes == []


def refuses(_call: Call) -> Records:
    return [{"errorDetail": {"message": "no space left on device"}}]


@pytest.mark.parametrize(("on_pull", "said"), [(refuses, "no space left"), (lambda _call: [], "is not made of it")])
def test_an_engine_that_fails(path: str, on_pull: t.Any, said: str) -> None:
    fake = Engine()
    fake.on_pull = on_pull
    given = params(SPEC, name="base:1", path=path)
    with pytest.raises(StreamError, match=said):
        apply(fake.engine, plan(given, observe(fake.engine, given)))


def test_an_engine_that_reads_the_changes_otherwise_is_told_of(path: str) -> None:
    fake = Engine()
    given = params(SPEC, name="base:1", path=path, changes=["USER me"])
    assert apply(fake.engine, plan(given, observe(fake.engine, given))).after == {"base:1": fake.images["base:1"]["Id"]}
    assert fake.warnings == ["the engine read the changes otherwise than foretold: the next run will import again"]
