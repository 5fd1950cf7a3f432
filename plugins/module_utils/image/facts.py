# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the attrs of an image (the engine's inspect) tell."""

from __future__ import annotations

import typing as t

from ansible_collections.slipway.images.plugins.module_utils.image.digest import is_foretold
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference


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


_EMPTY: t.Mapping[str, t.Any] = {
    "Cmd": [],
    "Entrypoint": [],
    "Env": [],
    "ExposedPorts": {},
    "Labels": {},
    "OnBuild": [],
    "User": "",
    "Volumes": {},
    "WorkingDir": "",
}
"""What API 1.52 leaves out of an image's `Config` when it is empty (`ExposedPorts` every version does)."""


def complete(attrs: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The attrs with the missing keys of `Config` in their place, empty; what the engine gave stays as it is, `null`
    too. An artifact has no `Config` at all. No image (`{}`) stays none, and of one that is only foretold nobody knows
    what will be empty."""
    if is_foretold(attrs.get("Id", "")):
        return dict(attrs)
    return {**attrs, "Config": {**_EMPTY, **(attrs.get("Config") or {})}} if attrs else {}
