# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Content of a registry: what it says, and what is believed of it."""

from __future__ import annotations

import hashlib
import json
import typing as t

import pytest
from ansible_collections.slipway.images.plugins.module_utils.errors import Denied, FormatError, NotFound, RateLimited
from ansible_collections.slipway.images.plugins.module_utils.image.manifest import INDEXES, MANIFESTS, Descriptor
from ansible_collections.slipway.images.plugins.module_utils.registry import contents
from ansible_collections.slipway.images.plugins.module_utils.registry.contents import Manifest
from ansible_collections.slipway.images.tests.support.registries import Reply, Request, digest_of, refusal

DOCUMENT = {"schemaVersion": 2, "mediaType": MANIFESTS[0], "layers": []}
CONTENT = json.dumps(DOCUMENT).encode()
DIGEST = digest_of(CONTENT)
SHA512 = "sha512:" + hashlib.sha512(CONTENT).hexdigest()
OTHER = digest_of(b"other")
HEAD = {"Content-Type": MANIFESTS[0], "Docker-Content-Digest": DIGEST}
GONE = refusal(404, "MANIFEST_UNKNOWN", "manifest unknown")


@pytest.fixture
def registry(serve: t.Any, open_registry: t.Any) -> t.Any:
    """`registry(reply)`: a client of a registry that always answers so, or as a function of the request does."""

    def start(reply: t.Any) -> t.Any:
        start.site = serve(reply if callable(reply) else lambda _request: reply)  # type: ignore[attr-defined]
        return open_registry(start.site)  # type: ignore[attr-defined]

    return start


def test_a_manifest(registry: t.Any) -> None:
    found = contents.fetch(registry(Reply(CONTENT, headers=HEAD)), "team/app", "1")
    assert found == Manifest(DIGEST, MANIFESTS[0], len(CONTENT), DOCUMENT)
    [request] = registry.site.requests
    assert request.path == "/v2/team/app/manifests/1"
    assert request.headers["accept"] == ", ".join((*INDEXES, *MANIFESTS))


@pytest.mark.parametrize(
    ("label", "headers", "digest"),
    [
        ("1", {}, DIGEST),
        ("1", {"Docker-Content-Digest": SHA512}, SHA512),
        (DIGEST, {}, DIGEST),
        (DIGEST, {"Docker-Content-Digest": SHA512}, DIGEST),
        (SHA512, {}, SHA512),
    ],
)
def test_its_digest(registry: t.Any, label: str, headers: dict[str, str], digest: str) -> None:
    found = contents.fetch(registry(Reply(CONTENT, headers=headers)), "app", label)
    assert (found.digest, found.media_type) == (digest, MANIFESTS[0])  # by the document, where no header tells


@pytest.mark.parametrize(
    ("label", "content", "claimed"),
    [
        ("1", CONTENT, OTHER),
        (DIGEST, CONTENT + b" ", DIGEST),
        (DIGEST, b"other", OTHER),
        (DIGEST, CONTENT + b" ", ""),
        ("1", CONTENT, "sha256:12"),
        ("1", CONTENT, "md5:" + 32 * "0"),
        ("1", b"[]", ""),
        ("1", b"{", ""),
        ("1", b"[" * 100000, ""),
        ("1", b" " * (contents.MANIFEST_LIMIT + 1), ""),
    ],
)
def test_a_registry_that_lies(registry: t.Any, label: str, content: bytes, claimed: str) -> None:
    headers = {"Docker-Content-Digest": claimed} if claimed else {}
    with pytest.raises(FormatError):
        contents.fetch(registry(Reply(content, headers=headers)), "app", label)


def test_describing_costs_a_head(registry: t.Any) -> None:
    found = contents.describe(registry(Reply(CONTENT, headers=HEAD)), "app", "1")
    assert found == Descriptor(DIGEST, MANIFESTS[0], len(CONTENT))
    assert registry.site.asked() == ["HEAD /v2/app/manifests/1"]


@pytest.mark.parametrize("head", [Reply(CONTENT), Reply(status=405), Reply(status=404)])
def test_describing_where_a_head_does_not_tell(registry: t.Any, head: Reply) -> None:
    client = registry(lambda request: head if request.method == "HEAD" else Reply(CONTENT))
    assert contents.describe(client, "app", "1") == Descriptor(DIGEST, MANIFESTS[0], len(CONTENT))


def test_describing_what_is_not_there(registry: t.Any) -> None:
    with pytest.raises(NotFound, match="manifest unknown"):
        contents.describe(registry(GONE), "app", "1")


def test_describing_another(registry: t.Any) -> None:
    with pytest.raises(FormatError):
        contents.describe(registry(Reply(CONTENT, headers=HEAD)), "app", OTHER)


def test_a_blob(registry: t.Any) -> None:
    assert contents.blob(registry(Reply(CONTENT)), "app", DIGEST) == DOCUMENT
    assert registry.site.asked() == ["GET /v2/app/blobs/" + DIGEST]
    with pytest.raises(FormatError, match="damaged or altered"):
        contents.blob(registry(Reply(b"{}")), "app", DIGEST)


def paged(link: str) -> t.Callable[[Request], Reply]:
    """Three pages of two tags; `link` is how the next one is written."""

    def route(request: Request) -> Reply:
        assert request.path == "/v2/team/app/tags/list"
        page = int(request.query.get("last", ["0"])[0])
        tags = [f"{page}.{n}" for n in (1, 0)]
        head = {"Link": link.format(host=request.headers["host"], last=page + 1)} if page < 2 else {}
        return Reply(json.dumps({"name": "team/app", "tags": tags}).encode(), headers=head)

    return route


@pytest.mark.parametrize(
    "link",
    [
        '</v2/team/app/tags/list?last={last}&n=2>; rel="next"',
        '<http://{host}/v2/team/app/tags/list?last={last}>; rel="next"',
        # Behind a proxy that a registry knows nothing of, it guesses where it is; our name for it is the good one.
        "<http://inside.invalid:5000/prefix/v2/team/app/tags/list?last={last}>; rel=next",
        '<list?last={last}>; rel="next"',
        '<?last={last}>; rel="next"',
    ],
)
def test_tags_page_by_page(registry: t.Any, link: str) -> None:
    assert contents.tags(registry(paged(link)), "team/app") == ["0.0", "0.1", "1.0", "1.1", "2.0", "2.1"]
    assert len(registry.site.requests) == 3


@pytest.mark.parametrize(
    ("body", "tags"), [(b'{"tags": null}', []), (b"{}", []), (b'{"tags": ["b", "a", "b"]}', ["a", "b"])]
)
def test_tags(registry: t.Any, body: bytes, tags: list[str]) -> None:
    assert contents.tags(registry(Reply(body)), "app") == tags


@pytest.mark.parametrize("body", [b'{"tags": 5}', b'{"tags": "abc"}', b"[]", b"\xff"])
def test_tags_that_are_none(registry: t.Any, body: bytes) -> None:
    with pytest.raises(FormatError):
        contents.tags(registry(Reply(body)), "app")


def test_pages_that_turn_in_a_circle(registry: t.Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "MOST_PAGES", 3)
    with pytest.raises(FormatError, match="circle"):
        contents.tags(registry(Reply(b"{}", headers={"Link": '<?last=x>; rel="next"'})), "app")
    assert len(registry.site.requests) == 3


ROW = {"mediaType": MANIFESTS[0], "digest": OTHER, "size": 2, "artifactType": "application/x-signature"}
REFERRERS = {"schemaVersion": 2, "mediaType": INDEXES[0], "manifests": [ROW]}


def test_referrers(registry: t.Any) -> None:
    assert contents.referrers(registry(Reply(json.dumps(REFERRERS).encode())), "app", DIGEST) == [ROW]
    assert registry.site.asked() == ["GET /v2/app/referrers/" + DIGEST]


@pytest.mark.parametrize("tagged", [True, False])
def test_referrers_of_an_older_registry(registry: t.Any, tagged: bool) -> None:
    def route(request: Request) -> Reply:
        if "/referrers/" in request.path:
            return Reply(b"404 page not found", 404)
        assert request.path == "/v2/app/manifests/" + DIGEST.replace(":", "-")
        return Reply(json.dumps(REFERRERS).encode()) if tagged else GONE

    assert contents.referrers(registry(route), "app", DIGEST) == ([ROW] if tagged else [])


@pytest.mark.parametrize(("status", "kind"), [(401, Denied), (429, RateLimited)])
def test_referrers_that_are_refused(registry: t.Any, status: int, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        contents.referrers(registry(refusal(status, "x", "no")), "app", DIGEST)
