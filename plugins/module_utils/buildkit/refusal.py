# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a build failed, and where: what BuildKit adds to the words of an error, from 0.10 (engine 23) on.

A `google.rpc.Status` whose details are JSON under a protobuf's name (`solver/errdefs`, `util/grpcerrors` in BuildKit).
"""

from __future__ import annotations

import json
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.buildkit import protobuf
from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError


class Refusal(t.NamedTuple):
    """`vertex`: digest of the step. `line`: where its instruction begins. `None` or `""`: not said."""

    vertex: str = ""
    line: int | None = None
    exit_code: int | None = None


def refusal(details: bytes) -> Refusal:
    """What of it can be read; the words of the error are there whatever this is."""
    found: dict[str, t.Any] = {}
    try:
        for number, value in protobuf.fields(details):
            if number == 3 and isinstance(value, bytes):
                detail = protobuf.last(value)
                kind = protobuf.text(detail.get(1)).rpartition("/")[2]
                # What wraps an error comes before what it wraps: the innermost source is the exact one.
                found[kind] = json.loads(protobuf.octets(detail.get(2))) if kind.endswith("+json") else None
    except (FormatError, ValueError):
        return Refusal()
    return Refusal(
        vertex=_text(_member(found.get("errdefs.Vertex+json"), "digest")),
        line=_line(_member(found.get("errdefs.Source+json"), "ranges")),
        exit_code=_number(_member(found.get("gatewayapi.ExitMessage+json"), "Code")),
    )


def _member(found: t.Any, key: str) -> t.Any:
    return found.get(key) if isinstance(found, dict) else None


def _line(ranges: t.Any) -> int | None:
    first = ranges[0] if isinstance(ranges, list) and ranges else None
    return _number(_member(_member(first, "start"), "line"))


def _number(value: t.Any) -> int | None:
    return value if isinstance(value, int) else None


def _text(value: t.Any) -> str:
    return value if isinstance(value, str) else ""
