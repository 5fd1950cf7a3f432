# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each module foretells, and that a second task finds it so."""

from __future__ import annotations

import io
import json
import tarfile
import typing as t
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.engine import images
from ansible_collections.slipway.images.plugins.module_utils.engine.foretelling import Foretelling
from ansible_collections.slipway.images.plugins.module_utils.task.plan import Outcome
from ansible_collections.slipway.images.plugins.modules import (
    image_build,
    image_import,
    image_load,
    image_prune,
    image_pull,
    image_push,
    image_remove,
    image_tag,
)
from ansible_collections.slipway.images.tests.support import archives
from ansible_collections.slipway.images.tests.support.fake import Fake, id_of, image, params

REMOTE = "reg.example/app:1"


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))


class Play:
    """Tasks of a run in check mode, one after the other."""

    def __init__(self, fake: Fake) -> None:
        self.fake = fake
        self.events: list[t.Any] = []

    @property
    def engine(self) -> Foretelling:
        return Foretelling.recall(self.fake.engine, json.loads(json.dumps(self.events)))

    def do(self, module: t.Any, **given: t.Any) -> Outcome:
        engine = self.engine
        asked = params(module.SPEC, **given)
        todo = module.plan(asked, module.observe(engine, asked))
        outcome = module.foretell(engine, todo) if todo.actions else todo.foretold()
        self.events += engine.world.news
        assert (outcome.after != todo.before) == bool(todo.actions)
        assert self.fake.writes == []
        return t.cast(Outcome, outcome)

    def twice(self, module: t.Any, **given: t.Any) -> Outcome:
        """The second time there is nothing to do."""
        outcome = self.do(module, **given)
        again = self.do(module, **given)
        assert (outcome.actions, again.actions, again.after) == (outcome.actions, (), outcome.after)
        return outcome

    def inspect(self, name: str) -> dict[str, t.Any]:
        return images.inspect(self.engine, name)


@pytest.fixture
def play() -> Play:
    return Play(Fake({"app:1": image("a"), REMOTE: image("a")}))


def test_tag(play: Play) -> None:
    outcome = play.twice(image_tag, name="app:1", targets=["app:2", "app:1"])
    assert outcome.after == {"app:1": id_of("a"), "app:2": id_of("a")}
    assert outcome.images["app:1"]["RepoTags"] == ["app:2"]  # the fake tells none of its own


def test_pull(play: Play) -> None:
    play.fake.registry["new:1"] = id_of("d")
    outcome = play.twice(image_pull, name=["new"], tag="1")
    id = "(known after pull of new:1)"
    assert (outcome.after, outcome.images["new"]["Id"]) == ({"new": id}, id)
    assert play.inspect("new:1")["RepoDigests"] == ["new@" + id_of("d")]
    assert play.do(image_tag, name=id, targets=["other"]).after == {"other": id}


def test_pull_for_a_platform(play: Play) -> None:
    play.twice(image_pull, name=["new"], platform="linux/arm64", pull="missing")
    assert len(play.do(image_pull, name=["new"], platform="linux/amd64", pull="missing").actions) == 1


def test_push(play: Play) -> None:
    outcome = play.twice(image_push, name=[REMOTE])
    digest = "(known after push of %s)" % REMOTE
    assert (outcome.after, outcome.results) == ({REMOTE: digest}, {"digest": digest, "digests": {REMOTE: digest}})
    assert outcome.images[REMOTE]["RepoDigests"] == ["reg.example/app@" + digest]
    assert play.do(image_pull, name=[REMOTE, "reg.example/app@" + digest]).actions == ()


def test_push_after_the_name_has_moved(play: Play) -> None:
    play.fake.images["app:b"] = image("b")
    play.twice(image_push, name=[REMOTE])
    play.do(image_tag, name="app:b", targets=[REMOTE])
    assert play.twice(image_push, name=[REMOTE]).after == {REMOTE: "(known after push of %s, 2)" % REMOTE}


def test_build(play: Play) -> None:
    given = {"name": "new", "builder": "classic", "dockerfile_inline": "FROM app:1\nCMD a"}
    outcome = play.twice(image_build, **given, tags=["new:b"])
    id = "(known after build of new:latest)"
    assert outcome.after == {"new:latest": id, "new:b": id}
    assert outcome.images["new:latest"]["RepoTags"] == ["new:latest", "new:b"]
    (other,) = play.do(image_build, **given, labels={"a": "b"}).actions
    assert str(other) == "build new:latest (option labels changed)"
    assert play.inspect("new:latest")["Id"] == "(known after build of new:latest, 2)"
    assert play.inspect("new:b")["Id"] == id


def test_build_on_what_was_built(play: Play) -> None:
    """A base that is another by then makes another image; one that is not here comes along."""
    given = {"name": "upon", "builder": "classic", "dockerfile_inline": "FROM base\nCMD a"}
    play.twice(image_build, **given)
    assert play.inspect("base:latest")["Id"] == "(known after pull of base:latest)"
    play.do(image_build, name="base", builder="classic", dockerfile_inline="FROM app:1\nCMD b")
    (again,) = play.twice(image_build, **given).actions
    assert str(again) == "build upon:latest (base image base:latest changed)"


def test_build_of_a_context(play: Play, tmp_path: Path) -> None:
    """Something that really runs in between may change what it is built of."""
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY a /a\n")
    (tmp_path / "a").write_text("a")
    play.twice(image_build, name="new", path=str(tmp_path), builder="classic")
    (tmp_path / "a").write_text("bb")
    (again,) = play.twice(image_build, name="new", path=str(tmp_path), builder="classic").actions
    assert str(again) == "build new:latest (context changed)"


def test_build_of_files(play: Play, tmp_path: Path) -> None:
    """An archive bears names, of which the engine knows nothing."""
    play.fake.api, play.fake.info = (1, 51), {"DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]]}
    outputs = [{"type": "oci", "dest": str(tmp_path / "a.tar")}]
    play.do(image_build, name="new", dockerfile_inline="FROM app:1", outputs=outputs)
    assert play.inspect("new:latest") == {}


def test_build_always(play: Play) -> None:
    for _turn in range(2):
        outcome = play.do(image_build, name="new", rebuild="always", builder="classic", dockerfile_inline="FROM app:1")
        assert len(outcome.actions) == 1


@pytest.mark.parametrize(
    ("asked", "told"),
    [([], "amd64"), (["arm64"], "arm64"), (["arm64", "amd64"], "amd64"), (["riscv64", "arm64"], "riscv64")],
)
def test_build_for_several_platforms(play: Play, asked: list[str], told: str) -> None:
    play.fake.api, play.fake.info = (1, 51), {"DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]]}
    outcome = play.twice(image_build, name="new", dockerfile_inline="FROM app:1", platform=asked)
    assert outcome.images["new:latest"]["Architecture"] == told


def test_import(play: Play, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "rootfs.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo("etc"), io.BytesIO())
    given = {"name": "root", "path": str(tmp_path / "rootfs.tar")}
    outcome = play.twice(image_import, **given, changes=["CMD a"])
    assert outcome.after == {"root:latest": "(known after import of root:latest)"}
    assert outcome.images["root"]["Config"] == {"Cmd": ["/bin/sh", "-c", "a"]}
    play.twice(image_import, **given, changes=["CMD b"])


def test_load(play: Play, tmp_path: Path) -> None:
    inside = archives.Image(("loaded:1",))
    (tmp_path / "a.tar").write_bytes(archives.tar(archives.legacy(inside)))
    outcome = play.twice(image_load, path=[str(tmp_path / "a.tar")])
    assert outcome.after == {"loaded:1": inside.config_digest}
    assert play.do(image_tag, name=inside.config_digest, targets=["x:1"]).after == {"x:1": inside.config_digest}


@pytest.mark.parametrize("module", [image_remove, image_prune])
def test_what_goes(play: Play, module: t.Any) -> None:
    engine = play.engine
    kind = image_remove.Removals if module is image_remove else image_prune.Prune
    results = {"untagged": ["app:1", "app@" + id_of("d")], "deleted": [id_of("a")]}
    todo = kind({"app:1": id_of("a")}, {"app:1": "absent"}, results=results)
    assert module.foretell(engine, todo) == todo.foretold()
    assert [images.inspect(engine, text) for text in ("app:1", id_of("a"), REMOTE)] == [{}] * 3
