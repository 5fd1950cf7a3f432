# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import json
import typing as t

import pytest
from ansible_collections.slipway.images.plugins.module_utils.engine.registries import Registries, Remote, is_insecure
from ansible_collections.slipway.images.plugins.module_utils.errors import NotFound
from ansible_collections.slipway.images.plugins.module_utils.image.manifest import CONFIGS, INDEXES, MANIFESTS
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference
from ansible_collections.slipway.images.tests.support.fake import Attrs, Fake, id_of, image
from ansible_collections.slipway.images.tests.support.registries import Reply, Request, digest_of, refusal, site

INFO = {
    "RegistryConfig": {
        "InsecureRegistryCIDRs": ["127.0.0.0/8", "10.1.0.0/16"],
        "IndexConfigs": {"docker.io": {"Secure": True}, "old.example:5000": {"Secure": False}},
    }
}


@pytest.mark.parametrize(
    ("host", "insecure"),
    [
        ("old.example:5000", True),
        ("old.example", False),
        ("docker.io", False),
        ("new.example", False),
        ("10.1.2.3:5000", True),
        ("10.1.2.3", True),
        ("10.2.2.3:5000", False),
    ],
)
def test_what_the_engine_holds_for_insecure(host: str, insecure: bool) -> None:
    assert is_insecure(INFO, host) is insecure
    assert is_insecure({}, host) is False


def _route(request: Request) -> Reply:
    if request.headers.get("authorization") != "Basic " + base64.b64encode(b"alice:s3cret").decode():
        return refusal(401, "x", "who?", **{"WWW-Authenticate": "Basic"})
    if not request.path.endswith("/1"):
        return refusal(404, "MANIFEST_UNKNOWN", "manifest unknown")
    return Reply(headers={"Docker-Content-Digest": id_of("a")})


def test_podman_is_not_asked_but_the_registry(monkeypatch: pytest.MonkeyPatch, tmp_path: t.Any) -> None:
    fake = Fake(podman=True)
    with site(_route) as registry:
        auth = base64.b64encode(b"alice:s3cret").decode()
        (tmp_path / "config.json").write_text('{"auths": {"%s": {"auth": "%s"}}}' % (registry.address, auth))
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
        with Registries(fake.engine, timeout=10) as registries:
            assert registries.look(Reference.parse(registry.address + "/app:1"), {}) == Remote(id_of("a"))
            with pytest.raises(NotFound):
                registries.look(Reference.parse(registry.address + "/app:2"), {})
    assert fake.calls == []  # nor for its insecure registries: on this host each is


MANIFEST = {"mediaType": MANIFESTS[0], "config": {"digest": id_of("config"), "mediaType": CONFIGS[0]}, "layers": []}
INDEX = {"mediaType": INDEXES[0], "manifests": []}


@pytest.mark.parametrize(
    ("document", "attrs", "config", "gets"),
    [
        (MANIFEST, image("config"), id_of("config"), 1),
        (MANIFEST, image("other"), id_of("config"), 1),
        (MANIFEST, {}, "", 0),  # nothing to compare
        (INDEX, image("config"), "", 1),
        ({**MANIFEST, "config": {"digest": id_of("config"), "mediaType": "chart"}}, image("config"), "", 1),
    ],
)
def test_podman_does_not_know_the_digest_of_what_it_pushed(
    document: t.Any, attrs: Attrs, config: str, gets: int
) -> None:
    content = json.dumps(document).encode()
    shelf = Reply(content, headers={"Docker-Content-Digest": digest_of(content), "Content-Type": document["mediaType"]})
    with site(lambda _request: shelf) as registry, Registries(Fake(podman=True).engine, timeout=10) as registries:
        app = Reference.parse(registry.address + "/app:1")
        remote = registries.look(app, attrs)
        assert remote == Remote(digest_of(content), len(content), config)
        assert [request.method for request in registry.requests] == ["HEAD"] + ["GET"] * gets
        assert remote.same(attrs, app) is (attrs.get("Id") == config)
        known = {**attrs, "RepoDigests": ["%s@%s" % (app.name, remote.digest)]}
        assert registries.look(app, known).config == "", "the digest says it all"


def test_an_engine_that_can_be_asked_is() -> None:
    fake = Fake(registry={"app:1": id_of("a")})
    with Registries(fake.engine, timeout=10) as registries:
        assert registries.look(Reference.parse("app:1"), image("x")) == Remote(id_of("a"))
        with pytest.raises(NotFound):
            registries.look(Reference.parse("app:2"), {})
    assert fake.asked("/distribution/") == ["/distribution/app:1/json", "/distribution/app:2/json"]


def test_a_door_is_opened_once() -> None:
    fake = Fake(info=INFO)
    with Registries(fake.engine, timeout=10) as registries:
        assert registries.at("old.example:5000") is registries.at("old.example:5000")
    assert fake.asked("/info") == ["/info"]
