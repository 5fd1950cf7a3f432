# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Content of a registry, checked against its digest: manifests, blobs, and what refers to them."""

from __future__ import annotations

import hashlib
import json
import typing as t
from dataclasses import dataclass
from urllib.parse import urlsplit

from ansible_collections.slipway.images.plugins.module_utils.errors import (
    EngineError,
    FormatError,
    NotFound,
    UsageError,
)
from ansible_collections.slipway.images.plugins.module_utils.image import digest as digests
from ansible_collections.slipway.images.plugins.module_utils.image.manifest import INDEXES, MANIFESTS, Descriptor
from ansible_collections.slipway.images.plugins.module_utils.registry.client import Registry

ACCEPT = (*INDEXES, *MANIFESTS)
MANIFEST_LIMIT = 4 * 1024 * 1024
"""Bytes. The distribution specification lets registries refuse larger ones, and so they do."""
BLOB_LIMIT = 8 * 1024 * 1024
"""Bytes of a blob that is read into memory: a config."""
MOST_PAGES = 1000
PAGE = 1000  # tags; what registries give at most


@dataclass(frozen=True)
class Manifest:
    """A manifest or an index; `size` is that of its bytes."""

    digest: str
    media_type: str
    size: int
    document: t.Mapping[str, t.Any]


def describe(registry: Registry, repository: str, label: str) -> Descriptor:
    """What a tag or digest names, by a HEAD: it counts towards no rate limit of Docker Hub's.

    Registries that leave the digest out, or that take no HEAD, are asked for the whole manifest.
    """
    headers: t.Mapping[str, str] = {}
    try:
        with registry.request("HEAD", repository, "manifests/" + label, ACCEPT) as answer:
            headers = answer.headers
    except EngineError as error:
        if error.facts["status"] not in (404, 405):  # 404: the refusal of a HEAD has no words
            raise
    if not headers.get("Docker-Content-Digest"):
        manifest = fetch(registry, repository, label)
        return Descriptor(manifest.digest, manifest.media_type, manifest.size)
    size = headers.get("Content-Length", "")
    digest = _digest(registry, headers["Docker-Content-Digest"])
    if ":" in label and digest != label:
        raise FormatError("the registry %s was asked for %s and has %s for it" % (registry.host, label, digest))
    return Descriptor(digest, _media_type(headers), int(size) if size.isdigit() else 0)


def fetch(registry: Registry, repository: str, label: str) -> Manifest:
    """The manifest or index of a tag or digest; `FormatError` when its bytes are not those of its digest."""
    with registry.request("GET", repository, "manifests/" + label, ACCEPT) as answer:
        headers = answer.headers
        content = answer.content(MANIFEST_LIMIT)
    claimed = [label] if ":" in label else []
    if headers.get("Docker-Content-Digest"):
        claimed.append(_digest(registry, headers["Docker-Content-Digest"]))
    for digest in claimed:
        _verify(registry, content, digest)
    digest = claimed[0] if claimed else "sha256:" + hashlib.sha256(content).hexdigest()
    document = _parse(registry, content)
    media_type = _media_type(headers)
    if media_type not in ACCEPT:  # some registries serve each as plain JSON
        media_type = str(document.get("mediaType") or media_type)
    return Manifest(digest, media_type, len(content), document)


def blob(registry: Registry, repository: str, digest: str) -> dict[str, t.Any]:
    """A JSON blob (a config), wherever the registry keeps it."""
    with registry.request("GET", repository, "blobs/" + digest) as answer:
        content = answer.content(BLOB_LIMIT)
    _verify(registry, content, digest)
    return _parse(registry, content)


def tags(registry: Registry, repository: str) -> list[str]:
    """All tags, sorted. `NotFound` for a repository that the registry does not know."""
    pages = _pages(registry, repository, "tags/list?n=%d" % PAGE)
    return sorted({str(tag) for page in pages for tag in _rows(registry, page, "tags")})


def referrers(registry: Registry, repository: str, digest: str) -> list[dict[str, t.Any]]:
    """Descriptors of what says of itself that it is about a manifest (signatures, SBOMs), as the registry gives them.

    A registry older than the specification's 1.1 keeps them under a tag that is made of the digest.
    """
    try:
        pages = list(_pages(registry, repository, "referrers/" + digest))
    except EngineError as error:
        if error.facts["status"] not in (400, 404, 405):
            raise
        try:
            pages = [dict(fetch(registry, repository, digest.replace(":", "-")).document)]
        except NotFound:
            return []
    return [row for page in pages for row in _rows(registry, page, "manifests")]


def _pages(registry: Registry, repository: str, path: str) -> t.Iterator[dict[str, t.Any]]:
    """Page after page, by the header `Link`. Only its path counts: behind proxies registries guess their own host."""
    root = "/v2/%s/" % repository
    for _page in range(MOST_PAGES):
        with registry.request("GET", repository, path) as answer:
            link = answer.next_link
            page = _parse(registry, answer.content(MANIFEST_LIMIT))
        yield page
        if not link:
            return
        parts = urlsplit(link)
        path = "%s?%s" % (parts.path.partition(root)[2] or path.partition("?")[0], parts.query)
    raise FormatError("the registry %s has more than %d pages, or turns in a circle" % (registry.host, MOST_PAGES))


def _rows(registry: Registry, page: t.Mapping[str, t.Any], key: str) -> list[t.Any]:
    rows = page.get(key) or []
    if not isinstance(rows, list):
        raise FormatError("the registry %s answered with %s that are no list" % (registry.host, key))
    return rows


def _digest(registry: Registry, text: str) -> str:
    try:
        return digests.check(text)
    except UsageError as exc:
        raise FormatError("the registry %s says a digest that is none: %s" % (registry.host, exc)) from exc


def _verify(registry: Registry, content: bytes, digest: str) -> None:
    algorithm, _colon, wanted = digest.partition(":")
    found = hashlib.new(algorithm, content).hexdigest()
    if found != wanted:
        said = (registry.host, digest, algorithm, found)
        raise FormatError("what the registry %s calls %s is %s:%s: damaged or altered" % said, digest=digest)


def _parse(registry: Registry, content: bytes) -> dict[str, t.Any]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise FormatError("the registry %s answered with something that is no JSON object" % registry.host)
    return document


def _media_type(headers: t.Mapping[str, str]) -> str:
    return headers.get("Content-Type", "").partition(";")[0].strip()
