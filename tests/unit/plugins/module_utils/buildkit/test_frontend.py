# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json

import pytest
from ansible_collections.slipway.images.plugins.module_utils.buildkit import frontend
from ansible_collections.slipway.images.plugins.module_utils.buildkit.control import Kind


@pytest.mark.parametrize(
    ("query", "attrs"),
    [
        ([("dockerfile", "a/Dockerfile"), ("target", "x")], {"filename": "a/Dockerfile", "target": "x"}),
        ([("platform", "linux/arm64/v8"), ("shmsize", "1024")], {"platform": "linux/arm64/v8", "shm-size": "1024"}),
        ([("buildargs", '{"A": "1", "B": null, "C": ""}')], {"build-arg:A": "1", "build-arg:C": ""}),
        ([("labels", '{"a.b": "c=d"}')], {"label:a.b": "c=d"}),
        ([("pull", "1"), ("nocache", "1")], {"image-resolve-mode": "pull", "no-cache": ""}),
        ([("pull", "0"), ("nocache", "0"), ("rm", "1"), ("forcerm", "1"), ("version", "2"), ("session", "x")], {}),
        (
            [("extrahosts", "a:1.2.3.4"), ("extrahosts", "b:::1"), ("extrahosts", "c:[::2]")],
            {"add-hosts": "a=1.2.3.4,b=::1,c=::2"},
        ),
        (
            [("ulimits", '[{"Name": "nofile", "Soft": 1, "Hard": 2}, {"Name": "core", "Soft": 0, "Hard": -1}]')],
            {"ulimit": "nofile=1:2,core=0:-1"},
        ),
        ([("cachefrom", '["a:1", "b:1"]')], {"cache-from": "a:1,b:1"}),
        ([("cacheimports", "[1]")], {"cache-imports": "[1]"}),
        ([("networkmode", "none")], {"force-network-mode": "none"}),
        ([("networkmode", "default")], {}),
        ([("remote", "client-session")], {}),
        ([("remote", "https://x/y.git#main:sub")], {"context": "https://x/y.git#main:sub"}),
        ([("context:lib", "local:lib")], {"context:lib": "local:lib"}),
        ([("squash", "1"), ("isolation", "hyperv"), ("memory", "1")], {}),
    ],
)
def test_attrs(query: list[tuple[str, str]], attrs: dict[str, str]) -> None:
    assert frontend.attrs(query) == {"image-resolve-mode": "default", **attrs}
    assert frontend.untold(query) == []


@pytest.mark.parametrize("pair", [("networkmode", "mine"), ("extrahosts", "a:host-gateway"), ("new", "x")])
def test_what_only_the_engine_can_do(pair: tuple[str, str]) -> None:
    assert frontend.untold([("t", "a"), pair]) == [pair[0]]
    assert frontend.attrs([pair]) == {"image-resolve-mode": "default"}


def test_exporters() -> None:
    named = frontend.exporter([("t", "app"), ("t", "r.io/x/app:2")])
    assert named == Kind("moby", {"name": "docker.io/library/app:latest,r.io/x/app:2"})
    assert frontend.exporter([]) == Kind("moby", {})
    outputs = json.dumps([{"Type": "oci", "Attrs": {"name": "x"}}])
    assert frontend.exporter([("t", "x"), ("outputs", outputs)]) == Kind("oci", {"name": "x"})
    assert frontend.exporter([("outputs", '[{"Type": "tar"}]')]) == Kind("tar", {})


@pytest.mark.parametrize(
    ("query", "kinds"),
    [
        ([], ()),
        ([("buildargs", '{"BUILDKIT_INLINE_CACHE": "1"}')], (Kind("inline", {}),)),
        ([("buildargs", '{"BUILDKIT_INLINE_CACHE": "0"}')], ()),
        ([("buildargs", '{"BUILDKIT_INLINE_CACHE": null}')], ()),
        ([("cacheto", '[{"Type": "registry", "Attrs": {"ref": "r/c"}}]')], (Kind("registry", {"ref": "r/c"}),)),
        ([("cacheto", '[{"Type": "inline"}]'), ("buildargs", '{"BUILDKIT_INLINE_CACHE": "1"}')], (Kind("inline", {}),)),
    ],
)
def test_caches(query: list[tuple[str, str]], kinds: tuple[Kind, ...]) -> None:
    assert frontend.cache_to(query) == kinds


def test_entitlements() -> None:
    assert frontend.entitlements([("networkmode", "host")]) == ("network.host",)
    assert frontend.entitlements([("networkmode", "none")]) == ()
