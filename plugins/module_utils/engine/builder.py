# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's builder: start a build, look at its cache, prune it."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.engine import version as api
from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.wire.answer import Answer
from ansible_collections.slipway.images.plugins.module_utils.wire.stream import Stream
from ansible_collections.slipway.images.plugins.module_utils.wire.upgrade import upgrade

if t.TYPE_CHECKING:
    from ansible_collections.slipway.images.plugins.module_utils.engine.transfer import Records

Row = dict[str, t.Any]


def build(
    engine: Engine,
    query: t.Sequence[tuple[str, str]],
    auths: str = "",
    context: t.Iterable[bytes] | None = None,
    meanwhile: t.Callable[[], object] | None = None,
) -> Records:
    """`POST /build` with a tar as the context, or (`context` is `None`) with one the engine fetches itself.

    `auths` is the value of `X-Registry-Config`, for the classic builder; BuildKit asks when it needs them. `meanwhile`
    as in `Transport.ask`: an engine answers when it has something to tell of the build.
    """
    headers = {"X-Registry-Config": auths} if auths else {}
    if context is not None:
        headers["Content-Type"] = "application/x-tar"
    answer = engine.request(
        "POST", "/build", params=query, headers=headers, body=context, patient=True, meanwhile=meanwhile
    )
    return _records(answer)


def _records(answer: Answer) -> Records:
    with answer:
        yield from answer.records()


def session(engine: Engine, headers: t.Iterable[tuple[str, str]]) -> Stream:
    """`POST /session`: the connection over which BuildKit asks us for what a build needs, while the build runs."""
    return upgrade(engine.transport, "/v%s/session" % api.show(engine.api), headers)


def cache(engine: Engine) -> list[Row]:
    """The records of BuildKit's cache, from `GET /system/df`; none where the engine keeps none (Podman).

    From API 1.44 on the engine is asked for these alone: sizing all else can take it long. It has been possible since
    1.42, but in the tongue of 1.42 and 1.43 Docker 26 hangs up on it (a nil pointer in `getDiskUsage`).
    """
    params = {"type": "build-cache"} if engine.api >= (1, 44) else {}
    with engine.request("GET", "/system/df", params=params, patient=True) as answer:
        return answer.json().get("BuildCache") or []


def prune(engine: Engine, ids: t.Iterable[str], everything: bool) -> Row:
    """`POST /build/prune`: `{"CachesDeleted": [id], "SpaceReclaimed": bytes}`.

    Of these records, those that are still not in use; unless `everything`, none that images share or BuildKit needs
    for itself. The engine takes one value for its filter `id`, and that for a regular expression
    (`toBuildkitPruneInfo` in moby, the same from 18.09 to 29).
    """
    params = {"all": str(int(everything)), "filters": json.dumps({"id": ['"^(%s)$"' % "|".join(ids)]})}
    with engine.request("POST", "/build/prune", params=params, patient=True) as answer:
        return t.cast(Row, answer.json())
