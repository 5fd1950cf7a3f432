# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of an image on an engine of any kind, by any way: each module is held to its law. `make matrix` plays it on
every engine; here it is Docker 20.10 and Podman 4.3.1, by their sockets.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import typing as t
from pathlib import Path

import pytest
from ansible_collections.slipway.images.tests.support import engine as support
from ansible_collections.slipway.images.tests.support import ways
from ansible_collections.slipway.images.tests.support.law import Result, play

BASE = "slipway-test/base:1"
DOCKERFILE = "FROM %s\nCOPY file /file\nRUN cat /file\n" % BASE
SECRET = "FROM %s\nRUN --mount=type=secret,id=word,required=true cat /run/secrets/word\n" % BASE


class Life:
    """Tasks on one engine."""

    def __init__(self, docker_host: str) -> None:
        self.docker_host = docker_host

    def once(self, module: str, check: bool = False, **options: t.Any) -> Result:
        return play(module, check=check, docker_host=self.docker_host, **options)

    def law(self, module: str, **options: t.Any) -> Result:
        """Check, run, check, run."""
        check, run, *again = [self.once(module, turn, **options) for turn in (True, False, True, False)]
        for result in (check, run, *again):
            assert not result.get("failed"), result
        assert (check["changed"], check["actions"]) == (run["changed"], run["actions"]), (check, run)
        assert check["diff"]["before"] == run["diff"]["before"], (check, run)
        assert "(known after" in str(check["diff"]["after"]) or check["diff"] == run["diff"], (check, run)
        assert [(result["changed"], result["actions"]) for result in again] == [(False, [])] * 2, again
        return run


@pytest.fixture(params=["docker", "podman"])
def life(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> t.Iterator[Life]:
    home = tmp_path_factory.mktemp("home")
    (home / "way").mkdir()
    with contextlib.ExitStack() as stack:
        way = stack.enter_context(ways.given(home / "way"))
        at = stack.enter_context(support.podman() if is_podman(request) else support.engine(*way.flags))
        support.import_base(at)
        for name, value in {"DOCKER_CONFIG": home, "XDG_CACHE_HOME": home, **way.environment}.items():
            monkeypatch.setenv(name, str(value))
        yield Life(way.host(at))


def is_podman(request: pytest.FixtureRequest) -> bool:
    return bool(request.node.callspec.params["life"] == "podman")


def test_life(request: pytest.FixtureRequest, life: Life, registry: str, tmp_path: Path) -> None:
    context = tmp_path / "context"
    context.mkdir()
    (context / "file").write_text("one")
    # A rootless engine of the tests' has no network for `RUN`.
    rootless = "rootless" in os.environ.get("SLIPWAY_ENGINE_BY", "")
    (context / "Dockerfile").write_text(DOCKERFILE if not rootless or is_podman(request) else DOCKERFILE[:-15])
    options: dict[str, t.Any] = {"name": "life/app:1", "path": str(context)}
    for builder in ("auto",) if is_podman(request) else ("classic", "buildkit", "auto"):
        built = life.law("image_build", builder=builder, **{**options, "name": f"life/{builder}:1"})
        assert built["build"]["id"] == built["image"]["Id"] and built["build"]["steps"][1]["output"] == []
    if not (is_podman(request) or rootless):
        said = life.law(
            "image_build", name="life/s:1", dockerfile_inline=SECRET, secrets=[{"id": "word", "value": "six666"}]
        )
        assert "six666" not in str(said) and said["build"]["steps"][-1]["state"] == "done"
    id, name = life.law("image_build", **options)["image"]["Id"], f"{registry}/life/app:1"

    assert life.law("image_tag", name="life/app:1", targets=[name])["diff"]["after"] == {name: id}
    digest = life.law("image_push", name=[name])["digest"]
    told = life.once("image_registry_info", name=[name], platform=os.uname().machine)["registry"]
    assert (told["digest"], told["has_platform"], len(told["platforms"])) == (digest, True, 1)
    assert name in life.law("image_remove", name=[name])["untagged"]
    assert life.law("image_pull", name=[name])["image"]["Id"] == id
    assert life.once("image_pull", name=[name], pull="always")["changed"] is False

    everything = [name, "life/app:1", "life/auto:1", *(() if is_podman(request) else ("life/buildkit:1",))]
    for compression in ("none", "gz"):
        archive = str(tmp_path / compression)
        life.law("image_save", name=["life/app:1"], path=archive, compression=compression)
        assert life.once("image_load", path=[archive])["changed"] is False
        assert id in life.law("image_remove", name=everything)["deleted"]
        assert set(life.law("image_load", path=[archive])["diff"]["after"].values()) == {id}
        everything = ["life/app:1"]

    told = life.law("image_info", name=["life/app:1"], history=True, layers=True, in_use_by=True)
    assert [layer["digest"] for layer in told["layers"][id]] == told["image"]["RootFS"]["Layers"]
    (context / "file").write_text("two")
    assert life.law("image_build", **options)["changed"]
    life.law("image_prune", **({} if is_podman(request) else {"build_cache": {"all": True}}))
    assert life.once("image_info", name=[id])["missing"] == [id]  # the containerd store of 26 let it go by itself
    subprocess.run(["tar", "-C", "/bin", "-cf", tmp_path / "root.tar", "busybox"], check=True)
    life.law(
        "image_import", name="life/root:1", path=str(tmp_path / "root.tar"), changes=['CMD ["/busybox"]', "ENV A=b"]
    )
    assert life.once("image_pull", name=[f"{registry}/no/such:1"])["error"]["kind"] == "engine.not_found"
