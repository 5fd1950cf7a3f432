# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""BuildKit's progress messages (`moby.buildkit.v1.StatusResponse`), as far as a build log is made of them."""

from __future__ import annotations

import typing as t

from ansible_collections.slipway.images.plugins.module_utils.buildkit import protobuf


class Vertex(t.NamedTuple):
    """A node of the build's graph, told several times; times are in seconds since 1970, None for not yet."""

    digest: bytes
    name: str
    cached: bool
    started: float | None
    completed: float | None
    error: str


class Log(t.NamedTuple):
    """A piece of a step's output, cut anywhere."""

    vertex: bytes
    data: bytes


class Warn(t.NamedTuple):
    """What a check of the Dockerfile found; `line` is 0 when it is not said."""

    short: str
    line: int


def events(data: bytes) -> t.Iterator[Vertex | Log | Warn]:
    """What one message tells, vertexes first. `FormatError` when it is cut."""
    for number, value in protobuf.fields(data):
        if not isinstance(value, bytes):
            continue
        if number == 1:
            yield _vertex(protobuf.last(value))
        elif number == 3:
            log = protobuf.last(value)
            yield Log(protobuf.octets(log.get(1)), protobuf.octets(log.get(4)))
        elif number == 4:
            warning = protobuf.last(value)
            span = protobuf.last(protobuf.octets(warning.get(7)))
            line = protobuf.number(protobuf.last(protobuf.octets(span.get(1))).get(1))
            yield Warn(protobuf.text(warning.get(3)), line)


def _vertex(found: t.Mapping[int, protobuf.Value]) -> Vertex:
    return Vertex(
        digest=protobuf.octets(found.get(1)),
        name=_text(found.get(3)),
        cached=bool(found.get(4)),
        started=_time(found.get(5)),
        completed=_time(found.get(6)),
        error=_text(found.get(7)),
    )


def _text(value: protobuf.Value | None) -> str:
    return protobuf.octets(value).decode("utf-8", "replace")


def _time(value: protobuf.Value | None) -> float | None:
    if not isinstance(value, bytes):
        return None
    stamp = protobuf.last(value)
    return protobuf.number(stamp.get(1)) + protobuf.number(stamp.get(2)) / 1e9
