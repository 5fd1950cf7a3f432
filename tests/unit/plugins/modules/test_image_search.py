# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError
from ansible_collections.slipway.images.plugins.module_utils.task.run import report
from ansible_collections.slipway.images.plugins.modules.image_search import SPEC, observe, plan
from ansible_collections.slipway.images.tests.support.fake import params
from ansible_collections.slipway.images.tests.unit.plugins.module_utils.engine.conftest import (
    Daemon,
    daemon,
    engine,
    meet,
    serve,
)

__all__ = ["daemon", "engine", "meet", "serve"]  # fixtures

FOUND = [{"name": "busybox", "star_count": 3, "is_official": True}]


def test_what_was_found_is_told() -> None:
    todo = plan({}, FOUND)
    result = report(todo, todo.foretold())
    assert (result["results"], result["changed"], result["actions"], result["images"]) == (FOUND, False, [], [])


@pytest.mark.parametrize(
    ("given", "filters"),
    [
        ({}, {}),
        ({"official": True}, {"is-official": ["true"]}),
        ({"official": False}, {"is-official": ["false"]}),
        ({"stars": 0}, {"stars": ["0"]}),
        ({"stars": 3, "official": True}, {"is-official": ["true"], "stars": ["3"]}),
    ],
)
def test_filters(daemon: Daemon, engine: Engine, given: dict[str, t.Any], filters: dict[str, list[str]]) -> None:
    daemon.answers["GET /images/search"] = FOUND
    assert observe(engine, params(SPEC, term="busybox", limit=7, **given)) == FOUND
    assert json.loads(daemon.last.query["filters"]) == filters
    assert (daemon.last.query["term"], daemon.last.query["limit"]) == ("busybox", "7")


@pytest.mark.parametrize("term", ["", " "])
def test_something_must_be_searched_for(daemon: Daemon, engine: Engine, term: str) -> None:
    asked = len(daemon.asked)
    with pytest.raises(UsageError, match="the term is empty"):
        observe(engine, params(SPEC, term=term))
    assert len(daemon.asked) == asked
