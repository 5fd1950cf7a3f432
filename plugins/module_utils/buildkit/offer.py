# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that one build may ask of us, put together.

offer = Offer.of(context, dockerfile=None, inline=False, lookup=credentials.lookup, secrets_by_id={}, agents={})
with offer.session.serve(<POST /session with offer.session.headers>):
    <POST /build with offer.query>
offer.session.check()
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.slipway.images.plugins.module_utils.buildkit import (
    auth,
    filesync,
    secrets,
    session,
    sources,
)
from ansible_collections.slipway.images.plugins.module_utils.buildkit.session import Session
from ansible_collections.slipway.images.plugins.module_utils.buildkit.sources import Source
from ansible_collections.slipway.images.plugins.module_utils.disk import filename
from ansible_collections.slipway.images.plugins.module_utils.disk.context import Context
from ansible_collections.slipway.images.plugins.module_utils.disk.replica import Replica
from ansible_collections.slipway.images.plugins.module_utils.grpc.call import Handler

if t.TYPE_CHECKING:
    from ansible_collections.slipway.images.plugins.module_utils.disk.credentials import Auth
    from ansible_collections.slipway.images.plugins.module_utils.disk.tarcontext import LoneDockerfile, TarContext

Services = t.Mapping[str, Handler]


@dataclass(frozen=True)
class Offer:
    """`query` is what to say in `POST /build` beside the build's own options, `dockerfile` among it. `tar`: the context
    that goes in its body."""

    session: Session
    query: tuple[tuple[str, str], ...]
    tar: TarContext | None = None

    @classmethod
    def of(
        cls,
        source: Context | LoneDockerfile | TarContext | None,
        *,
        dockerfile: str | None,
        inline: bool,
        lookup: t.Callable[[str], Auth | None],
        secrets_by_id: t.Mapping[str, bytes] | None = None,
        agents: t.Mapping[str, str] | None = None,
        takes: Services | None = None,
        replica: Replica | None = None,
        any_name: bool = True,
    ) -> Offer:
        """`source`: a tar goes in the body of `POST /build`, and None is what the engine fetches itself.

        `dockerfile` and `inline` as in `sources.of`; `secrets_by_id` and `agents` (id -> path of a socket) as in their
        rooms. `takes`: who receives what the build gives (`filesend`), where that is not an image. `replica`: who keeps
        account of what is sent. `any_name`: does the engine take names that are not UTF-8? Engine 28 (API 1.48) and
        newer do not.
        """
        services = {**auth.service(lookup), **secrets.service(secrets_by_id or {}), **_ssh(agents), **(takes or {})}
        served, tar = _parted(source)
        if served is None:
            named: dict[str, Source] = {}
            key = ""
            name = tar.dockerfile_name if tar else dockerfile or "Dockerfile"
        else:
            named, name = sources.of(served, dockerfile, inline, replica)
            services.update(filesync.service(named, any_name=any_name))
            key = replica.key if replica else session.shared_key(served.root) if isinstance(served, Context) else ""
        opened = Session(services, key)
        query = [("version", "2"), ("session", opened.id), ("dockerfile", filename.told(name))]
        return cls(opened, tuple(query + [("remote", "client-session")] * bool(named)), tar)


def _ssh(agents: t.Mapping[str, str] | None) -> Services:
    if not agents:
        return {}
    from ansible_collections.slipway.images.plugins.module_utils.buildkit import ssh

    return ssh.service(agents)


def _parted(
    source: Context | LoneDockerfile | TarContext | None,
) -> tuple[Context | LoneDockerfile | None, TarContext | None]:
    """What the session serves, and what it does not."""
    if source is None or isinstance(source, Context):
        return source, None
    from ansible_collections.slipway.images.plugins.module_utils.disk.tarcontext import TarContext

    return (None, source) if isinstance(source, TarContext) else (source, None)
