# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong in the middle: the task fails with one line and a `kind`, nothing is half done, and without the
trouble the same task completes. Witnesses are the registry's own API, skopeo and the engine's."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import threading
import typing as t
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest
from ansible_collections.slipway.images.tests.support import archives, faults
from ansible_collections.slipway.images.tests.support import engine as support
from ansible_collections.slipway.images.tests.support.faults import Proxy, on, refuse, truncate
from ansible_collections.slipway.images.tests.support.module import play
from ansible_collections.slipway.images.tests.support.registries import call
from ansible_collections.slipway.images.tests.support.store import Store

MB = 1_000_000
UNAUTHORIZED = refuse(401, "UNAUTHORIZED", "who are you", **{"WWW-Authenticate": 'Basic realm="here"'})
# The containerd store of Docker 28 passes on these words without the code, so they say it, too.
DENIED = refuse(403, "DENIED", "you are denied access")
MISSING = refuse(404, "NAME_UNKNOWN", "name unknown")
RATE_LIMITED = refuse(429, "TOOMANYREQUESTS", "reached your pull rate limit", **{"Retry-After": "7"})
BROKEN = refuse(500, "UNKNOWN", "broken inside")


@pytest.fixture(scope="module")
def store() -> t.Iterator[Store]:
    """Of an engine that does not try a layer again for a minute."""
    with support.engine("--max-download-attempts=1") as address:
        yield Store(address)


@pytest.fixture
def proxy(registry: str) -> t.Iterator[Proxy]:
    with faults.troubled(registry) as proxy:
        yield proxy


@pytest.fixture
def name(store: Store, proxy: Proxy) -> str:
    """An image that nobody else has, on the engine; its registry is behind the proxy."""
    name = f"{proxy.address}/{uuid4()}:1"
    store.build("FROM scratch", "COPY data /", name=name, data=2 * MB)
    return name


@pytest.fixture
def published(store: Store, name: str) -> str:
    """The same, in the registry alone."""
    store.call("POST", f"/images/{name[:-2]}/push", tag=1)
    store.call("DELETE", f"/images/{name}")
    return name


def failed(result: dict[str, t.Any], kind: str, *words: str) -> dict[str, t.Any]:
    assert result.get("failed") and result["error"]["kind"] == kind, result
    assert "\n" not in result["msg"] and "Traceback" not in result["msg"]
    assert not [word for word in words if word not in result["msg"]], result["msg"]
    assert (result["changed"], result["actions"]) == (False, [])
    return dict(result["error"])


def heard(store: Store, says: str) -> tuple[str, ...]:
    """Of what a registry says; the containerd store keeps some of it to itself, and puts it in words of its own."""
    return () if store.containerd else (says,)


def manifest(proxy: Proxy, name: str) -> tuple[int, bytes]:
    """As the registry itself has it, without the proxy."""
    repository = name.split("/", 1)[1].rpartition(":")[0]
    kinds = "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json"
    status, _headers, body = call(proxy.registry, "GET", f"/v2/{repository}/manifests/1", headers={"Accept": kinds})
    return status, body


def in_registry(proxy: Proxy, name: str) -> bool:
    return manifest(proxy, name)[0] == 200


def on_engine(store: Store, name: str) -> bool:
    return any(name in names for names in store.images().values())


def pushed(store: Store, proxy: Proxy, name: str) -> None:
    """By a second run, without the trouble."""
    assert not in_registry(proxy, name)
    proxy.trouble = faults.none
    result = play("image_push", docker_host=store.address, name=[name])
    command = ["skopeo", "inspect", "--tls-verify=false", "--format={{.Digest}}", f"docker://{name}"]
    assert result["digest"] == subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def pulled(store: Store, proxy: Proxy, name: str) -> None:
    """Likewise."""
    assert not on_engine(store, name)
    proxy.trouble = faults.none
    assert play("image_pull", docker_host=store.address, name=[name])["changed"]
    assert on_engine(store, name)


# A registry in trouble


def test_push(store: Store, proxy: Proxy, name: str) -> None:
    for trouble, kind, says in (
        (on("GET HEAD", "/manifests/", UNAUTHORIZED), "engine.denied", "who are you"),
        (on("GET HEAD", "/manifests/", RATE_LIMITED), "engine.rate_limited", "pull rate limit"),
        (on("GET HEAD", "/manifests/", BROKEN), "engine", "500 Internal Server Error"),
        (on("POST", "/uploads/", UNAUTHORIZED), "engine.denied", "who are you"),
        (on("POST", "/uploads/", DENIED), "engine.denied", "denied access"),
        (on("POST", "/uploads/", MISSING), "engine.not_found", "name unknown"),
        (on("POST", "/uploads/", RATE_LIMITED), "engine.rate_limited", "pull rate limit"),
        (on("PUT", "/manifests/", DENIED), "engine.denied", "denied access"),
        (on("PUT", "/manifests/", BROKEN), "stream", "500 Internal Server Error"),
    ):
        proxy.trouble = trouble
        failed(play("image_push", docker_host=store.address, name=[name]), kind, *heard(store, says), name)
    pushed(store, proxy, name)


def test_push_that_is_cut(podman_host: str, proxy: Proxy) -> None:
    """Docker begins an upload again, for 50 seconds; Podman says so at once."""
    store = Store(podman_host)
    name = f"{proxy.address}/{uuid4()}:1"
    store.build("FROM scratch", "COPY data /", name=name, data=2 * MB)
    proxy.trouble = on("PATCH", "/uploads/", faults.cut)
    failed(play("image_push", docker_host=podman_host, name=[name]), "stream", f"pushing {name}")
    pushed(store, proxy, name)


def test_pull(store: Store, proxy: Proxy, published: str) -> None:
    for trouble, kind, says in (
        (on("GET HEAD", "/manifests/", UNAUTHORIZED), "engine.denied", "who are you"),
        (on("GET HEAD", "/manifests/", DENIED), "engine.denied", "denied access"),
        (on("GET HEAD", "/manifests/", MISSING), "engine.not_found", "name unknown"),
        (on("GET HEAD", "/manifests/", RATE_LIMITED), "engine.rate_limited", "pull rate limit"),
        (on("GET HEAD", "/manifests/", BROKEN), "engine", "500 Internal Server Error"),
        (on("GET", "/manifests/", truncate), "engine", "unexpected EOF"),
        (on("GET", "/blobs/", UNAUTHORIZED), "engine.denied", "who are you"),
        (on("GET", "/blobs/", MISSING), "engine.not_found", "unknown blob"),
        (on("GET", "/blobs/", RATE_LIMITED), "engine.rate_limited", "pull rate limit"),
    ):
        proxy.trouble = trouble
        failed(play("image_pull", docker_host=store.address, name=[published]), kind, *heard(store, says), published)
    pulled(store, proxy, published)


def test_pull_of_half_a_layer(store: Store, proxy: Proxy, published: str) -> None:
    layer = json.loads(manifest(proxy, published)[1])["layers"][0]
    proxy.trouble = on("GET", layer["digest"], truncate)
    failed(play("image_pull", docker_host=store.address, name=[published]), "stream", published)
    pulled(store, proxy, published)


def unpacked(proxy: Proxy, published: str, name: str) -> bytes:
    """An archive of what is in the registry, with its layers as they are for a graph driver: of another digest."""
    told = json.loads(manifest(proxy, published)[1])

    def blob(descriptor: dict[str, t.Any]) -> bytes:
        path = f"/v2/{published.split('/', 1)[1][:-2]}/blobs/{descriptor['digest']}"
        return call(proxy.registry, "GET", path)[2]

    layers = {f"{number}.tar": gzip.decompress(blob(layer)) for number, layer in enumerate(told["layers"])}
    rows = [{"Config": "config.json", "RepoTags": [name], "Layers": [*layers]}]
    return archives.tar({"config.json": blob(told["config"]), **layers, "manifest.json": json.dumps(rows).encode()})


def test_pull_of_what_an_archive_brought(store: Store, proxy: Proxy, published: str) -> None:
    """The containerd store of Docker 28 fetches no layer that it has unpacked; what the task says to do helps."""
    brought = "faults/brought:1"
    store.call("POST", "/images/load", unpacked(proxy, published, brought))
    pull = partial(play, "image_pull", docker_host=store.address, name=[published])
    if store.containerd and (1, 48) <= store.api < (1, 52):
        first = pull()
        assert (first["error"]["kind"], first["changed"]) == ("engine", True)
        failed(pull(), "engine", f"the engine has {published} without the content of its layers")
        failed(pull(pull="missing"), "engine", "remove it and the images with the same layers, then pull again")
        for name in (published, brought):
            store.call("DELETE", f"/images/{name}")
    assert pull()["changed"] and not pull()["changed"]
    assert store.call("GET", f"/images/{published}/json")[0]["Os"] == "linux"


def test_pull_is_patient(store: Store, proxy: Proxy, published: str) -> None:
    """A registry may be silent for longer than `timeout` while the engine waits for a layer."""
    asked, go_on = threading.Event(), threading.Event()
    proxy.trouble = on("GET", "/blobs/", faults.held(asked, go_on))
    threading.Thread(target=lambda: asked.wait(60) and threading.Timer(1.5, go_on.set).start()).start()
    options = {"name": [published], "timeout": 1, "pull": "missing"}
    assert play("image_pull", docker_host=store.address, **options)["changed"]


def test_push_is_patient(store: Store, proxy: Proxy, name: str) -> None:
    """Likewise while it takes a layer."""
    asked, go_on = threading.Event(), threading.Event()
    proxy.trouble = on("PATCH PUT", "/uploads/", faults.held(asked, go_on))
    threading.Thread(target=lambda: asked.wait(60) and threading.Timer(1.5, go_on.set).start()).start()
    assert play("image_push", docker_host=store.address, name=[name], timeout=1)["changed"]
    assert in_registry(proxy, name)


@pytest.mark.parametrize("via", ["engine", "registry"])
def test_registry_info(store: Store, proxy: Proxy, published: str, via: str) -> None:
    ask = partial(play, "image_registry_info", docker_host=store.address, name=[published], via=via)
    directly, end = via == "registry", threading.Event()
    broken_off = ("transport", "broke off in the middle") if directly else ("engine", "unexpected EOF")
    for trouble, kind, says in (
        (UNAUTHORIZED, "engine.denied", "who are you"),
        (DENIED, "engine.denied", "denied access"),
        (RATE_LIMITED, "engine.rate_limited", "pull rate limit"),
        (BROKEN, "engine", "(HTTP 500)" if directly else "500 Internal Server Error"),
        (truncate, *broken_off),
        (faults.held(threading.Event(), end), "transport.timeout", "within 1 seconds"),
    ):
        proxy.trouble = on("GET" if trouble is truncate else "GET HEAD", "/manifests/", trouble)
        error = failed(ask(timeout=1), kind, says)
        assert error.get("retry_after") == (7 if directly and trouble is RATE_LIMITED else None)
    end.set()
    proxy.trouble = on("GET HEAD", "/manifests/", MISSING)
    assert ask()["registry"]["exists"] is False
    proxy.trouble = faults.none
    assert ask()["registry"]["exists"] is True


# A way to the engine that breaks


def test_load_that_breaks_off(store: Store, name: str, tmp_path: Path) -> None:
    path = tmp_path / "archive"
    path.write_bytes(support.request(store.address, "GET", f"/images/{name}/get")[1])
    store.call("DELETE", f"/images/{name}")
    before = store.images()
    with faults.relayed(store.address, tmp_path, up=MB) as relay:
        failed(play("image_load", docker_host=relay.address, path=[str(path)]), "transport", "POST /images/load")
    assert store.images() == before
    assert play("image_load", docker_host=store.address, path=[str(path)])["changed"]
    assert on_engine(store, name)


def test_push_that_breaks_off(store: Store, proxy: Proxy, name: str, tmp_path: Path) -> None:
    """In the middle of the upload: the engine gives up what nobody waits for."""
    with faults.relayed(store.address, tmp_path) as relay:
        proxy.trouble = on("PATCH PUT", "/uploads/", lambda exchange: relay.break_off() or faults.cut(exchange))
        failed(play("image_push", docker_host=relay.address, name=[name]), "transport", "/push")
    pushed(store, proxy, name)


def test_save_that_breaks_off(store: Store, name: str, tmp_path: Path) -> None:
    path = tmp_path / "archive"
    options = {"name": [name], "path": str(path)}
    with faults.relayed(store.address, tmp_path, down=MB) as relay:
        failed(play("image_save", docker_host=relay.address, **options), "transport", "GET /images/get")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["relay.sock"]
    assert play("image_save", docker_host=store.address, **options)["changed"]
    assert not play("image_save", docker_host=store.address, **options)["changed"]


# A disk that is full


@pytest.mark.parametrize("compression", ["none", "gz"])
def test_save_to_a_full_disk(store: Store, name: str, tmp_path: Path, compression: str) -> None:
    with faults.tiny_disk(tmp_path / "disk", MB) as disk:
        small = f"faults-small-{compression}:1"
        store.build("FROM scratch", "COPY data /", name=small, data=1000)
        save = partial(play, "image_save", docker_host=store.address, path=f"{disk}/archive", compression=compression)
        assert save(name=[small])["changed"]
        kept = (disk / "archive").read_bytes()
        failed(save(name=[name]), "usage", "no space left on device", f"{disk}/archive")
        assert os.listdir(disk) == ["archive"] and (disk / "archive").read_bytes() == kept
        subprocess.run(["mount", "-o", f"remount,size={9 * MB}", str(disk)], check=True)
        assert save(name=[name])["changed"]
        assert not save(name=[name])["changed"]


def test_pull_to_a_full_disk(proxy: Proxy, published: str, tmp_path: Path) -> None:
    with faults.tiny_disk(tmp_path / "disk", 3 * MB) as disk, support.engine("--data-root", str(disk)) as address:
        store = Store(address)
        pull = partial(play, "image_pull", docker_host=address, name=[published])
        failed(pull(), "stream", "no space left on device", published)
        subprocess.run(["mount", "-o", f"remount,size={30 * MB}", str(disk)], check=True)
        pulled(store, proxy, published)
