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

import posixpath
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.buildkit import methods, session
from ansible_collections.slipway.images.plugins.module_utils.buildkit.session import Service, Session
from ansible_collections.slipway.images.plugins.module_utils.disk import filename
from ansible_collections.slipway.images.plugins.module_utils.disk.context import Context
from ansible_collections.slipway.images.plugins.module_utils.disk.replica import Replica

if t.TYPE_CHECKING:
    from ansible_collections.slipway.images.plugins.module_utils.disk.credentials import Auth
    from ansible_collections.slipway.images.plugins.module_utils.disk.tarcontext import LoneDockerfile, TarContext
    from ansible_collections.slipway.images.plugins.module_utils.grpc.call import Handler

    Services = t.Mapping[str, Handler]


class Offer(t.NamedTuple):
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
        services = [_auth(lookup), _secrets(secrets_by_id or {})]
        if agents:
            services.append(_ssh(agents))
        if takes:
            services.append(Service.of(takes))
        served, tar = _parted(source)
        if served is None:
            key = ""
            name = tar.dockerfile_name if tar else dockerfile or "Dockerfile"
        else:
            key = replica.key if replica else session.shared_key(served.root) if isinstance(served, Context) else ""
            name = posixpath.basename(dockerfile) if dockerfile else "Dockerfile"
            services.append(_filesync(served, dockerfile, name, inline, replica, any_name))
        opened = Session(services, key)
        query = [("version", "2"), ("session", opened.id), ("dockerfile", filename.told(name))]
        return cls(opened, tuple(query + [("remote", "client-session")] * (served is not None)), tar)


def _auth(lookup: t.Callable[[str], Auth | None]) -> Service:
    def make() -> Services:
        from ansible_collections.slipway.images.plugins.module_utils.buildkit import auth

        return auth.service(lookup)

    return Service(methods.AUTH, make)


def _secrets(secrets_by_id: t.Mapping[str, bytes]) -> Service:
    def make() -> Services:
        from ansible_collections.slipway.images.plugins.module_utils.buildkit import secrets

        return secrets.service(secrets_by_id)

    return Service((methods.GET_SECRET,), make)


def _ssh(agents: t.Mapping[str, str]) -> Service:
    def make() -> Services:
        from ansible_collections.slipway.images.plugins.module_utils.buildkit import ssh

        return ssh.service(agents)

    return Service(methods.SSH, make)


def _filesync(
    served: Context | LoneDockerfile,
    given: str | None,
    name: str,
    inline: bool,
    replica: Replica | None,
    any_name: bool,
) -> Service:
    def make() -> Services:
        from ansible_collections.slipway.images.plugins.module_utils.buildkit import filesync, sources

        over = replica.ahead if replica else None
        return filesync.service(sources.of(served, given, name, inline, replica), any_name=any_name, over=over)

    return Service((methods.DIFF_COPY,), make)


def _parted(
    source: Context | LoneDockerfile | TarContext | None,
) -> tuple[Context | LoneDockerfile | None, TarContext | None]:
    """What the session serves, and what it does not."""
    if source is None or isinstance(source, Context):
        return source, None
    from ansible_collections.slipway.images.plugins.module_utils.disk.tarcontext import TarContext

    return (None, source) if isinstance(source, TarContext) else (source, None)
