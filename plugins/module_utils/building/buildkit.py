# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A build by BuildKit, which asks us for what it needs while it runs."""

from __future__ import annotations

import hashlib
import typing as t
from dataclasses import replace
from functools import partial

from ansible_collections.slipway.images.plugins.module_utils.building import outrun, solving
from ansible_collections.slipway.images.plugins.module_utils.building.build import Build, Taken
from ansible_collections.slipway.images.plugins.module_utils.buildkit.offer import Offer
from ansible_collections.slipway.images.plugins.module_utils.buildkit.session import shared_key
from ansible_collections.slipway.images.plugins.module_utils.disk.context import Context, Tally
from ansible_collections.slipway.images.plugins.module_utils.disk.replica import Replica
from ansible_collections.slipway.images.plugins.module_utils.disk.selection import ALL
from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine

if t.TYPE_CHECKING:
    from ansible_collections.slipway.images.plugins.module_utils.building.caches import Caches
    from ansible_collections.slipway.images.plugins.module_utils.buildkit.offer import Services
    from ansible_collections.slipway.images.plugins.module_utils.disk.credentials import Auth
    from ansible_collections.slipway.images.plugins.module_utils.engine.transfer import Records
    from ansible_collections.slipway.images.plugins.module_utils.image.buildlog import BuildLog

ANY_NAME_UNTIL = (1, 48)
"""From Docker 28 on, no name in a context may be anything but UTF-8."""


def run(engine: Engine, build: Build) -> tuple[BuildLog, Taken]:
    if build.request.export is None:
        return outrun.made(lambda asked: _ask(engine, asked, {}), build)
    from ansible_collections.slipway.images.plugins.module_utils.building import receipt

    with receipt.of(build.request.export) as received:
        log, taken = _ask(engine, build, received.services)
        log = replace(log, id=received.digest() if received.complete and not log.error else "")
        log.check(build.called)  # what did not come to its end is not put in place
        return replace(log, altered=received.settle(build.record)), taken


def _ask(engine: Engine, build: Build, takes: Services) -> tuple[BuildLog, Taken]:
    replica, tally, done = _replica(build), Tally(build.recording), False
    caches = _caches(engine, build)

    def lookup(registry: str) -> Auth | None:
        """Only now: who is asked for none need not have any in order."""
        return t.cast("Auth | None", engine.auths.lookup(registry))

    offer = Offer.of(
        build.source,
        dockerfile=build.given,
        inline=build.inline,
        lookup=lookup,
        secrets_by_id=build.services.secrets,
        agents=build.services.agents,
        takes={**takes, **caches.services} if caches else takes,
        replica=replica,
        any_name=engine.api < ANY_NAME_UNTIL,
    )
    request = build.request._replace(conduct=caches.conduct) if caches else build.request
    query = [*offer.query, *request.query(build.proxies), *([("remote", build.url)] if build.url else [])]
    try:
        with solving.session(engine, offer.session) as serve:

            def ask() -> Records:
                tar = offer.tar.blocks(tally) if offer.tar else None
                records = solving.records(engine, offer.session.id, query, tar, partial(_begin, serve))
                return caches.noted(records) if caches else records

            log = build.follow(_fold, ask)
        # What went wrong on our side is the cause of what the engine says.
        offer.session.check()
        done = not log.error
        if done and caches:
            caches.settle()
    finally:
        stamps = replica.settle(done) if replica else tally.stamps
    return log, Taken(stamps, tuple(replica.asked) if replica else ALL)


def _begin(serve: t.Callable[[], object]) -> None:
    """An engine that sets out on a build wants nothing and tells nothing for as long as all of this takes to import."""
    serve()
    _trace()


def _fold(records: Records, **how: t.Any) -> BuildLog:
    log: BuildLog = _trace().fold(records, **how)  # pylint: disable=missing-kwoa  # they are in `how`
    return log


def _trace() -> t.Any:
    from ansible_collections.slipway.images.plugins.module_utils.buildkit import trace

    return trace


def _caches(engine: Engine, build: Build) -> Caches | None:
    if not {"cacheto", "cacheimports"} & build.request.conduct.keys():
        return None
    from ansible_collections.slipway.images.plugins.module_utils.building.caches import Caches

    return Caches(build.request.conduct, engine.warnings)


def _replica(build: Build) -> Replica | None:
    if not isinstance(build.source, Context):
        return None
    roots = {"": build.source.root, **{name: beside.root for name, beside in build.source.beside.items()}}
    owner = hashlib.sha256("".join(name + shared_key(root) for name, root in roots.items()).encode()).hexdigest()
    return Replica.open(build.record, owner, roots, build.stamps)
