# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules on Podman's Docker API: what it does otherwise than Docker either works, or is one clear line.

The targets speak to Docker in ways that Podman does not know (`commit` of an image that a container was created of,
an engine's words), so here is a set of its own.
"""

from __future__ import annotations

import gzip
import subprocess
import typing as t
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest
from ansible_collections.slipway.images.tests.integration.conftest import Login
from ansible_collections.slipway.images.tests.support import engine as support
from ansible_collections.slipway.images.tests.support.module import play, quartet
from ansible_collections.slipway.images.tests.support.store import Store

Play = t.Callable[..., dict[str, t.Any]]


@pytest.fixture(scope="module")
def podman(podman_host: str) -> Store:
    support.import_base(podman_host)
    return Store(podman_host)


@pytest.fixture(scope="module")
def base(podman: Store) -> str:
    """The id of the base image."""
    return named(podman, "slipway-test/base:1")


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Neither logins nor build records of somebody else."""
    return dict.fromkeys(("DOCKER_CONFIG", "XDG_CACHE_HOME"), str(tmp_path_factory.mktemp("home")))


@pytest.fixture
def once(podman: Store, home: dict[str, str]) -> Play:
    return partial(play, docker_host=podman.address, environment=home)


@pytest.fixture
def law(podman: Store, home: dict[str, str]) -> Play:
    return partial(quartet, docker_host=podman.address, environment=home)


def named(podman: Store, name: str) -> str:
    return str(podman.call("GET", f"/images/{name}/json")[0]["Id"])


def image(podman: Store, *names: str) -> str:
    """The id of a new one, which differs from all others."""
    id = podman.build("FROM slipway-test/base:1", f"LABEL for={names[0]} mark={uuid4()}")
    for name in names:
        podman.tag(id, name)
    return id


def skopeo(name: str) -> str:
    """The digest that a registry has for a name."""
    command = ["skopeo", "inspect", "--tls-verify=false", "--format={{.Digest}}", f"docker://{name}"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def refused(result: dict[str, t.Any], kind: str, *words: str) -> None:
    assert result["failed"] and result["error"]["kind"] == kind, result
    assert "\n" not in result["msg"]
    for word in words:
        assert word in result["msg"]
    assert not result["changed"]


def test_push_and_pull(podman: Store, law: Play, once: Play, registry: str) -> None:
    name = f"{registry}/podman/app:1"
    id = image(podman, name)
    pushed = law("image_push", name=[name])
    assert pushed["changed"] and pushed["digest"] == skopeo(name)
    assert not law("image_pull", name=[name])["changed"], "Podman does not learn the digest of what it pushed"
    other = image(podman, name)
    assert law("image_push", name=[name])["diff"]["before"] == {name: pushed["digest"]}
    podman.call("DELETE", f"/images/{name}")
    pulled = law("image_pull", name=[name])
    assert pulled["changed"] and pulled["image"]["Id"] == named(podman, name) == other != id
    assert not law("image_push", name=[name])["changed"]
    assert once("image_pull", name=[f"{registry}/podman/app"], all_tags=True)["changed"] is False


def test_a_registry_that_wants_to_know_who_asks(podman: Store, law: Play, once: Play, auth_registry: Login) -> None:
    name = f"{auth_registry.address}/podman/app:1"
    image(podman, name)
    refused(once("image_push", name=[name]), "engine.denied", f"pushing {name}", "authentication required")
    login = {"registry_username": auth_registry.username, "registry_password": auth_registry.password}
    assert law("image_push", name=[name], **login)["changed"]
    podman.call("DELETE", f"/images/{name}")
    refused(once("image_pull", name=[name]), "engine.denied", f"pulling {name}")  # HTTP 200, and an error in the stream
    assert law("image_pull", name=[name], **login)["changed"]


def test_nothing_of_that_name(once: Play, registry: str) -> None:
    name = f"{registry}/podman/none:1"
    refused(once("image_pull", name=[name]), "engine.not_found", "manifest unknown")
    refused(once("image_push", name=[name]), "engine.not_found", "is not on the engine")
    refused(once("image_save", name=[name], path="/nowhere"), "engine.not_found", "there is no image")
    assert once("image_info", name=[name])["missing"] == [name]
    assert once("image_remove", name=[name])["changed"] is False


def test_what_the_registry_has(podman: Store, law: Play, once: Play, registry: str) -> None:
    name = f"{registry}/podman/known:1"
    image(podman, name)
    podman.call("POST", f"/images/{registry}/podman/known/push", tag=1)
    told = law("image_registry_info", name=[name], config=True, tags=True)["registry"]
    assert (told["digest"], told["via"], told["tags"]) == (skopeo(name), "registry", ["1"])
    assert told["labels"]["for"] == name
    refused(once("image_registry_info", name=[name], via="engine"), "requirement", "leave via at auto")


def test_short_names_are_those_of_docker_hub(podman: Store, law: Play, base: str) -> None:
    short, full = "podman-short:1", "docker.io/library/podman-short:1"
    assert law("image_tag", name="slipway-test/base:1", targets=[short])["diff"]["after"] == {short: base}
    assert not law("image_tag", name=base[7:19], targets=[full])["changed"]
    assert law("image_info", name=[short])["image"]["RepoTags"].count(full) == 1
    assert law("image_remove", patterns=["podman-sh*"])["untagged"] == [full]
    assert named(podman, "slipway-test/base:1") == base


def test_remove(podman: Store, law: Play, once: Play) -> None:
    id = image(podman, "podman-gone:1", "podman-gone:2")
    assert law("image_remove", name=["podman-gone:1"])["deleted"] == []
    holder = podman.container("podman-gone:2")
    assert once("image_info", name=["podman-gone:2"], in_use_by=True)["in_use_by"][id]
    refused(once("image_remove", name=[id]), "engine.conflict", "in use by container")
    refused(once("image_remove", name=[id], noprune=True), "requirement", "Podman has no noprune")
    podman.call("DELETE", f"/containers/{holder}")
    assert law("image_remove", name=["podman-gone:2"])["deleted"] == [id]
    assert id not in podman.images()


@pytest.mark.parametrize("compression", ["none", "gz", "xz"])
def test_save_and_load(podman: Store, law: Play, tmp_path: Path, compression: str) -> None:
    names = [f"podman-saved:{compression}", f"{compression}.example/saved:1"]
    id = image(podman, *names)
    path = str(tmp_path / "archive")
    assert law("image_save", name=names, path=path, compression=compression)["changed"]
    assert law("image_remove", name=names)["deleted"] == [id]
    assert set(law("image_load", path=[path])["diff"]["after"].values()) == {id}
    assert named(podman, names[0]) == id


def test_a_nameless_image_is_saved_by_its_id(podman: Store, law: Play, tmp_path: Path) -> None:
    id = image(podman, "podman-nameless:1")
    path = tmp_path / "archive"
    assert law("image_save", name=[id], path=str(path))["changed"]
    podman.call("DELETE", "/images/podman-nameless:1")
    assert law("image_load", path=[str(path)])["changed"]
    assert id in podman.images()


def test_import(podman: Store, law: Play, tmp_path: Path) -> None:
    busybox = tmp_path / "root.tar"
    subprocess.run(["tar", "-C", "/bin", "-cf", busybox, "busybox"], check=True)
    (tmp_path / "root.tar.gz").write_bytes(gzip.compress(busybox.read_bytes()))
    options = {"name": "podman-root:1", "changes": ['CMD ["/busybox"]', "ENV A=b"]}
    assert law("image_import", path=str(busybox), **options)["changed"]
    assert not law("image_import", path=str(tmp_path / "root.tar.gz"), **options)["changed"]
    config = podman.call("GET", "/images/podman-root:1/json")[0]["Config"]
    assert (config["Cmd"], "A=b" in config["Env"]) == (["/busybox"], True)


def test_info(podman: Store, law: Play) -> None:
    id = image(podman, "podman-told:1")
    told = law("image_info", name=["podman-told:1"], history=True, layers=True)
    assert [layer["digest"] for layer in told["layers"][id]] == told["image"]["RootFS"]["Layers"]
    assert "LABEL for=podman-told:1" in told["history"][id][0]["CreatedBy"]
    listed = law(
        "image_info", filters={"reference": ["podman-told"], "label": ["for=podman-told:1"], "dangling": False}
    )
    assert [image["Id"] for image in listed["images"]] == [id]
    assert {image["Id"] for image in law("image_info", all=True)["images"]} == set(podman.images())


def test_build(law: Play, once: Play, tmp_path: Path) -> None:
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text("FROM slipway-test/base:1\nCOPY file /\nRUN cat /file\n")
    (tmp_path / "file").write_text("one")
    options: dict[str, t.Any] = {"name": "podman-built:1", "path": str(tmp_path)}
    built = law("image_build", **options)
    assert built["changed"] and built["build"]["id"] == built["image"]["Id"]
    assert [(step["state"], step["line"], step["output"]) for step in built["build"]["steps"]] == [
        ("done", 1, []),
        ("done", 2, []),
        ("done", 3, ["one"]),
    ]
    (tmp_path / "file").write_text("two")
    assert law("image_build", **options)["image"]["Id"] != built["image"]["Id"]
    dockerfile.write_text("FROM slipway-test/base:1\nRUN echo words; exit 3\n")
    broken = once("image_build", **options)
    said = "step 2/2 (Dockerfile:2) RUN echo words; exit 3: exit code 3\nwords"
    assert (broken["msg"], broken["error"]["kind"], broken["changed"]) == (said, "build", False)
    refused(once("image_build", builder="buildkit", **options), "requirement", "Podman has no BuildKit")


def test_prune(podman: Store, law: Play, once: Play, tmp_path: Path) -> None:
    """What a build that failed has left is in use: by a container that Podman's own prune stumbles over."""
    (tmp_path / "Dockerfile").write_text("FROM slipway-test/base:1\nRUN echo > /left\nRUN exit 1\n")
    before = podman.images()
    assert once("image_build", name="podman-failed:1", path=str(tmp_path), forcerm=False)["error"]["kind"] == "build"
    (left,) = podman.images().keys() - before
    id = image(podman, "podman-dangling:1")
    image(podman, "podman-dangling:1")
    pruned = law("image_prune", build_cache={"all": True})
    assert id in pruned["deleted"] and id not in podman.images() and left in podman.images()
    refused(once("image_remove", name=[left]), "engine.conflict", "working-container")
    assert named(podman, "podman-dangling:1")


def test_search_without_a_network(once: Play) -> None:
    refused(once("image_search", term="anything"), "engine.not_found", "the engine cannot search docker.io")
