# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to BuildKit itself, past what the Engine API makes of it."""

from __future__ import annotations

from ansible_collections.slipway.images.plugins.module_utils.engine import version as api
from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.errors import NotFound
from ansible_collections.slipway.images.plugins.module_utils.wire import http2
from ansible_collections.slipway.images.plugins.module_utils.wire.stream import Stream
from ansible_collections.slipway.images.plugins.module_utils.wire.upgrade import upgrade


def connect(engine: Engine) -> Stream:
    """A connection on which we call: `POST /grpc`, from 18.09 on. Engines from 29.2 on say that they will not have that
    for ever, and are then asked without it."""
    try:
        return upgrade(engine.transport, "/v%s/grpc" % api.show(engine.api), ())
    except NotFound:
        stream = http2.connect(engine.transport)
        if stream is None:
            raise
        return stream
