# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What no `POST /build` can say: several platforms, named contexts, archives of images, a cache in a registry.

Not every engine can do it. One that cannot is told from one that can by asking it, not by trying, and there the task
fails with one line before anything is built, in check mode too.
"""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
import typing as t
import urllib.request
import uuid
from pathlib import Path

import pytest
from ansible_collections.slipway.images.tests.support import engine as support
from ansible_collections.slipway.images.tests.support import module
from ansible_collections.slipway.images.tests.support.store import Store

SUPPORT = Path(support.__file__).parent
SEVERAL = ["linux/arm64", "linux/amd64"]
DOCKERFILE = (
    "FROM scratch AS one\nARG TARGETARCH\nCOPY src/$TARGETARCH /for\nFROM one\nLABEL a=b\nCOPY src/both /both\n"
)

Result = dict[str, t.Any]


class Engine:
    """The session's engine, and a context in `root`."""

    def __init__(self, address: str, scratch: Path) -> None:
        self.address, self.scratch, self.root = address, scratch, scratch / "context"
        for name in ("arm64", "amd64", "both"):
            self.put(f"src/{name}", f"{name} {uuid.uuid4().hex}")
        self.put("Dockerfile", DOCKERFILE)
        self.told: Result = {"environment": {"XDG_CACHE_HOME": str(scratch / "cache")}, "docker_host": address}
        self.told["network"] = "none"  # it may have no bridge

    def get(self, path: str) -> t.Any:
        status, body = support.request(self.address, "GET", path)
        return json.loads(body) if status == 200 else None

    @property
    def of_old(self) -> bool:
        """Does it not tell which platforms an image has?"""
        return Store(self.address).api < (1, 48)

    @property
    def containerd(self) -> bool:
        return Store(self.address).containerd

    def put(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def play(self, check: bool = False, **options: t.Any) -> Result:
        return module.play("image_build", check=check, **{**self.told, "path": str(self.root), **options})

    def forget(self, image: str) -> None:
        """The image, and the cache of its build."""
        for method, path in (("DELETE", f"/images/{image}?force=1"), ("POST", "/build/prune?all=1")):
            support.request(self.address, method, path)

    def build(self, **options: t.Any) -> Result:
        """Check, run, check, run."""
        return module.quartet("image_build", **{**self.told, "path": str(self.root), **options})

    def refusal(self, **options: t.Any) -> str:
        """The message, the same in check mode; nothing was built."""
        check, run = self.play(True, **options), self.play(**options)
        assert check["failed"] and run["failed"]
        assert check["msg"] == run["msg"] and "\n" not in run["msg"]
        assert run["error"]["kind"] == "requirement" and not run.get("build")
        return str(run["msg"])


@pytest.fixture
def engine(docker_host: str, tmp_path: Path) -> t.Iterator[Engine]:
    made = Engine(docker_host, tmp_path)
    yield made
    for row in made.get("/images/json"):
        for name in row["RepoTags"] or ():
            if name.startswith("beyond/"):
                support.request(docker_host, "DELETE", f"/images/{name}?force=1")


def test_an_image_for_several_platforms(engine: Engine) -> None:
    names: Result = {"name": "beyond/several:1", "tags": ["beyond/several:2"]}
    if not engine.containerd:
        said = engine.refusal(**names, platform=SEVERAL)
        assert said.startswith("platform: an image for several platforms takes an engine with the containerd image")
        assert engine.get("/images/beyond/several:1/json") is None
        return
    made = engine.build(**names, platform=SEVERAL)
    assert {step["platform"] for step in made["build"]["steps"]} == set(SEVERAL)
    for name in ("beyond/several:1", "beyond/several:2"):
        held = engine.get(f"/images/{name}/json?manifests=1")
        assert held["Id"] == made["build"]["id"] == made["image"]["Id"] == made["diff"]["after"][name]
        told = [row["ImageData"]["Platform"]["architecture"] for row in held.get("Manifests", ())]
        assert told in (["arm64", "amd64"], [] if engine.of_old else None)
    assert engine.play(**names, platform=",".join(SEVERAL))["actions"] == []
    engine.put("src/arm64", "another")
    check, run = engine.play(True, **names, platform=SEVERAL), engine.build(**names, platform=SEVERAL)
    assert check["actions"] == run["actions"] and run["diff"]["prepared"] == "src/arm64 modified\n"
    alone = engine.build(**names, platform="linux/amd64")
    assert alone["diff"]["prepared"] == "option platform linux/arm64,linux/amd64 -> linux/amd64\n"


def test_none_of_several_is_the_engines_own(engine: Engine) -> None:
    if engine.containerd:
        engine.put("src/riscv64", "r")
        made = engine.build(name="beyond/foreign:1", platform=["linux/riscv64", "linux/arm64"])
        assert made["image"]["Architecture"] == "riscv64"


def test_a_base_for_several_platforms(engine: Engine) -> None:
    """Its id is that of the whole: another part for any platform is a change."""
    if not engine.containerd:
        return
    upon: Result = {"name": "beyond/upon:1", "platform": SEVERAL, "path": None}
    upon["dockerfile_inline"] = "FROM beyond/base:1\nARG TARGETARCH\nLABEL for=$TARGETARCH\n"
    engine.build(name="beyond/base:1", platform=SEVERAL)
    engine.build(**upon)
    engine.put("src/arm64", "another")
    engine.build(name="beyond/base:1", platform=SEVERAL)
    assert engine.build(**upon)["actions"] == ["build beyond/upon:1 (base image beyond/base:1 changed)"]


def test_files_for_several_platforms(engine: Engine) -> None:
    """BuildKit itself makes them, whatever the engine keeps images in."""
    dest = engine.scratch / "out"
    made = engine.build(platform=SEVERAL, outputs=[{"type": "local", "dest": str(dest)}])
    assert made["changed"] and made["build"]["steps"][-1]["platform"] in SEVERAL
    for platform in ("arm64", "amd64"):
        there = dest / f"linux_{platform}"
        assert (there / "for").read_text() == (engine.root / "src" / platform).read_text()
    (dest / "linux_arm64/both").write_text("by another hand")
    assert engine.build(platform=SEVERAL, outputs=[{"type": "local", "dest": str(dest)}])["changed"]


def test_a_failure_for_one_of_several_platforms(engine: Engine) -> None:
    (engine.root / "src/arm64").unlink()
    files = [{"type": "local", "dest": str(engine.scratch / "out")}]
    failed = engine.play(platform=SEVERAL, outputs=files)
    assert failed["failed"] and failed["error"]["line"] == 3 and " for linux/arm64: COPY " in failed["msg"]
    assert not (engine.scratch / "out").exists()


def test_contexts(engine: Engine) -> None:
    beside = engine.scratch / "beside"
    beside.mkdir()
    (beside / "used").write_text("1")
    (beside / "unused").write_text("1")
    engine.put("Dockerfile", "FROM scratch\nCOPY --from=assets used /\n")
    given: Result = {"name": "beyond/contexts:1", "contexts": {"assets": str(beside)}}
    if not engine.get("/version")["ApiVersion"] >= "1.42":
        assert engine.refusal(**given).startswith("contexts needs Docker 23 or newer")
        return
    engine.build(**given)
    (beside / "unused").write_text("2")
    assert engine.play(**given)["actions"] == []
    (beside / "used").write_text("2")
    assert engine.build(**given)["changed"]


def test_an_archive_of_an_image(engine: Engine) -> None:
    dest = engine.scratch / "image.tar"
    given: Result = {"name": "beyond/archive:1", "platform": SEVERAL, "outputs": [{"type": "oci", "dest": str(dest)}]}
    if not engine.containerd:
        assert engine.refusal(**given).startswith("outputs: an archive of an image takes an engine with")
        assert not dest.exists()
        return
    engine.build(**given)
    with tarfile.open(dest) as tar:
        index = json.load(t.cast(t.IO[bytes], tar.extractfile("index.json")))
    (row,) = index["manifests"]
    assert row["annotations"]["io.containerd.image.name"] == "docker.io/beyond/archive:1"
    loaded = module.quartet("image_load", path=str(dest), docker_host=engine.address)
    assert loaded["image"]["Id"] == row["digest"]


def test_a_docker_archive_is_for_one_platform(engine: Engine) -> None:
    dest = engine.scratch / "image.tar"
    given: Result = {"name": "beyond/archive:2", "outputs": [{"type": "docker", "dest": str(dest)}]}
    refused = engine.play(platform=SEVERAL, **given)
    assert (refused["error"]["kind"], refused["error"]["option"]) == ("usage", "outputs")
    if engine.containerd:
        engine.build(platform="linux/arm64", **given)
        loaded = module.quartet("image_load", path=str(dest), docker_host=engine.address)
        assert loaded["image"]["Architecture"] == "arm64"


def test_a_cache_in_a_registry(engine: Engine, registry: str) -> None:
    given: Result = {"name": "beyond/cached:1", "cache_to": [f"type=registry,ref={registry}/beyond/cache:1,mode=max"]}
    if not engine.containerd:
        assert engine.refusal(**given).startswith("cache_to: a cache outside of the image takes an engine with")
        return
    engine.build(**given)
    asked = urllib.request.Request(f"http://{registry}/v2/beyond/cache/manifests/1")
    kinds = ("manifest", "index")
    asked.add_header("Accept", ", ".join(f"application/vnd.oci.image.{kind}.v1+json" for kind in kinds))
    with urllib.request.urlopen(asked) as answer:
        assert b"application/vnd.buildkit.cacheconfig.v0" in answer.read()


def test_a_cache_in_a_directory(engine: Engine, tmp_path: Path) -> None:
    """docker's own client finds what we left there, and we what it left."""
    ours, theirs, name = tmp_path / "ours", tmp_path / "theirs", "beyond/kept:1"
    if not engine.containerd:
        said = engine.refusal(name=name, cache_to=[f"type=local,dest={ours}"])
        assert said.startswith("cache_to: a cache outside of the image takes an engine with")
        return
    engine.put("Dockerfile", DOCKERFILE.replace("$TARGETARCH", "amd64"))

    def build(**options: t.Any) -> set[str]:
        engine.forget(name)
        result = engine.play(name=name, rebuild="always", **options)
        assert not result.get("failed"), result
        return {step["state"] for step in result["build"]["steps"]}

    def buildx(*options: str) -> str:
        engine.forget(name)
        config = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "slipway-buildx"
        subprocess.run([str(SUPPORT / "buildx.sh"), str(config)], check=True)
        command = ["docker", "buildx", "build", "--progress=plain", "--tag", name, *options, str(engine.root)]
        environment = {**os.environ, "DOCKER_CONFIG": str(config), "DOCKER_HOST": engine.address}
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stderr

    assert build(cache_to=[f"type=local,dest={ours},mode=max"], cache_from=[f"type=local,src={ours}"]) == {"done"}
    assert build(cache_from=[f"type=local,src={ours}"]) == {"cached"}
    assert buildx("--cache-from", f"type=local,src={ours}").count("CACHED") == 2
    assert "CACHED" not in buildx("--cache-to", f"type=local,dest={theirs},mode=max")
    assert build(cache_from=[f"type=local,src={theirs}"]) == {"cached"}
    assert sorted(path.name for path in ours.rglob("*") if path.name.startswith(".")) == []
