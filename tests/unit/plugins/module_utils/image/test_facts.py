# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.slipway.images.plugins.module_utils.image import facts
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference

CONFIG = "sha256:" + "c" * 64
MANIFEST = "sha256:" + "a" * 64
OTHER = "sha256:" + "b" * 64

GRAPH = {"Id": CONFIG, "RepoDigests": ["r.io/app@" + MANIFEST, "busybox@" + MANIFEST]}
CONTAINERD = {"Id": MANIFEST, "RepoDigests": [], "Descriptor": {"digest": MANIFEST}}


@pytest.mark.parametrize(
    ("attrs", "name", "wanted", "answer"),
    [
        (GRAPH, "r.io/app:1", MANIFEST, True),
        (GRAPH, "busybox", MANIFEST, True),
        (GRAPH, "r.io/app:1", OTHER, False),
        (GRAPH, "r.io/other", MANIFEST, False),
        ({"Id": CONFIG, "RepoDigests": ["docker.io/library/busybox@" + MANIFEST]}, "busybox", MANIFEST, True),
        (CONTAINERD, "r.io/app:1", MANIFEST, True),
        (CONTAINERD, "r.io/app:1", OTHER, False),
        ({"Id": OTHER, "Descriptor": {"digest": MANIFEST}}, "app", MANIFEST, True),
        ({"Id": CONFIG, "RepoDigests": None, "Descriptor": None}, "app", MANIFEST, False),
        ({}, "app", MANIFEST, False),
    ],
)
def test_bears(attrs: t.Mapping[str, t.Any], name: str, wanted: str, answer: bool) -> None:
    assert facts.bears(attrs, Reference.parse(name), wanted) is answer


EMPTY = {
    "Cmd": [],
    "Entrypoint": [],
    "Env": [],
    "OnBuild": [],
    "ExposedPorts": {},
    "Labels": {},
    "Volumes": {},
    "User": "",
    "WorkingDir": "",
}


@pytest.mark.parametrize(
    ("attrs", "config"),
    [
        ({"Config": {}}, EMPTY),
        ({"Config": None}, EMPTY),
        ({}, EMPTY),
        ({"Config": {"Cmd": ["sh"], "Shell": ["ash"]}}, {**EMPTY, "Cmd": ["sh"], "Shell": ["ash"]}),
        ({"Config": {"Labels": None}}, {**EMPTY, "Labels": None}),
    ],
)
def test_complete(attrs: dict[str, t.Any], config: dict[str, t.Any]) -> None:
    whole = {"Id": CONFIG, **attrs}
    kept = repr(whole)
    assert facts.complete(whole) == {"Id": CONFIG, "Config": config}
    assert repr(whole) == kept


def test_what_is_not_there_is_not_completed() -> None:
    assert facts.complete({}) == {}
    foretold = {"Id": "(known after build of app:1)"}
    assert facts.complete(foretold) == foretold
