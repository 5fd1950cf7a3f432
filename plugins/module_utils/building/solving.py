# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a build is brought to BuildKit: through the engine's `POST /build`, or by its own API, which tells more.

What that tells more is where in the Dockerfile a failure lies, also when it is no step's; what it does more is in
`frontend.beyond`. The image is the same, and so are its names and the cache.
"""

from __future__ import annotations

import contextlib
import os
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.buildkit import frontend
from ansible_collections.slipway.images.plugins.module_utils.buildkit.carriage import Stream
from ansible_collections.slipway.images.plugins.module_utils.buildkit.session import Session
from ansible_collections.slipway.images.plugins.module_utils.engine import builder, control
from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.engine.transfer import Records
from ansible_collections.slipway.images.plugins.module_utils.errors import EngineError

SINCE = (1, 42)
"""Docker 23: the first whose BuildKit says where a failure lies."""

CLOSED = (403, 404, 405, 410, 501)
"""HTTP's words for a way that is not there, or that something between us and the engine lets nobody pass."""

Query = t.Sequence[tuple[str, str]]


@contextlib.contextmanager
def session(engine: Engine, served: Session) -> t.Iterator[None]:
    """Serve it for as long as the block lasts, by `POST /session` or, where that is not to be had, within a call."""
    with contextlib.ExitStack() as stack:
        stream: Stream
        try:
            stream = builder.session(engine, served.headers)
        except EngineError as refused:
            if refused.facts.get("status") not in CLOSED:
                raise
            from ansible_collections.slipway.images.plugins.module_utils.buildkit import tunnel

            stream = stack.enter_context(tunnel.through(control.connect(engine), served.headers))
        stack.enter_context(served.serve(stream))
        yield


def records(engine: Engine, served: Session, query: Query, tar: t.Iterable[bytes] | None) -> Records:
    """What the build tells. `tar`: a context that goes in the body of `POST /build`."""
    beyond, untold = frontend.beyond(query), frontend.untold(query) + ["archive"] * (tar is not None)
    if (engine.api >= SINCE and not untold) or beyond:
        try:
            stream = control.connect(engine)
        except EngineError as refused:
            if beyond or refused.facts.get("status") not in CLOSED:
                raise
        else:
            return _solved(stream, served, query)
    return builder.build(engine, query, context=tar)


def _solved(stream: Stream, served: Session, query: Query) -> Records:
    from ansible_collections.slipway.images.plugins.module_utils.buildkit import solve
    from ansible_collections.slipway.images.plugins.module_utils.buildkit.control import Solve

    asked = Solve(
        ref=os.urandom(16).hex(),
        session=served.id,
        attrs=frontend.attrs(query),
        exporters=(frontend.exporter(query),),
        cache_to=frontend.cache_to(query),
        entitlements=frontend.entitlements(query),
    )
    return solve.records(stream, asked)
