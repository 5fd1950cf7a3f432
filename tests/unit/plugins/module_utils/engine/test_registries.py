# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import typing as t

import pytest
from ansible_collections.slipway.images.plugins.module_utils.engine.registries import Registries, is_insecure
from ansible_collections.slipway.images.plugins.module_utils.errors import NotFound
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference
from ansible_collections.slipway.images.tests.support.fake import Fake, id_of
from ansible_collections.slipway.images.tests.support.registries import Reply, Request, refusal, site

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
            assert registries.digest(Reference.parse(registry.address + "/app:1")) == id_of("a")
            with pytest.raises(NotFound):
                registries.digest(Reference.parse(registry.address + "/app:2"))
    assert fake.calls == []  # nor for its insecure registries: on this host each is


def test_an_engine_that_can_be_asked_is() -> None:
    fake = Fake(registry={"app:1": id_of("a")})
    with Registries(fake.engine, timeout=10) as registries:
        assert registries.digest(Reference.parse("app:1")) == id_of("a")
        with pytest.raises(NotFound):
            registries.digest(Reference.parse("app:2"))
    assert fake.asked("/distribution/") == ["/distribution/app:1/json", "/distribution/app:2/json"]


def test_a_door_is_opened_once() -> None:
    fake = Fake(info=INFO)
    with Registries(fake.engine, timeout=10) as registries:
        assert registries.at("old.example:5000") is registries.at("old.example:5000")
    assert fake.asked("/info") == ["/info"]
