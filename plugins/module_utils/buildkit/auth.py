# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`moby.filesync.v1.Auth`: who we are to the registries that a build pulls from.

The engine trades our credentials for tokens itself. Only a bearer token that is there already goes the other way, on
which the client fetches tokens: for its registry we pose as such a client.
"""

from __future__ import annotations

import hashlib
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.buildkit import methods, protobuf
from ansible_collections.slipway.images.plugins.module_utils.grpc.call import Handler, unary
from ansible_collections.slipway.images.plugins.module_utils.grpc.status import UNAVAILABLE, Status

if t.TYPE_CHECKING:
    from ansible_collections.slipway.images.plugins.module_utils.disk.credentials import Auth


def service(lookup: t.Callable[[str], Auth | None]) -> dict[str, Handler]:
    """`lookup` tells our credentials for a registry (`host` or `host:port`). An error of its own fails the pull."""

    def credentials(request: bytes) -> bytes:
        """Nobody is anonymous; an identity token has no user name. The engine goes on as whom it knows already by the
        same answer, so who has a bearer token must not look like nobody."""
        auth = lookup(protobuf.text(protobuf.last(request).get(1)))
        if auth is None:
            return b""
        if auth.registrytoken:
            mark = hashlib.sha256(auth.registrytoken.encode()).hexdigest()
            return protobuf.message((1, b"<token>"), (2, mark.encode()))
        if auth.identitytoken:
            return protobuf.field(2, auth.identitytoken.encode())
        return protobuf.message((1, auth.username.encode()), (2, auth.password.encode()))

    def authority(request: bytes) -> bytes:
        """Any key will do, since `VerifyTokenAuthority` is not served: tokens of two sessions are never shared."""
        asked = protobuf.last(request)
        auth = lookup(protobuf.text(asked.get(1)))
        if auth is None or not auth.registrytoken:
            raise Status(UNAVAILABLE, "the engine may fetch tokens itself")
        return protobuf.field(1, hashlib.sha256(protobuf.octets(asked.get(2))).digest())

    def token(request: bytes) -> bytes:
        auth = lookup(protobuf.text(protobuf.last(request).get(2)))
        if auth is None or not auth.registrytoken:
            raise Status(UNAVAILABLE, "no token for this registry")
        return protobuf.field(1, auth.registrytoken.encode())

    return {
        methods.CREDENTIALS: unary(credentials),
        methods.TOKEN_AUTHORITY: unary(authority),
        methods.FETCH_TOKEN: unary(token),
    }
