# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said to BuildKit itself, beside the Engine API: `moby.buildkit.v1.Control`.

From `api/services/control/control.proto`. BuildKit gives no promise that it stays as it is; it has been so since 0.8.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.slipway.images.plugins.module_utils.buildkit import protobuf

SOLVE, STATUS, SESSION = ("/moby.buildkit.v1.Control/" + method for method in ("Solve", "Status", "Session"))

Attrs = t.Mapping[str, str]


class Kind(t.NamedTuple):
    """An exporter, or a cache to write: `type` and what that wants to know."""

    type: str
    attrs: Attrs


@dataclass(frozen=True)
class Solve:
    """A build. `ref` names it; `attrs` are the frontend's, see `frontend.py`. No exporter: nothing is kept."""

    ref: str
    session: str
    attrs: Attrs
    exporters: tuple[Kind, ...] = ()
    cache_to: tuple[Kind, ...] = ()
    entitlements: tuple[str, ...] = ()
    frontend: str = "dockerfile.v0"

    def message(self) -> bytes:
        """A single exporter goes where engines before 26 look for it; newer ones look there, too."""
        only = self.exporters[0] if len(self.exporters) == 1 else Kind("", {})
        return protobuf.message(
            (1, self.ref.encode()),
            (3, only.type.encode()),
            *_map(4, only.attrs),
            (5, self.session.encode()),
            (6, self.frontend.encode()),
            *_map(7, self.attrs),
            (8, protobuf.message(*((4, _kind(kind)) for kind in self.cache_to))),
            *((9, name.encode()) for name in self.entitlements),
            *((13, _kind(kind)) for kind in self.exporters if len(self.exporters) > 1),
        )


def solved(answer: bytes) -> dict[str, str]:
    """What the exporters tell of what they made: `containerimage.digest` is the image's id."""
    fields = protobuf.fields(answer)
    pairs = (protobuf.last(value) for number, value in fields if number == 1 and isinstance(value, bytes))
    return {protobuf.text(pair.get(1)): protobuf.text(pair.get(2)) for pair in pairs}


def watch(ref: str) -> bytes:
    """The request of `Status`, whose answers are what `status.events` reads. It waits for a build of that name."""
    return protobuf.message((1, ref.encode()))


def _kind(kind: Kind) -> bytes:
    return protobuf.message((1, kind.type.encode()), *_map(2, kind.attrs))


def _map(number: int, attrs: Attrs) -> t.Iterator[tuple[int, bytes]]:
    for key, value in attrs.items():
        pair = (1, key.encode()), (2, value.encode("utf-8", "surrogateescape"))
        yield number, protobuf.message(*pair)
