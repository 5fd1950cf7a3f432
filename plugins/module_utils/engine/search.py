# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What registries that can be searched have for a word."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.errors import EngineError
from ansible_collections.slipway.images.plugins.module_utils.image.reference import HUB

Found = dict[str, t.Any]


def search(engine: Engine, term: str, limit: int | None, filters: t.Mapping[str, t.Sequence[str]]) -> list[Found]:
    """`GET /images/search`: `[{"name", "description", "is_official", "star_count", ...}]`.

    The engine asks Docker Hub, or the registry that `term` begins with, by its v1 API. An engine that reaches no
    registry says so with HTTP 500.
    """
    registry = searched(term)
    params = {"term": term, "filters": json.dumps(filters), **({} if limit is None else {"limit": str(limit)})}
    headers = {"X-Registry-Auth": engine.auths.header(registry)}
    try:
        with engine.request("GET", "/images/search", params=params, headers=headers) as answer:
            return t.cast("list[Found]", answer.json() or [])
    except EngineError as error:
        raise error.concerning("the engine cannot search %s for %r" % (registry, term)) from error


def searched(term: str) -> str:
    """The registry that a term is for. A term is a name only nearly (`My App` may be one), the rule is the same."""
    head, slash, _rest = term.partition("/")
    return head if slash and (head == "localhost" or "." in head or ":" in head) else HUB
