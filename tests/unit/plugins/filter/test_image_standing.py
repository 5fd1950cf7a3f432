# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.slipway.images.plugins.filter.image_standing import fingerprint, image_standing

PIN = "registry.example:5000/shop/app:1@sha256:" + "a" * 64
NAME = PIN.partition("@")[0]


def image(id: str, **config: t.Any) -> dict[str, t.Any]:
    made = {"Created": "2026-01-01T00:00:00Z", "Os": "linux", "Architecture": "amd64"}
    return {"Id": id, **made, "RootFS": {"Type": "layers", "Layers": ["sha256:1"]}, "Config": config}


OURS, OTHER = image("sha256:ours", Env=["A=1"]), image("sha256:other", Env=["A=2"])
HOLLOW = {"Id": "sha256:hollow", "Os": "", "Architecture": "", "RootFS": {}, "Config": {"Cmd": None}}  # Docker 28.5.2
# What another engine calls differently, and tells without what is empty.
ELSEWHERE = {**image("sha256:elsewhere", Env=["A=1"], Labels=None, Cmd=[]), "Author": ""}


def looked(found: dict[str, dict[str, t.Any]]) -> dict[str, t.Any]:
    """As `image_info` tells it, asked for both."""
    asked = [PIN, NAME]
    return {
        "images": [found[name] for name in asked if found.get(name)],
        "missing": [name for name in asked if not found.get(name)],
    }


@pytest.mark.parametrize(
    ("found", "known", "state"),
    [
        ({}, [], "missing"),
        ({PIN: {}, NAME: {}}, [], "missing"),
        ({PIN: OURS, NAME: OURS}, [], "ready"),
        ({PIN: OURS, NAME: {}}, [], "untagged"),
        ({PIN: OURS, NAME: OTHER}, [], "untagged"),
        ({PIN: {}, NAME: OURS}, [], "missing"),
        ({PIN: {}, NAME: OURS}, [{PIN: fingerprint(OTHER)}], "missing"),
        ({PIN: {}, NAME: OURS}, [{}, {PIN: fingerprint(ELSEWHERE)}], "ready"),
        ({PIN: {}, NAME: OURS}, [{"another@sha256:1": fingerprint(OURS)}], "missing"),
        ({PIN: HOLLOW, NAME: OURS}, [{PIN: fingerprint(ELSEWHERE)}], "ready"),
        ({PIN: HOLLOW, NAME: OURS}, [], "missing"),
        ({PIN: HOLLOW, NAME: HOLLOW}, [{PIN: fingerprint(HOLLOW)}], "missing"),
    ],
)
def test_where_it_stands(found: dict[str, t.Any], known: list[dict[str, str]], state: str) -> None:
    told = image_standing([PIN], looked(found), known)
    assert {name for name in ("ready", "untagged", "missing") if told[name] == [PIN]} == {state}
    assert told["ids"] == ({} if state == "missing" else {PIN: "sha256:ours"})
    assert told["made_of"] == ({} if state == "missing" else {PIN: fingerprint(ELSEWHERE)})
    assert told["hollow"] == ([PIN] if state == "missing" and found.get(PIN) else [])


def test_only_a_digest_vouches() -> None:
    assert image_standing([PIN], looked({NAME: OURS}), [{PIN: fingerprint(OURS)}])["fingerprints"] == {}
    assert image_standing([PIN], looked({PIN: OURS}))["fingerprints"] == {PIN: fingerprint(OURS)}


@pytest.mark.parametrize(
    "other",
    [
        OTHER,
        {**OURS, "Architecture": "arm64"},
        {**OURS, "Created": "2026-01-01T00:00:01Z"},
        {**OURS, "RootFS": {"Layers": ["sha256:1", "sha256:2"]}},
    ],
)
def test_what_is_made_of_something_else_is_another(other: dict[str, t.Any]) -> None:
    assert fingerprint(other) != fingerprint(OURS)


def test_no_time_is_no_time() -> None:
    times = ({}, {"Created": ""}, {"Created": "0001-01-01T00:00:00Z"})
    assert len({fingerprint({**{k: v for k, v in OURS.items() if k != "Created"}, **time}) for time in times}) == 1
