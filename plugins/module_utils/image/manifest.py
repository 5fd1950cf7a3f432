# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Manifests and indexes: what a registry keeps under a name, read as far as anyone asks."""

from __future__ import annotations

import hashlib
import json
import typing as t
from dataclasses import dataclass

from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError, UsageError
from ansible_collections.slipway.images.plugins.module_utils.image import digest as digests
from ansible_collections.slipway.images.plugins.module_utils.image import platform as platforms
from ansible_collections.slipway.images.plugins.module_utils.image.platform import Platform

INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
CONFIGS = (
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
)
_ATTESTATION = "vnd.docker.reference.type"

Document = t.Mapping[str, t.Any]


@dataclass(frozen=True)
class Descriptor:
    """What points to content. `size` is in bytes, `platform` of an index's entries alone (`attestation`s have none)."""

    digest: str
    media_type: str
    size: int
    platform: Platform | None = None
    attestation: bool = False

    @classmethod
    def read(cls, row: t.Any) -> Descriptor:
        """A descriptor as it stands in JSON; `FormatError` when it points nowhere."""
        try:
            digest = digests.check(row["digest"])
            size = int(row.get("size") or 0)
            attestation = _is_attestation(row)
            platform = of_row(row["platform"]) if row.get("platform") and not attestation else None
        except (UsageError, LookupError, TypeError, ValueError, AttributeError) as exc:
            raise FormatError("the registry's manifest has an entry that points nowhere: %.80r" % (row,)) from exc
        return cls(digest, str(row.get("mediaType") or ""), size, platform, attestation)


def is_index(document: Document) -> bool:
    return document.get("mediaType") in INDEXES or ("manifests" in document and "layers" not in document)


def entries(index: Document) -> tuple[Descriptor, ...]:
    """What an index lists, attestations too; nothing for a manifest."""
    return tuple(map(Descriptor.read, _rows(index, "manifests"))) if is_index(index) else ()


def layers(manifest: Document) -> tuple[Descriptor, ...]:
    """From the bottom up, compressed as they are in the registry."""
    return tuple(map(Descriptor.read, _rows(manifest, "layers")))


def config(manifest: Document) -> Descriptor | None:
    """Where an image's config is; `None` for what is no image (a chart, a signature)."""
    row = manifest.get("config")
    return Descriptor.read(row) if isinstance(row, dict) and row.get("mediaType") in CONFIGS else None


def of_row(row: t.Mapping[str, t.Any]) -> Platform:
    """The platform of a config, an index's entry or a row of `/distribution`: Go's keys, in lower case."""
    return platforms.of_image({key.capitalize(): row.get(key) for key in ("os", "architecture", "variant")})


def real(rows: t.Iterable[t.Mapping[str, t.Any]]) -> tuple[Platform, ...]:
    """The platforms in these rows, each once. BuildKit writes attestations down as of `unknown/unknown`."""
    return tuple(dict.fromkeys(of_row(row) for row in rows if not _unknown(row)))


def choose(index: Document, wanted: Platform) -> Descriptor | None:
    """The first entry for a platform, as engines choose."""
    found = (entry for entry in entries(index) if entry.platform and platforms.matches(wanted, entry.platform))
    return next(found, None)


def _rows(document: Document, key: str) -> list[t.Any]:
    rows = document.get(key) or []
    if not isinstance(rows, list):
        raise FormatError("the registry's manifest has %s that are no list" % key)
    return rows


def _unknown(platform: t.Mapping[str, t.Any]) -> bool:
    return platform.get("os") == "unknown" == platform.get("architecture")


def _is_attestation(row: t.Mapping[str, t.Any]) -> bool:
    return _ATTESTATION in (row.get("annotations") or {}) or _unknown(row.get("platform") or {})


def made_by_containerd(config: tuple[str, int], layers: t.Sequence[tuple[str, int]]) -> str:
    """The digest of the manifest that containerd makes of an image in docker's own archive format, with its layers as
    they are (`core/images/archive/importer.go`): digests and sizes in bytes, bottom first."""
    kind = "application/vnd.docker."
    manifest = {
        "schemaVersion": 2,
        "mediaType": kind + "distribution.manifest.v2+json",
        "config": _entry(kind + "container.image.v1+json", *config),
        "layers": [_entry(kind + "image.rootfs.diff.tar", *layer) for layer in layers],
    }
    return "sha256:" + hashlib.sha256(json.dumps(manifest, separators=(",", ":")).encode()).hexdigest()


def _entry(media_type: str, digest: str, size: int) -> dict[str, t.Any]:
    return {"mediaType": media_type, "digest": digest, "size": size}
