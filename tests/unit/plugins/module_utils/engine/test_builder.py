# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import re
import typing as t
from dataclasses import replace

import pytest
from ansible_collections.slipway.images.plugins.module_utils.engine import builder
from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.errors import EngineError

LOG = b'{"stream":"Step 1/1"}\r\n{"aux":{"ID":"sha256:1"}}\r\n'


def test_build_sends_the_context_as_it_is_made(daemon: t.Any, engine: Engine) -> None:
    daemon.answers["POST /build"] = LOG
    records = builder.build(engine, [("t", "a:1"), ("q", "")], "who", iter([b"one", b"two"]))
    assert list(records) == [{"stream": "Step 1/1"}, {"aux": {"ID": "sha256:1"}}]
    asked = daemon.last
    assert (asked.query, asked.body) == ({"t": "a:1", "q": ""}, b"onetwo")
    assert (asked.headers["content-type"], asked.headers["x-registry-config"]) == ("application/x-tar", "who")


def test_build_of_what_the_engine_fetches(daemon: t.Any, engine: Engine) -> None:
    daemon.answers["POST /build"] = LOG
    assert len(list(builder.build(engine, [("remote", "https://x/y.git")]))) == 2
    assert daemon.last.body == b""
    assert not {"content-type", "x-registry-config"} & set(daemon.last.headers)


def test_what_is_done_meanwhile_is_done_before_the_engine_speaks(daemon: t.Any, engine: Engine) -> None:
    daemon.answers["POST /build"] = LOG
    done: list[str] = []
    records = builder.build(engine, [("remote", "https://x/y.git")], meanwhile=lambda: done.append("this"))
    assert done == ["this"]
    assert len(list(records)) == 2


def test_build_refused(daemon: t.Any, engine: Engine) -> None:
    daemon.answers["POST /build"] = (400, {"message": "dockerfile parse error"})
    with pytest.raises(EngineError, match="dockerfile parse error"):
        builder.build(engine, [], "who", [b""])


@pytest.mark.parametrize(("api", "query"), [((1, 43), {}), ((1, 44), {"type": "build-cache"})])
def test_cache(daemon: t.Any, engine: Engine, api: tuple[int, int], query: dict[str, str]) -> None:
    daemon.answers["GET /system/df"] = {"BuildCache": [{"ID": "x"}]}
    assert builder.cache(replace(engine, api=api)) == [{"ID": "x"}]
    assert daemon.last.query == query


@pytest.mark.parametrize("said", [{"BuildCache": None}, {}])
def test_no_cache(daemon: t.Any, engine: Engine, said: t.Any) -> None:
    daemon.answers["GET /system/df"] = said
    assert builder.cache(engine) == []


def test_prune_names_what_goes(daemon: t.Any, engine: Engine) -> None:
    daemon.answers["POST /build/prune"] = {"CachesDeleted": ["abc"], "SpaceReclaimed": 7}
    assert builder.prune(engine, ["abc", "def"], False) == {"CachesDeleted": ["abc"], "SpaceReclaimed": 7}
    query = daemon.last.query
    assert (query["all"], json.loads(query["filters"])) == ("0", {"id": ['"^(abc|def)$"']})
    pattern = json.loads(json.loads(query["filters"])["id"][0])
    assert [bool(re.search(pattern, id)) for id in ("abc", "def", "abcd", "xdef")] == [True, True, False, False]
    builder.prune(engine, ["abc"], True)
    assert daemon.last.query["all"] == "1"
