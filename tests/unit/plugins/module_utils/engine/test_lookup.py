# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.engine.lookup import find
from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError

A, B, NAMED = ("sha256:" + start.ljust(64, "0") for start in ("cafe1", "cafe2", "beef"))


@pytest.fixture
def stocked(daemon: t.Any) -> t.Any:
    daemon.answers.update({"GET /images/%s/json" % id: {"Id": id} for id in (A, B, NAMED, NAMED[7:])})
    daemon.answers["GET /images/cafe1:latest/json"] = {"Id": NAMED}
    daemon.answers["GET /images/json"] = [{"Id": id} for id in (A, B, NAMED)]
    return daemon


@pytest.mark.parametrize(
    ("text", "id"),
    [
        (NAMED, NAMED),
        ("cafe1", NAMED),  # a name before an id
        ("cafe1:latest", NAMED),
        ("cafe2", B),
        ("sha256:cafe1", A),
        ("bee", None),  # too short for an id
        ("f" * 64, None),
        ("feed", None),
        ("app:1", None),
    ],
)
def test_find(stocked: t.Any, engine: Engine, text: str, id: str | None) -> None:
    assert find(engine, text).get("Id") == id


def test_no_name_is_taken_for_the_beginning_of_an_id(stocked: t.Any, engine: Engine) -> None:
    stocked.answers["GET /images/c/json"] = {"Id": A}
    assert find(engine, "c") == {}


def test_ambiguous(stocked: t.Any, engine: Engine) -> None:
    with pytest.raises(UsageError, match="cafe is ambiguous"):
        find(engine, "cafe")
    assert "all=1" in "&".join("=".join(pair) for pair in stocked.last.query.items())
