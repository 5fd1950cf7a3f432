# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.slipway.images.plugins.module_utils.engine import search
from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.errors import EngineError

OFFLINE = 'Get "https://index.docker.io/v1/search?q=x&n=25": dial tcp: lookup index.docker.io: no such host'


def test_all_that_is_asked_is_sent(daemon: t.Any, engine: Engine) -> None:
    daemon.answers["GET /images/search"] = [{"name": "a"}]
    assert search.search(engine, "web server", 5, {"stars": ["3"]}) == [{"name": "a"}]
    assert daemon.last.query == {"term": "web server", "limit": "5", "filters": '{"stars": ["3"]}'}
    assert daemon.last.headers["x-registry-auth"] == "for docker.io"


def test_the_engine_knows_how_many_when_nobody_says(daemon: t.Any, engine: Engine) -> None:
    daemon.answers["GET /images/search"] = None
    assert search.search(engine, "r.io/a", None, {}) == []
    assert daemon.last.query == {"term": "r.io/a", "filters": "{}"}
    assert daemon.last.headers["x-registry-auth"] == "for r.io"


def test_no_registry_is_one_line_with_the_engines_words(daemon: t.Any, engine: Engine) -> None:
    daemon.answers["GET /images/search"] = (500, {"message": OFFLINE.replace(": dial", ":\n dial")})
    with pytest.raises(EngineError) as caught:
        search.search(engine, "x", None, {})
    assert str(caught.value) == "the engine cannot search docker.io for 'x': " + OFFLINE
    assert (caught.value.kind, caught.value.facts["status"]) == ("engine", 500)


@pytest.mark.parametrize(
    ("term", "registry"),
    [
        ("busybox", "docker.io"),
        ("library/busybox", "docker.io"),
        ("web server", "docker.io"),
        ("r.io", "docker.io"),
        ("docker.io/a", "docker.io"),
        ("r.io/a", "r.io"),
        ("localhost/a", "localhost"),
        ("h:5000/a/b", "h:5000"),
    ],
)
def test_searched(term: str, registry: str) -> None:
    assert search.searched(term) == registry
