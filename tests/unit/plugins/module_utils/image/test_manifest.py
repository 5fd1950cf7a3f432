# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError
from ansible_collections.slipway.images.plugins.module_utils.image.manifest import (
    CONFIGS,
    INDEXES,
    MANIFESTS,
    Descriptor,
    choose,
    config,
    entries,
    is_index,
    layers,
    real,
)
from ansible_collections.slipway.images.plugins.module_utils.image.platform import Platform

D = ["sha256:" + str(n) * 64 for n in range(6)]


def row(n: int, os: str = "", architecture: str = "", variant: str = "", **more: t.Any) -> dict[str, t.Any]:
    platform = {"os": os, "architecture": architecture, "variant": variant}
    return {"mediaType": MANIFESTS[0], "digest": D[n], "size": n, **({"platform": platform} if os else {}), **more}


INDEX = {
    "mediaType": INDEXES[0],
    "manifests": [
        row(1, "linux", "x86_64"),
        row(2, "linux", "arm64", "v8"),
        row(3, "linux", "arm", "6"),
        row(4, "unknown", "unknown"),
        row(5, "linux", "amd64", annotations={"vnd.docker.reference.type": "attestation-manifest"}),
        row(0),
    ],
}


def test_entries() -> None:
    found = entries(INDEX)
    assert [entry.digest for entry in found] == [D[1], D[2], D[3], D[4], D[5], D[0]]
    assert [str(entry.platform or "") for entry in found] == ["linux/amd64", "linux/arm64", "linux/arm/v6", "", "", ""]
    assert [entry.attestation for entry in found] == [False, False, False, True, True, False]
    assert found[1] == Descriptor(D[2], MANIFESTS[0], 2, Platform("linux", "arm64"))


@pytest.mark.parametrize(
    ("wanted", "digest"),
    [
        ("linux/amd64", D[1]),
        ("linux/arm64/v8", D[2]),
        ("linux/arm/v6", D[3]),
        ("linux/arm/v7", None),
        ("unknown", None),
        ("linux", D[1]),
    ],
)
def test_choose(wanted: str, digest: str | None) -> None:
    platform = Platform("unknown", "unknown") if wanted == "unknown" else Platform.parse(wanted)
    chosen = choose(INDEX, platform)
    assert (chosen and chosen.digest) == digest


@pytest.mark.parametrize(
    ("document", "answer"),
    [
        ({"mediaType": INDEXES[1]}, True),
        ({"manifests": []}, True),  # OCI documents need not say what they are
        ({"mediaType": MANIFESTS[1], "layers": []}, False),
        ({"layers": [], "manifests": []}, False),
        ({}, False),
    ],
)
def test_is_index(document: dict[str, t.Any], answer: bool) -> None:
    assert is_index(document) is answer


def test_a_manifest_lists_layers_and_no_platforms() -> None:
    manifest = {"layers": [row(1), row(2)]}
    assert [layer.size for layer in layers(manifest)] == [1, 2]
    assert entries(manifest) == ()
    assert layers({"layers": None}) == ()


@pytest.mark.parametrize("media_type", [*CONFIGS, "application/vnd.cncf.helm.config.v1+json", None])
def test_a_config_is_an_images(media_type: str | None) -> None:
    found = config({"config": {"digest": D[1], "size": 2, "mediaType": media_type}})
    assert found == (Descriptor(D[1], str(media_type), 2) if media_type in CONFIGS else None)


def test_platforms_of_a_distribution_answer() -> None:
    rows = [
        {"architecture": "x86_64", "os": "linux"},
        {"architecture": "amd64", "os": "linux", "variant": "v1"},
        {"architecture": "unknown", "os": "unknown"},
        {"architecture": "arm", "os": "linux", "variant": "v7"},
    ]
    assert list(map(str, real(rows))) == ["linux/amd64", "linux/arm/v7"]


@pytest.mark.parametrize(
    "document",
    [
        {"manifests": {"a": 1}},
        {"manifests": ["x"]},
        {"manifests": [{}]},
        {"manifests": [row(1, digest="sha256:12")]},
        {"manifests": [row(1, digest="../../other")]},
        {"manifests": [row(1, digest=5)]},
        {"manifests": [row(1, size="big")]},
        {"manifests": [row(1, platform="linux/amd64")]},
        {"manifests": [row(1, platform={"os": 5})]},
        {"manifests": [row(1, annotations=5)]},
    ],
)
def test_what_points_nowhere(document: dict[str, t.Any]) -> None:
    with pytest.raises(FormatError):
        entries(document)
