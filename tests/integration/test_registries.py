# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The registry pillar against Debian's docker-registry: open, with htpasswd, with TLS, and behind a token server."""

from __future__ import annotations

import contextlib
import json
import subprocess
import typing as t
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.disk.credentials import Auth
from ansible_collections.slipway.images.plugins.module_utils.errors import Denied, NotFound
from ansible_collections.slipway.images.plugins.module_utils.image.manifest import entries
from ansible_collections.slipway.images.plugins.module_utils.registry import contents
from ansible_collections.slipway.images.plugins.module_utils.registry.client import Registry
from ansible_collections.slipway.images.plugins.module_utils.wire.tls import Tls
from ansible_collections.slipway.images.tests.support import engine as support
from ansible_collections.slipway.images.tests.support.module import play
from ansible_collections.slipway.images.tests.support.registries import (
    INDEX,
    MANIFEST,
    Site,
    call,
    gate,
    push_image,
    push_index,
    push_manifest,
)

ALICE = Auth(username="alice", password="s3cret")
PLATFORMS = ({"os": "linux", "architecture": "amd64"}, {"os": "linux", "architecture": "arm64", "variant": "v8"})


@pytest.fixture
def client() -> t.Iterator[t.Callable[..., Registry]]:
    with contextlib.ExitStack() as stack:
        yield lambda host, login=None: stack.enter_context(
            contextlib.closing(Registry(host, login, Tls(), insecure=False, timeout=30))
        )


@pytest.fixture
def gated(registry: str) -> t.Iterator[Site]:
    with gate(registry, {"alice": "s3cret"}, public="open/") as site:
        yield site


def test_an_index(registry: str, client: t.Callable[..., Registry]) -> None:
    pushed = push_index(registry, "open/many", "1", *PLATFORMS)
    found = contents.fetch(client(registry), "open/many", "1")
    assert (found.digest, found.media_type, found.size) == (pushed["digest"], INDEX, pushed["size"])
    assert [str(entry.platform) for entry in entries(found.document)] == ["linux/amd64", "linux/arm64", "None"]
    described = contents.describe(client(registry), "open/many", "1")
    assert (described.digest, described.size) == (found.digest, found.size)
    assert contents.fetch(client(registry), "open/many", found.digest) == found
    command = ["skopeo", "inspect", "--tls-verify=false", "--raw", "docker://%s/open/many:1" % registry]
    assert json.loads(subprocess.run(command, check=True, capture_output=True).stdout) == found.document


def test_a_config(registry: str, client: t.Callable[..., Registry]) -> None:
    push_image(registry, "open/one", "1", created="2026-01-01T00:00:00Z")
    found = contents.fetch(client(registry), "open/one", "1")
    assert found.media_type == MANIFEST
    config = contents.blob(client(registry), "open/one", found.document["config"]["digest"])
    assert (config["architecture"], config["created"]) == ("amd64", "2026-01-01T00:00:00Z")


def test_what_is_not_there(registry: str, client: t.Callable[..., Registry]) -> None:
    push_image(registry, "open/one", "1")
    for ask in (contents.fetch, contents.describe):
        with pytest.raises(NotFound, match="manifest unknown"):
            ask(client(registry), "open/one", "2")
    with pytest.raises(NotFound, match="repository name not known"):
        contents.tags(client(registry), "open/none")


def test_many_tags(registry: str, gated: Site, client: t.Callable[..., Registry]) -> None:
    image = push_image(registry, "open/tags", "0")
    _status, _headers, content = call(
        registry, "GET", "/v2/open/tags/manifests/" + image["digest"], headers={"Accept": MANIFEST}
    )
    wanted = sorted(str(n) for n in range(25))
    for tag in wanted:
        assert push_manifest(registry, "open/tags", tag, json.loads(content))["digest"] == image["digest"]
    assert contents.tags(client(registry), "open/tags") == wanted
    assert contents.tags(client(gated.address), "open/tags") == wanted
    # The challenge, and then all at once: before 3.0 this registry has no pages.
    assert gated.asked("/tags/") == ["GET /v2/open/tags/tags/list"] * 2


@pytest.mark.parametrize("login", [ALICE, Auth(identitytoken="s3cret")])
def test_behind_a_token_server(registry: str, gated: Site, client: t.Callable[..., Registry], login: Auth) -> None:
    pushed = push_image(registry, "closed/app", "1")
    known = client(gated.address, login)
    found = contents.fetch(known, "closed/app", "1")
    assert found.digest == pushed["digest"]
    assert contents.blob(known, "closed/app", found.document["config"]["digest"])["os"] == "linux"
    assert len(gated.asked("/token")) == 1
    for nobody in (None, Auth(username="alice", password="wrong"), Auth(registrytoken="wrong")):
        with pytest.raises(Denied):
            contents.fetch(client(gated.address, nobody), "closed/app", "1")


def test_with_htpasswd(auth_registry: t.Any, client: t.Callable[..., Registry]) -> None:
    known = client(auth_registry.address, Auth(username=auth_registry.username, password=auth_registry.password))
    with pytest.raises(NotFound):
        contents.describe(known, "app", "1")
    for nobody in (None, Auth(username=auth_registry.username, password="wrong")):
        with pytest.raises(Denied):
            contents.describe(client(auth_registry.address, nobody), "app", "1")


def test_with_tls(tmp_path: Path, client: t.Callable[..., Registry]) -> None:
    with support.registry(tls=support.certificate(tmp_path)) as address, pytest.raises(NotFound):
        contents.fetch(client(address), "app", "1")


def test_referrers_before_there_was_an_endpoint(registry: str, client: t.Callable[..., Registry]) -> None:
    image = push_image(registry, "open/signed", "1")
    assert contents.referrers(client(registry), "open/signed", image["digest"]) == []
    row = {**push_image(registry, "open/signed", variant="signature"), "artifactType": "application/x-signature"}
    tag = image["digest"].replace(":", "-")
    push_manifest(registry, "open/signed", tag, {"schemaVersion": 2, "mediaType": INDEX, "manifests": [row]})
    assert contents.referrers(client(registry), "open/signed", image["digest"]) == [row]


def test_a_registry_is_asked_where_there_is_no_engine(registry: str) -> None:
    pushed = push_index(registry, "open/alone", "1", *PLATFORMS)
    options = {"via": "registry", "manifest": True, "config": True, "tags": True, "docker_host": "unix:///nowhere.sock"}
    row = play("image_registry_info", name=registry + "/open/alone:1", **options)["registry"]
    assert (row["digest"], row["tags"]) == (pushed["digest"], ["1"])
    assert row["platform_digest"] and row["labels"], "that for the target's own platform"
    options["via"] = "auto"
    assert play("image_registry_info", name=registry + "/open/alone:1", **options)["error"]["kind"] == "transport"
