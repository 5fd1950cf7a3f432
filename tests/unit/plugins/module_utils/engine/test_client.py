# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest
from ansible_collections.slipway.images.plugins.module_utils.engine import version as api
from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.errors import (
    Conflict,
    Denied,
    EngineError,
    FormatError,
    NotFound,
    RequirementError,
    SlipwayError,
    TransportError,
)

Meet = t.Callable[..., Engine]


def test_one_ping_tells_all(daemon: t.Any, meet: Meet) -> None:
    engine = meet()
    assert [asked.line for asked in daemon.asked] == ["GET /_ping"]
    assert (engine.api, engine.podman) == ((1, 41), False)


def test_podman_says_so(daemon: t.Any, meet: Meet) -> None:
    daemon.headers = ["API-Version: 1.41", "Libpod-Api-Version: 4.3.1"]
    assert meet().podman


@pytest.mark.parametrize(
    ("headers", "builder"),
    [
        ([], ""),
        (["Builder-Version: 2", "Ostype: linux"], "2"),
        (["Builder-Version: 1"], "1"),
        (["Ostype: windows"], "1"),
    ],
)
def test_which_builder_an_engine_would_take(daemon: t.Any, meet: Meet, headers: list[str], builder: str) -> None:
    daemon.headers = ["Api-Version: 1.41", *headers]
    assert meet().builder == builder


@pytest.mark.parametrize("headers", [[], ["Api-Version: one"]])
def test_not_an_engine(daemon: t.Any, meet: Meet, headers: list[str]) -> None:
    daemon.headers = headers
    with pytest.raises(TransportError, match="not as a Docker engine"):
        meet()


def test_the_version_is_in_the_path(daemon: t.Any, meet: Meet) -> None:
    daemon.answers["GET /x"] = {"a": 1}
    assert meet("1.40").get("/x", {"q": "1 2"}) == {"a": 1}
    assert (daemon.last.line, daemon.last.query) == ("GET /v1.40/x", {"q": "1 2"})


def test_find(daemon: t.Any, engine: Engine) -> None:
    daemon.answers["GET /x"] = [1]
    assert engine.find("/x") == [1]
    assert engine.find("/y") is None
    daemon.answers["GET /x"] = (500, {"message": "boom"})
    with pytest.raises(EngineError, match="boom"):
        engine.find("/x")


REFUSALS = [
    (404, "no such image: x", NotFound),
    (409, "conflict", Conflict),
    (403, "no", Denied),
    (500, "boom", EngineError),
    (500, "Get https://r/v2/: unauthorized: authentication required", Denied),
    (500, "manifest unknown", NotFound),
    (400, "client version 1.41 is too old. Minimum supported API version is 1.44", RequirementError),
    (400, "invalid reference format", EngineError),
]


@pytest.mark.parametrize(
    ("version", "words"), [((1, 41), "API 1.41: "), (api.NEWEST, "the newest that slipway.images")]
)
def test_an_engine_that_has_forgotten_our_version(
    daemon: t.Any, engine: Engine, version: api.Version, words: str
) -> None:
    """Docker 29.0 speaks 1.44 at least: whoever pins `api_version: 1.41` is told."""
    said = "client version is too old. Minimum supported API version is 1.44, please upgrade your client"
    daemon.answers["GET /x"] = (400, {"message": said.replace("client version", "client version %d.%d" % version)})
    with pytest.raises(RequirementError, match="^the engine does not speak .*%s.*1.44" % words):
        replace(engine, api=version).get("/x")


@pytest.mark.parametrize(("status", "said", "kind"), REFUSALS)
def test_a_refusal_has_a_kind(daemon: t.Any, engine: Engine, status: int, said: str, kind: type[SlipwayError]) -> None:
    daemon.answers["GET /x"] = (status, {"message": said})
    with pytest.raises(SlipwayError) as caught:
        engine.get("/x")
    assert caught.type is kind
    assert said in str(caught.value)
    assert caught.value.facts["said"] == said


def test_no_json(daemon: t.Any, engine: Engine) -> None:
    daemon.answers["GET /x"] = b"<html>"
    with pytest.raises(FormatError):
        engine.get("/x")


def test_leaving_closes_the_connection(engine: Engine) -> None:
    with engine as same:
        assert same is engine
