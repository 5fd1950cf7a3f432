# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Digests of content, and whether a local image is what a registry means by one."""

from __future__ import annotations

import typing as t

from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError

if t.TYPE_CHECKING:
    from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference

HEX_DIGITS = {"sha256": 64, "sha384": 96, "sha512": 128}
"""The algorithms of the OCI image specification that engines know, and how long their digests are."""


def check(text: str) -> str:
    """`text`, when it is a digest (`sha256:<64 hex>`); `UsageError` says why it is not."""
    algorithm, colon, digits = text.partition(":")
    if not colon or algorithm not in HEX_DIGITS:
        raise UsageError("%r is not a digest: write sha256: and 64 hex digits" % text, digest=text)
    if not digits or not set(digits) <= set("0123456789abcdef"):
        raise UsageError("%r is not a digest: what follows %s: must be lower-case hex" % (text, algorithm), digest=text)
    if len(digits) != HEX_DIGITS[algorithm]:
        said = (text, algorithm, HEX_DIGITS[algorithm], len(digits))
        raise UsageError("%r is not a digest: %s has %d hex digits, and here are %d" % said, digest=text)
    return text


def short(image_id: str) -> str:
    """The first 12 hex digits, which is how people and the docker CLI write an id."""
    return image_id.rpartition(":")[2][:12]


def bears(attrs: t.Mapping[str, t.Any], reference: Reference, digest: str) -> bool:
    """Is the image of these inspect attrs what `reference`'s registry calls `digest`?

    Graph drivers keep the registry's digest in `RepoDigests` only: their `Id` is that of the config. On the
    containerd store the `Id` (and `Descriptor.digest`, from API 1.48) is itself the digest of the manifest or index,
    also for an image that was never pulled. Podman writes `RepoDigests` in full, Docker in familiar form.
    """
    if digest in (attrs.get("Id"), (attrs.get("Descriptor") or {}).get("digest")):
        return True
    spellings = {"%s@%s" % (name, digest) for name in (reference.name, reference.full_name)}
    return not spellings.isdisjoint(attrs.get("RepoDigests") or ())
