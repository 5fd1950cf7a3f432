# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import json
import typing as t

import pytest
from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.errors import (
    Denied,
    FormatError,
    NotFound,
    RequirementError,
    TransportError,
    UsageError,
)
from ansible_collections.slipway.images.plugins.module_utils.image.manifest import Descriptor
from ansible_collections.slipway.images.plugins.module_utils.image.platform import Platform
from ansible_collections.slipway.images.plugins.modules.image_registry_info import SPEC, Found, apply, observe, plan
from ansible_collections.slipway.images.tests.support.fake import Fake, id_of, params
from ansible_collections.slipway.images.tests.support.registries import (
    CONFIG,
    INDEX,
    LAYER,
    MANIFEST,
    Reply,
    Request,
    Site,
    digest_of,
    refusal,
    site,
)

TOP = Descriptor(id_of("a"), INDEX, 7)
AMD, ARM = Platform("linux", "amd64"), Platform("linux", "arm64")


def rows(*found: Found, **given: t.Any) -> t.Any:
    return plan(params(SPEC, **given), found).results["registries"]


def test_what_is_always_told() -> None:
    assert rows(Found("app", "engine", TOP, (AMD, ARM))) == [
        {
            "name": "app",
            "exists": True,
            "digest": id_of("a"),
            "media_type": INDEX,
            "size": 7,
            "platforms": ["linux/amd64", "linux/arm64"],
            "via": "engine",
        }
    ]


@pytest.mark.parametrize(
    ("platform", "have", "answer"),
    [
        ("linux/amd64", (AMD, ARM), True),
        ("x86_64", (AMD,), True),
        ("linux/arm64/v8", (ARM,), True),
        ("linux/arm/v7", (AMD, ARM), False),
        ("windows", (AMD,), False),
        ("linux/amd64", (), None),  # the engine did not tell
    ],
)
def test_has_platform(platform: str, have: tuple[Platform, ...], answer: bool | None) -> None:
    assert rows(Found("app", "engine", TOP, have), platform=platform)[0]["has_platform"] is answer


def test_what_is_told_when_asked() -> None:
    layers = [{"mediaType": LAYER, "digest": id_of("l"), "size": size} for size in (3, 4)]
    found = Found(
        *("app", "registry", TOP, (AMD,)),
        document={"manifests": [], "annotations": {"a": "index", "b": "index"}},
        chosen=id_of("m"),
        manifest={"layers": layers, "annotations": {"a": "manifest", "c": "manifest"}},
        config={"created": "2026-01-01T00:00:00Z", "config": {"Labels": {"x": "y"}}},
        tags=["1", "2"],
        referrers=[{"digest": id_of("r")}],
    )
    [row] = rows(found, manifest=True, config=True, tags=True, referrers=True)
    assert row["manifest"] == found.document
    assert row["annotations"] == {"a": "index", "b": "index", "c": "manifest"}
    assert (row["platform_digest"], row["layers_size"]) == (id_of("m"), 7)
    assert (row["config"], row["labels"], row["created"]) == (found.config, {"x": "y"}, "2026-01-01T00:00:00Z")
    assert (row["tags"], row["referrers"]) == (["1", "2"], [{"digest": id_of("r")}])


def test_what_is_not_there_is_told_with_all_keys() -> None:
    asked = {"platform": "linux/arm", "manifest": True, "config": True, "tags": True, "referrers": True}
    [row] = rows(Found("app", "registry"), **asked)
    assert row["exists"] is False
    assert {key: value for key, value in row.items() if value} == {"name": "app", "via": "registry"}
    assert None not in row.values()


def test_nothing_changes_and_nothing_is_hidden_by_a_failure() -> None:
    seen = [Found("a", "engine", TOP), Found("b", "engine", error=Denied("b: no")), Found("c", "engine")]
    todo = plan(params(SPEC), seen)
    assert (todo.before, todo.after, todo.actions, todo.images) == ({}, {}, (), {})
    assert [row["name"] for row in todo.results["registries"]] == ["a", "c"]
    assert isinstance(todo.failure, Denied)
    assert todo.failure.facts["failed"] == {"b": "b: no"}
    assert apply(t.cast(Engine, None), todo).after == {}


# What is asked, of whom.


class Shop:
    """A registry: path below /v2/ -> content."""

    def __init__(self, **tags: t.Mapping[str, t.Any]) -> None:
        self.held: dict[str, tuple[str, bytes]] = {}
        self.tags = sorted(tags)
        for tag, document in tags.items():
            self.add("app/manifests/" + tag, document["mediaType"], document)

    def add(self, path: str, media_type: str, document: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
        content = json.dumps(document).encode()
        for name in (path, path.rpartition("/")[0] + "/" + digest_of(content)):
            self.held[name] = (media_type, content)
        return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}

    def __call__(self, request: Request) -> Reply:
        path = request.path.removeprefix("/v2/")
        if path == "app/tags/list":
            return Reply(json.dumps({"tags": self.tags}).encode())
        if path not in self.held:
            return refusal(404, "MANIFEST_UNKNOWN", "manifest unknown")
        media_type, content = self.held[path]
        return Reply(content, headers={"Content-Type": media_type})


@pytest.fixture
def shop() -> t.Iterator[tuple[Site, dict[str, dict[str, t.Any]]]]:
    """`many` is an index for amd64 and arm64, `one` a manifest for amd64, `chart` no image at all."""
    held = Shop()
    known: dict[str, dict[str, t.Any]] = {}
    listed = []
    for architecture in ("amd64", "arm64"):
        config = {"os": "linux", "architecture": architecture, "config": {"Labels": {"for": architecture}}}
        stored = held.add("app/blobs/x", CONFIG, config)
        manifest = {"mediaType": MANIFEST, "config": stored, "layers": [{"digest": id_of("l"), "size": 5}]}
        known[architecture] = held.add("app/manifests/one", MANIFEST, manifest)
        listed.append({**known[architecture], "platform": {"os": "linux", "architecture": architecture}})
        if architecture == "amd64":
            held.add("app/manifests/only", MANIFEST, manifest)
    unknown = {**listed[0], "platform": {"os": "unknown", "architecture": "unknown"}}
    known["many"] = held.add("app/manifests/many", INDEX, {"mediaType": INDEX, "manifests": [*listed, unknown]})
    helm = {"mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": id_of("h"), "size": 1}
    held.add("app/manifests/chart", MANIFEST, {"mediaType": MANIFEST, "config": helm, "layers": []})
    held.tags = ["chart", "many", "only"]
    with contextlib.ExitStack() as stack:
        yield stack.enter_context(site(held)), known


def look(fake: Fake, served: Site, tag: str, **given: t.Any) -> dict[str, t.Any]:
    name = "%s/app:%s" % (served.address, tag)
    asked = params(SPEC, name=[name], timeout=10, **given)
    todo = plan(asked, observe(fake.engine, asked))
    if todo.failure:
        raise todo.failure
    return t.cast("dict[str, t.Any]", todo.results["registry"])


def test_the_engine_is_asked_for_what_it_knows(shop: t.Any) -> None:
    served, _known = shop
    fake = Fake(registry={served.address + "/app:many": id_of("a")})
    assert look(fake, served, "many")["digest"] == id_of("a")
    assert look(fake, served, "gone")["exists"] is False
    assert served.requests == []


@pytest.mark.parametrize(
    ("tag", "via", "teller", "there"),
    [
        ("only", "auto", "registry", True),
        ("only", "engine", "engine", None),
        ("chart", "auto", "registry", False),
    ],
)
def test_engines_tell_no_platform_of_one_oci_image(
    shop: t.Any, tag: str, via: str, teller: str, there: bool | None
) -> None:
    """`"Platforms": []`, engines 20.10 and 28."""
    served, _known = shop
    fake = Fake(registry={"%s/app:%s" % (served.address, tag): id_of("a")}, platforms=[])
    row = look(fake, served, tag, via=via, platform="linux/amd64")
    assert (row["via"], row["has_platform"]) == (teller, there)


def test_a_registry_that_only_the_engine_reaches() -> None:
    with site(lambda _request: refusal(403, "DENIED", "not you")) as served:
        fake = Fake(registry={served.address + "/app:1": id_of("a")}, platforms=[])
        row = look(fake, served, "1", platform="linux/amd64")
    assert (row["via"], row["digest"], row["has_platform"]) == ("engine", id_of("a"), None)


def test_tags_are_the_registrys_the_digest_stays_the_engines(shop: t.Any) -> None:
    served, _known = shop
    row = look(Fake(registry={served.address + "/app:many": id_of("a")}), served, "many", tags=True)
    assert (row["via"], row["digest"], row["tags"]) == ("engine", id_of("a"), ["chart", "many", "only"])
    assert served.asked() == ["GET /v2/app/tags/list"]


def test_tags_of_a_repository_that_lacks_this_one(shop: t.Any) -> None:
    row = look(Fake(), shop[0], "gone", tags=True)
    assert (row["exists"], row["tags"]) == (False, ["chart", "many", "only"])


def test_tags_of_no_repository() -> None:
    with site(lambda _request: refusal(404, "NAME_UNKNOWN", "repository name not known")) as served:
        row = look(Fake(), served, "1", tags=True)
    assert (row["exists"], row["tags"]) == (False, [])


@pytest.mark.parametrize("given", [{"via": "registry"}, {"podman": True}])
def test_the_registry_itself(shop: t.Any, given: dict[str, t.Any]) -> None:
    served, known = shop
    fake = Fake(podman=given.pop("podman", False))
    row = look(fake, served, "many", platform="aarch64", **given)
    assert (row["via"], row["digest"], row["size"]) == ("registry", known["many"]["digest"], known["many"]["size"])
    assert (row["platforms"], row["has_platform"]) == (["linux/amd64", "linux/arm64"], True)
    assert len(served.requests) == 1
    assert fake.asked("/distribution") == []


@pytest.mark.parametrize(
    ("own", "platform", "chosen"),
    [("amd64", None, "amd64"), ("arm64", None, "arm64"), ("amd64", "linux/arm64", "arm64"), ("s390x", None, "")],
)
def test_one_platform_of_many(shop: t.Any, own: str, platform: str | None, chosen: str) -> None:
    served, known = shop
    fake = Fake(version={"Os": "linux", "Arch": own})
    row = look(fake, served, "many", platform=platform, manifest=True, config=True)
    assert row["platform_digest"] == (known[chosen]["digest"] if chosen else "")
    assert row["layers_size"] == (5 if chosen else 0)
    assert row["labels"] == ({"for": chosen} if chosen else {})
    assert len(row["manifest"]["manifests"]) == 3


@pytest.mark.parametrize(("platform", "there"), [(None, True), ("linux/amd64", True), ("linux/arm64", False)])
def test_an_image_of_one_platform(shop: t.Any, platform: str | None, there: bool) -> None:
    served, known = shop
    fake = Fake(version={"Os": "linux", "Arch": "arm64"})
    row = look(fake, served, "only", platform=platform, manifest=True, config=True)
    assert (row["digest"], row["platforms"]) == (known["amd64"]["digest"], ["linux/amd64"])
    assert row.get("has_platform", there) is there
    assert row["labels"] == ({"for": "amd64"} if there else {})
    assert row["platform_digest"] == (row["digest"] if there else "")


def test_what_is_no_image_is_for_no_platform(shop: t.Any) -> None:
    row = look(Fake(), shop[0], "chart", manifest=True, config=True)
    assert (row["exists"], row["platforms"], row["config"]) == (True, [], {})


@pytest.mark.parametrize("option", ["manifest", "config", "tags", "referrers"])
def test_an_engine_cannot_tell_all(shop: t.Any, option: str) -> None:
    with pytest.raises(UsageError, match=option):
        look(Fake(), shop[0], "many", via="engine", **{option: True})


def test_podman_cannot_be_asked(shop: t.Any) -> None:
    with pytest.raises(RequirementError):
        look(Fake(podman=True), shop[0], "many", via="engine")


def test_denied_is_no_absence() -> None:
    with site(lambda _request: refusal(403, "DENIED", "no")) as served, pytest.raises(Denied):
        look(Fake(), served, "many", via="registry")


def test_what_is_no_registry_is_no_absence() -> None:
    with site(lambda _request: Reply(b"404 page not found", 404)) as served, pytest.raises(Exception) as caught:
        look(Fake(), served, "many", via="registry")
    assert not isinstance(caught.value, NotFound)


def test_a_proxy_is_not_the_registry() -> None:
    with site(lambda _request: Reply(b"", 407)) as served, pytest.raises(TransportError) as caught:
        look(Fake(), served, "many", via="registry")
    why = "the proxy of the environment does not let us through to the registry %s: Proxy Authentication Required"
    assert str(caught.value) == why % served.address
    assert caught.value.facts["status"] == 407


def test_by_itself_it_needs_no_engine(shop: t.Any) -> None:
    fake, everything = Fake(), dict.fromkeys(("manifest", "config", "tags", "referrers"), True)
    row = look(fake, shop[0], "many", via="registry", **everything)
    assert row["exists"] and row["tags"] and row["manifest"]
    assert fake.calls == []


def test_a_registry_that_lies() -> None:
    reply = Reply(b"{}", headers={"Docker-Content-Digest": id_of("a")})
    with site(lambda _request: reply) as served, pytest.raises(FormatError):
        look(Fake(), served, "many", via="registry")


def test_credentials_of_a_task_are_for_one_registry() -> None:
    with pytest.raises(UsageError):
        observe(Fake().engine, params(SPEC, name=["a.example/x", "b.example/y"], registry_token="t"))
