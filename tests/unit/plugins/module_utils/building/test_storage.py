# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.slipway.images.plugins.module_utils.building import storage
from ansible_collections.slipway.images.plugins.module_utils.errors import RequirementError
from ansible_collections.slipway.images.plugins.module_utils.image.buildrequest import BuildRequest
from ansible_collections.slipway.images.plugins.modules.image_build import SPEC
from ansible_collections.slipway.images.tests.support.fake import Fake, params

CONTAINERD = {"DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]]}
SEVERAL = ["linux/amd64", "linux/arm64"]


def request(**given: t.Any) -> BuildRequest:
    return BuildRequest.of(params(SPEC, **given))


def files(kind: str) -> dict[str, t.Any]:
    return {"outputs": [{"type": kind, "dest": "/x"}]}


@pytest.mark.parametrize(
    ("given", "option"),
    [
        ({"name": "a", "platform": SEVERAL}, "platform"),
        ({"platform": SEVERAL, **files("oci")}, "outputs"),
        (files("docker"), "outputs"),
        ({"name": "a", "cache_to": ["type=registry,ref=r/c"]}, "cache_to"),
    ],
)
def test_what_takes_the_containerd_store(given: dict[str, t.Any], option: str) -> None:
    graph = [Fake(), Fake(api=(1, 51), info={"DriverStatus": [["Backing Filesystem", "extfs"]]})]
    for fake in graph:
        with pytest.raises(RequirementError, match=f"^{option}: .* takes an engine with the containerd") as caught:
            storage.check(fake.engine, request(**given))
        assert caught.value.facts["option"] == option
    storage.check(Fake(api=(1, 44), info=CONTAINERD).engine, request(**given))


@pytest.mark.parametrize(
    "given",
    [
        {"name": "a", "platform": SEVERAL[:1]},
        {"platform": SEVERAL, **files("local")},
        {"platform": SEVERAL, **files("tar")},
        {"name": "a", "cache_to": ["inline"]},
    ],
)
def test_what_every_store_takes(given: dict[str, t.Any]) -> None:
    fake = Fake(api=(1, 51))
    storage.check(fake.engine, request(**given))
    assert not fake.calls
