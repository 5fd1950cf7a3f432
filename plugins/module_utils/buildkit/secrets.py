# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`moby.buildkit.secrets.v1.Secrets`: what `RUN --mount=type=secret` mounts."""

from __future__ import annotations

import typing as t

from ansible_collections.slipway.images.plugins.module_utils.buildkit import methods, protobuf
from ansible_collections.slipway.images.plugins.module_utils.grpc.call import Handler, unary
from ansible_collections.slipway.images.plugins.module_utils.grpc.status import NOT_FOUND, Status


def service(secrets: t.Mapping[str, bytes]) -> dict[str, Handler]:
    """`secrets` by id. One that is not there is left out of the build, or fails it if it is `required`."""

    def get(request: bytes) -> bytes:
        id = protobuf.text(protobuf.last(request).get(1))
        if id not in secrets:
            raise Status(NOT_FOUND, f"secret {id} not found")
        return protobuf.field(1, secrets[id])

    return {methods.GET_SECRET: unary(get)}
