# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

from ansible_collections.slipway.images.plugins.module_utils.engine import layers
from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine

MISSING = {"Id": "<missing>", "Size": 0, "CreatedBy": ""}


def attrs(*stack: str, size: int = 0) -> dict[str, t.Any]:
    return {"RootFS": {"Layers": list(stack)}, "Size": size}


def test_sizes_come_from_the_history(daemon: t.Any, engine: Engine) -> None:
    steps = [
        {**MISSING, "CreatedBy": '/bin/sh -c #(nop)  CMD ["app"]'},
        {**MISSING, "Id": "made here"},
        {**MISSING, "Size": 20},
        {**MISSING, "Size": 100},
    ]
    found = layers.layers(engine, attrs("base", "app", "empty", size=120), steps)
    assert found == (("base", 100), ("app", 20), ("empty", 0))
    assert len(daemon.asked) == 1, "nothing but the ping"


def test_which_empty_step_made_a_layer_is_asked(daemon: t.Any, engine: Engine) -> None:
    """`WORKDIR /there` made none, `RUN mkdir` on top an empty one."""
    sizes = {"top": 0, "app": 5, "same": 0, "base": 7}
    daemon.answers["GET /images/same/json"] = attrs("base")
    daemon.answers["GET /images/top/json"] = attrs("base", "app", "empty")
    steps = [{"Id": id, "Size": size, "CreatedBy": ""} for id, size in sizes.items()]
    found = layers.layers(engine, attrs("base", "app", "empty", size=12), steps)
    assert found == (("base", 7), ("app", 5), ("empty", 0))
    assert {asked.line.split("/")[-2] for asked in daemon.asked[1:]} == {"same", "top"}


def test_an_artifact_has_none(engine: Engine) -> None:
    assert layers.layers(engine, {"Size": 5}, []) == ()
    assert layers.stack({"RootFS": {"Layers": None}}) == ()
