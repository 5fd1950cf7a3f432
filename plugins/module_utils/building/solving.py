# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a build is brought to BuildKit: through the engine's `POST /build`, or by its own API, which tells more.

What that tells more is where in the Dockerfile a failure lies, also when it is no step's; what it does more is in
`beyond`. The image is the same, and so are its names and the cache.
"""

from __future__ import annotations

import contextlib
import os
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.buildkit.session import Session
from ansible_collections.slipway.images.plugins.module_utils.engine import builder, control
from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.errors import EngineError
from ansible_collections.slipway.images.plugins.module_utils.image import contexts

if t.TYPE_CHECKING:
    from ansible_collections.slipway.images.plugins.module_utils.buildkit.carriage import Stream
    from ansible_collections.slipway.images.plugins.module_utils.engine.transfer import Records

SINCE = (1, 42)
"""Docker 23: the first whose BuildKit says where a failure lies."""

CLOSED = (403, 404, 405, 410, 501)
"""HTTP's words for a way that is not there, or that something between us and the engine lets nobody pass."""

Query = t.Sequence[tuple[str, str]]


@contextlib.contextmanager
def session(engine: Engine, offered: Session) -> t.Iterator[t.Callable[[], object]]:
    """Open it for as long as the block lasts, by `POST /session` or, where that is not to be had, within a call. It is
    served from when what comes out is called."""
    with contextlib.ExitStack() as stack:
        stream: Stream
        try:
            stream = builder.session(engine, offered.headers)
        except EngineError as refused:
            if refused.facts.get("status") not in CLOSED:
                raise
            from ansible_collections.slipway.images.plugins.module_utils.buildkit import tunnel

            stream = stack.enter_context(tunnel.through(control.connect(engine), offered.headers))
        stack.callback(stream.close)
        yield lambda: stack.enter_context(offered.serve(stream))


def records(
    engine: Engine, id: str, query: Query, tar: t.Iterable[bytes] | None, serve: t.Callable[[], object]
) -> Records:
    """What the build tells; `id` is its session's, which is served as soon as the engine may want something of it.
    `tar`: a context that goes in the body of `POST /build`."""
    asked = beyond(query)
    own = bool(asked) or (engine.api >= SINCE and tar is None and not _untold(query))
    if not own and tar is None:
        return builder.build(engine, query, meanwhile=serve)
    serve()
    if own:
        try:
            return _solved(control.connect(engine), id, query)
        except EngineError as refused:
            if asked or refused.facts.get("status") not in CLOSED:
                raise
    return builder.build(engine, query, context=tar)


def beyond(query: Query) -> list[str]:
    """The keys for which `POST /build` has no words."""
    several = ["platform"] if any(key == "platform" and "," in value for key, value in query) else []
    own = [key for key, _value in query if key in ("cacheto", "cacheimports") or key.startswith(contexts.NAMED)]
    return several + own


def _untold(query: Query) -> list[str]:
    from ansible_collections.slipway.images.plugins.module_utils.buildkit import frontend

    return frontend.untold(query)


def _solved(stream: Stream, id: str, query: Query) -> Records:
    from ansible_collections.slipway.images.plugins.module_utils.buildkit import frontend, solve
    from ansible_collections.slipway.images.plugins.module_utils.buildkit.control import Solve

    asked = Solve(
        ref=os.urandom(16).hex(),
        session=id,
        attrs=frontend.attrs(query),
        exporters=(frontend.exporter(query),),
        cache_to=frontend.cache_to(query),
        entitlements=frontend.entitlements(query),
    )
    return solve.records(stream, asked)
