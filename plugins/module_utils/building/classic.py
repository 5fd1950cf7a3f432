# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A build by the builder that every engine has."""

from __future__ import annotations

from functools import partial

from ansible_collections.slipway.images.plugins.module_utils.building import outrun
from ansible_collections.slipway.images.plugins.module_utils.building.build import Build, Taken
from ansible_collections.slipway.images.plugins.module_utils.disk import filename
from ansible_collections.slipway.images.plugins.module_utils.disk.context import Tally
from ansible_collections.slipway.images.plugins.module_utils.engine import builder
from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.image import classiclog
from ansible_collections.slipway.images.plugins.module_utils.image.buildlog import BuildLog


def run(engine: Engine, build: Build) -> tuple[BuildLog, Taken]:
    return outrun.made(lambda asked: _ask(engine, asked), build)


def _ask(engine: Engine, build: Build) -> tuple[BuildLog, Taken]:
    tally = Tally(build.recording)
    registries = {name.registry for name in (*build.request.names, *build.bases)}
    query = [("version", "1"), ("dockerfile", filename.told(build.path)), *build.request.query(build.proxies)]
    ask = partial(
        builder.build,
        engine,
        [*query, *([("remote", build.url)] if build.url else [])],
        engine.auths.config_header(sorted(registries)),
        build.source.blocks(tally) if build.source else None,
    )
    fold = classiclog.fold
    if engine.podman:
        from ansible_collections.slipway.images.plugins.module_utils.image.buildahlog import fold as buildah

        fold = buildah
    return build.follow(fold, ask), Taken(tally.stamps)
