# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A build by BuildKit, which asks us for what it needs while it runs."""

from __future__ import annotations

import typing as t

from ansible_collections.slipway.images.plugins.module_utils.building.build import Build
from ansible_collections.slipway.images.plugins.module_utils.building.source import Source
from ansible_collections.slipway.images.plugins.module_utils.buildkit import trace
from ansible_collections.slipway.images.plugins.module_utils.buildkit.offer import Offer
from ansible_collections.slipway.images.plugins.module_utils.disk import secretfile
from ansible_collections.slipway.images.plugins.module_utils.disk.context import Tally
from ansible_collections.slipway.images.plugins.module_utils.disk.tarcontext import TarContext
from ansible_collections.slipway.images.plugins.module_utils.engine import builder
from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.image.buildlog import BuildLog
from ansible_collections.slipway.images.plugins.module_utils.image.buildrequest import BuildRequest

IGNORED = {"limits": {"memory", "memswap", "cpushares", "cpusetcpus"}}
IGNORED_OF_OLD = {"shm_size": {"shmsize"}, "ulimits": {"ulimits"}}
"""Options that BuildKit silently passes over, as the engine spells them in its query; the second before Docker 23."""
SINCE_HEEDED = (1, 42)


def offer(
    engine: Engine,
    params: t.Mapping[str, t.Any],
    request: BuildRequest,
    source: Source | None,
    hidden: t.Mapping[str, bytes],
) -> Offer:
    """What it may ask of us. `hidden`: secrets by id."""
    ignored = [option for option, keys in IGNORED.items() if keys & request.options.keys()]
    if engine.api < SINCE_HEEDED:
        ignored += [option for option, keys in IGNORED_OF_OLD.items() if keys & request.options.keys()]
    engine.warnings.extend("BuildKit ignores %s; the classic builder does not" % option for option in ignored)
    return Offer.of(
        source,
        dockerfile=params["dockerfile"],
        inline=params["dockerfile_inline"] is not None,
        lookup=engine.auths.lookup,
        secrets_by_id=hidden,
        agents={agent["id"]: secretfile.agent(agent["id"], agent["socket"]) for agent in params["ssh"]},
        any_name=engine.api < (1, 48),
    )


def run(engine: Engine, build: Build) -> tuple[BuildLog, str]:
    """The log, and the digest of the context before it was sent."""
    offer = t.cast(Offer, build.offer)
    # Before it is sent: what changes while it is, is a change for the next time.
    digest = build.source.digest() if build.source and build.recording else ""
    query = [*offer.query, *build.request.query(build.proxies), *([("remote", build.url)] if build.url else [])]
    with offer.session.serve(builder.session(engine, offer.session.headers)):
        tar = build.source.blocks(Tally(False)) if isinstance(build.source, TarContext) else None
        log = build.follow(trace.fold, builder.build(engine, query, engine.auths.config_header(()), tar))
    # What went wrong on our side is the cause of what the engine says.
    offer.session.check()
    return log, digest
