# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a registry says of a name, asked through the engine."""

from __future__ import annotations

import typing as t
from urllib.parse import quote

from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.errors import EngineError
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference


def distribution(engine: Engine, reference: Reference) -> dict[str, t.Any] | None:
    """`GET /distribution/{name}/json`: `{"Descriptor": {"digest", "mediaType", "size"}, "Platforms": [...]}`.

    `None` when the engine has no such endpoint (Podman). Raises `NotFound` and `Denied` for the registry's answers.
    """
    if engine.podman:
        return None
    headers = {"X-Registry-Auth": engine.auths.header(reference.registry)}
    path = "/distribution/%s/json" % quote(str(reference), safe="/:@")
    try:
        return t.cast("dict[str, t.Any]", engine.get(path, headers=headers))
    except EngineError as error:
        raise error.concerning("asking the registry for %s" % reference) from error
