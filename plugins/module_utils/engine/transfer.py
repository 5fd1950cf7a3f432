# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images on the move: pulled from a registry, pushed to one, loaded from an archive. Each gives the engine's records
as they come."""

from __future__ import annotations

import typing as t
from urllib.parse import quote

from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.errors import EngineError
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference

Records = t.Iterator[dict[str, t.Any]]


def pull(engine: Engine, reference: Reference, platform: str | None = None, all_tags: bool = False) -> Records:
    """`POST /images/create`. A reference with tag and digest is pulled by its digest, as the engine would."""
    label = "" if all_tags else reference.digest or reference.tag
    params = {"fromImage": reference.name, "tag": label or ""}
    if platform:
        params["platform"] = platform
    headers = {"X-Registry-Auth": engine.auths.header(reference.registry)}
    return _records(engine, "/images/create", params=params, headers=headers)


def load(engine: Engine, blocks: t.Iterable[bytes]) -> Records:
    """`POST /images/load` with a plain tar. `quiet=0`: the engine's default says nothing until the end."""
    headers = {"Content-Type": "application/x-tar"}
    return _records(engine, "/images/load", params={"quiet": "0"}, headers=headers, body=blocks)


def push(engine: Engine, reference: Reference, platform: str | None = None) -> Records:
    """`POST /images/{name}/push` of one tag; `platform` (API 1.46) is JSON of the OCI specification.

    The header is always there: engines before 23.0 refuse a push without it, 28.3.3 breaks it off.
    """
    params = {"tag": reference.tag}
    if platform:
        params["platform"] = platform
    headers = {"X-Registry-Auth": engine.auths.header(reference.registry)}
    path = "/images/%s/push" % quote(reference.name, safe="/:@")
    return _records(engine, path, params=params, headers=headers)


def _records(engine: Engine, path: str, **how: t.Any) -> Records:
    """Podman 5 gives a stream that begins with its error the status of that; here it is a stream all the same."""
    try:
        with engine.request("POST", path, patient=True, **how) as answer:
            yield from answer.records()
    except EngineError as error:
        if not engine.podman:
            raise
        yield {"errorDetail": {"code": error.facts["status"], "message": error.facts["said"]}}
