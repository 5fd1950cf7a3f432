# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Caches of builds in directories of the target, which BuildKit reads and writes through the session."""

from __future__ import annotations

import json
import os
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.buildkit import content
from ansible_collections.slipway.images.plugins.module_utils.buildkit.solve import CACHE
from ansible_collections.slipway.images.plugins.module_utils.disk.blobstore import BlobStore
from ansible_collections.slipway.images.plugins.module_utils.image.buildcaching import LOCAL, Kind

if t.TYPE_CHECKING:
    from ansible_collections.slipway.images.plugins.module_utils.engine.transfer import Records

TAG = "latest"
"""The name of a cache in its directory, unless another is given: buildx's."""


class Caches:
    """Of one build. `services` are its directories', `conduct` is the request's, with the digests that are there."""

    def __init__(self, conduct: t.Mapping[str, str], warnings: list[str]) -> None:
        kept = [kind for kind in _kinds(conduct, "cacheto") if kind["Type"] == LOCAL]
        found = [kind for kind in _kinds(conduct, "cacheimports") if _has_digest(kind, warnings)]
        self.conduct = {key: value for key, value in conduct.items() if key != "cacheimports"}
        if found:
            self.conduct["cacheimports"] = json.dumps(found)
        self._kept = {kind["Attrs"]["dest"]: kind["Attrs"].get("tag", TAG) for kind in kept}
        folders = {*self._kept, *(kind["Attrs"]["src"] for kind in found)}
        self.services = content.service({f"{LOCAL}:{folder}": BlobStore(folder) for folder in folders})
        self._manifest: dict[str, t.Any] = {}

    def noted(self, records: Records) -> Records:
        for record in records:
            if record.get("id") == CACHE:
                self._manifest = json.loads(record["aux"])
            yield record

    def settle(self) -> None:
        """All of it is there: give it the name by which it is found."""
        for folder, tag in self._kept.items():
            if self._manifest:
                BlobStore(folder).give(tag, self._manifest)


def _kinds(conduct: t.Mapping[str, str], key: str) -> list[Kind]:
    return t.cast("list[Kind]", json.loads(conduct.get(key, "[]")))


def _has_digest(kind: Kind, warnings: list[str]) -> bool:
    attrs = kind["Attrs"]
    store = BlobStore(attrs["src"])
    digest = attrs.setdefault("digest", store.named(attrs.get("tag", TAG)) if os.path.isdir(store.root) else "")
    if digest and store.size(digest) is not None:
        return True
    warnings.append("cache_from: there is no cache in %s" % store.root)
    return False
