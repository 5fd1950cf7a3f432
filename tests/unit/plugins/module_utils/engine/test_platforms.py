# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What image_push and image_remove say to an engine, and newer engines alone understand."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.slipway.images.plugins.module_utils.engine import images, transfer
from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.image.platform import Platform, encoded, of_manifest
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference

ARM = '{"os":"linux","architecture":"arm","variant":"v7"}'


@pytest.mark.parametrize(("platform", "query"), [(None, {"tag": "1"}), (ARM, {"tag": "1", "platform": ARM})])
def test_push(daemon: t.Any, engine: Engine, platform: str | None, query: dict[str, str]) -> None:
    daemon.answers["POST /images/host:5000/a/b/push"] = b'{"status":"a"}{"status":"b"}'
    records = transfer.push(engine, Reference.parse("host:5000/a/b:1"), platform)
    assert list(records) == [{"status": "a"}, {"status": "b"}]
    assert daemon.last.query == query
    assert daemon.last.headers["x-registry-auth"] == "for host:5000"


def test_remove_for_platforms(daemon: t.Any, engine: Engine) -> None:
    daemon.answers["DELETE /images/app:1"] = [{"Deleted": "sha256:1"}]
    assert images.remove(engine, "app:1", platforms=[ARM]) == [{"Deleted": "sha256:1"}]
    assert daemon.last.query == {"force": "0", "noprune": "0", "platforms": ARM}


def test_manifests(daemon: t.Any, engine: Engine) -> None:
    assert images.manifests(engine, "gone:1") == []
    daemon.answers["GET /images/app:1/json"] = {"Id": "i"}
    assert images.manifests(engine, "app:1") == []
    daemon.answers["GET /images/app:1/json"] = {"Id": "i", "Manifests": [{"ID": "m"}]}
    assert images.manifests(engine, "app:1") == [{"ID": "m"}]
    assert daemon.last.query == {"manifests": "1"}


def test_platforms_as_newer_endpoints_tell_them() -> None:
    assert encoded(Platform.parse("linux/arm/v7")) == ARM
    assert encoded(Platform.parse("linux")) == '{"os":"linux"}'
    assert of_manifest({"Kind": "image", "ImageData": {"Platform": json.loads(ARM)}}) == Platform.parse("linux/arm/v7")
    assert of_manifest({"Kind": "attestation"}) == Platform("")
