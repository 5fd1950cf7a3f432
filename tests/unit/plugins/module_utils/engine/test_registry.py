# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from dataclasses import replace

import pytest
from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.engine.registry import distribution
from ansible_collections.slipway.images.plugins.module_utils.errors import Denied, EngineError, NotFound
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference

APP = Reference.parse("host:5000/app:1")
PATH = "GET /distribution/host:5000/app:1/json"


def test_distribution(daemon: t.Any, engine: Engine) -> None:
    daemon.answers[PATH] = {"Descriptor": {"digest": "d"}}
    assert distribution(engine, APP) == {"Descriptor": {"digest": "d"}}
    assert daemon.last.headers["x-registry-auth"] == "for host:5000"


def test_podman_has_none(daemon: t.Any, engine: Engine) -> None:
    assert distribution(replace(engine, podman=True), APP) is None
    assert daemon.last.line == "GET /_ping"


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [(404, "manifest unknown", NotFound), (500, "no basic auth credentials", Denied), (403, "denied", Denied)],
)
def test_the_registry_refuses(daemon: t.Any, engine: Engine, status: int, said: str, kind: type[EngineError]) -> None:
    daemon.answers[PATH] = (status, {"message": said})
    with pytest.raises(kind) as caught:
        distribution(engine, APP)
    assert str(caught.value) == "asking the registry for host:5000/app:1: " + said
    assert (caught.value.facts["status"], caught.value.facts["said"]) == (status, said)
