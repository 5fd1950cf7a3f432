# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.slipway.images.plugins.module_utils.building import buildkit, classic
from ansible_collections.slipway.images.plugins.module_utils.building.build import Build, Taken
from ansible_collections.slipway.images.plugins.module_utils.building.source import Services
from ansible_collections.slipway.images.plugins.module_utils.image.buildlog import BuildLog, Step
from ansible_collections.slipway.images.plugins.module_utils.image.buildrequest import BuildRequest
from ansible_collections.slipway.images.plugins.module_utils.image.dockerfile import Dockerfile
from ansible_collections.slipway.images.plugins.modules.image_build import SPEC
from ansible_collections.slipway.images.tests.support.fake import Fake, params

OUTRUN = BuildLog("buildkit", steps=(Step(1, 1, "", "RUN x", "done"),), error='image "docker.io/app:1": already exists')
MADE = BuildLog("buildkit", "sha256:1", steps=(Step(1, 1, "", "RUN x", "cached"),))
BROKEN = BuildLog("buildkit", error="oops")


def build() -> Build:
    return Build(
        request=BuildRequest.of(params(SPEC, name="app", tags=["app:2"], url="u", nocache=True)),
        source=None,
        url="u",
        builder="buildkit",
        path="Dockerfile",
        given=None,
        inline=False,
        dockerfile=Dockerfile.parse("FROM a"),
        bases=(),
        inputs={},
        services=Services(),
        secrets=frozenset(),
        record="",
        recording=False,
        proxies={},
        log_limit=0,
    )


@pytest.fixture(params=[buildkit, classic])
def builder(request: pytest.FixtureRequest) -> t.Any:
    return request.param


def made(builder: t.Any, monkeypatch: pytest.MonkeyPatch, *logs: BuildLog) -> tuple[BuildLog, list[str]]:
    """What comes of a build for two names whose tries end so; and whether each went by the cache."""
    left, conducts = list(logs), list[str]()

    def ask(engine: t.Any, build: Build, *takes: t.Any) -> tuple[BuildLog, Taken]:
        conducts.append(build.request.conduct["nocache"])
        return left.pop(0), Taken({})

    monkeypatch.setattr(builder, "_ask", ask)
    log, _taken = builder.run(Fake().engine, build())
    assert not left
    return log, conducts


def test_a_build_that_was_outrun_is_told_once_more(builder: t.Any, monkeypatch: pytest.MonkeyPatch) -> None:
    log, conducts = made(builder, monkeypatch, OUTRUN, MADE)
    assert (log.id, log.error, log.steps) == (MADE.id, "", OUTRUN.steps)
    assert conducts == ["1", "0"]


@pytest.mark.parametrize("logs", [[MADE], [BROKEN], [OUTRUN, BROKEN], [OUTRUN, OUTRUN, MADE], [OUTRUN] * 3])
def test_as_often_as_there_are_names(builder: t.Any, monkeypatch: pytest.MonkeyPatch, logs: list[BuildLog]) -> None:
    log, _conducts = made(builder, monkeypatch, *logs)
    assert (log.id, log.error) == (logs[-1].id, logs[-1].error)


@pytest.mark.parametrize(("api", "any_name"), [((1, 47), True), ((1, 48), False)])
def test_which_names_an_engine_takes(monkeypatch: pytest.MonkeyPatch, api: tuple[int, int], any_name: bool) -> None:
    """Docker 28 fails for others with "string field contains invalid UTF-8", and does not say which they are."""
    told: list[bool] = []

    def of(*_source: t.Any, **how: t.Any) -> t.NoReturn:
        told.append(how["any_name"])
        raise KeyboardInterrupt

    monkeypatch.setattr(buildkit.Offer, "of", of)
    with pytest.raises(KeyboardInterrupt):
        buildkit.run(Fake(api=api).engine, build())
    assert told == [any_name]
