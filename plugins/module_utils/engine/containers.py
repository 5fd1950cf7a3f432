# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers that the engine has, as far as images are concerned."""

from __future__ import annotations

import typing as t

from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine


def listed(engine: Engine) -> list[dict[str, t.Any]]:
    """`GET /containers/json`: one row a container, stopped ones too; `Names`, `ImageID`, `State`.

    Of Podman by its own API: the other one hides what it builds in, which keeps an image all the same, and for good
    where a build has failed.
    """
    rows = engine.find("/libpod/containers/json", {"all": "true", "external": "true"}) if engine.podman else None
    if rows:
        return [{**row, "ImageID": "sha256:%s" % row["ImageID"].rpartition(":")[2]} for row in rows]
    return t.cast("list[dict[str, t.Any]]", engine.get("/containers/json", {"all": "1"}))
