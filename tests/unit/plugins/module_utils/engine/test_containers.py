# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t
from dataclasses import replace

from ansible_collections.slipway.images.plugins.module_utils.engine import containers
from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine


def test_listed_with_stopped_ones(daemon: t.Any, engine: Engine) -> None:
    daemon.answers["GET /containers/json"] = [{"Id": "c", "State": "exited"}]
    assert containers.listed(engine) == [{"Id": "c", "State": "exited"}]
    assert daemon.last.query == {"all": "1"}


def test_podman_hides_what_it_builds_in(daemon: t.Any, engine: Engine) -> None:
    daemon.answers["GET /containers/json"] = [{"Id": "c", "ImageID": "sha256:1"}]
    podman = replace(engine, podman=True)
    assert containers.listed(podman) == [{"Id": "c", "ImageID": "sha256:1"}], "one that has no such list"
    daemon.answers["GET /libpod/containers/json"] = [{"Id": "b", "ImageID": "12", "State": "storage"}]
    assert containers.listed(podman) == [{"Id": "b", "ImageID": "sha256:12", "State": "storage"}]
    assert daemon.last.query == {"all": "true", "external": "true"}
    assert containers.listed(engine) == [{"Id": "c", "ImageID": "sha256:1"}]
