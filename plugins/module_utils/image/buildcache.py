# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which records of BuildKit's cache a prune removes, computed as BuildKit does (`cache/manager.go`, `prune`)."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass
from datetime import datetime, timezone
from fractions import Fraction

_TIME = re.compile(r"(\d+-\d+-\d+T\d+:\d+:\d+)(\.\d+)?(Z|[+-]\d\d:\d\d)")
_INTERNAL = ("internal", "frontend")


@dataclass(frozen=True)
class Record:
    """One record of the cache. `last_used` is in Unix seconds (0: never), `size` in bytes.

    `in_use` holds of a record that a build uses, and of those it stands on; `shared` of one that an image holds too.
    """

    id: str
    parents: tuple[str, ...] = ()
    kind: str = "regular"
    in_use: bool = False
    shared: bool = False
    size: int = 0
    last_used: float = 0
    uses: int = 0

    @classmethod
    def of(cls, row: t.Mapping[str, t.Any]) -> Record:
        """From a row of `BuildCache` in `GET /system/df`. `Parent` became `Parents` in API 1.42, which Docker 26
        and 28 write with a space before it."""
        parents = row.get("Parents") or row.get(" Parents") or [row.get("Parent") or ""]
        return cls(
            id=row["ID"],
            parents=tuple(parent for parent in parents if parent),
            kind=row.get("Type") or "regular",
            in_use=row["InUse"],
            shared=row["Shared"],
            size=row["Size"],
            last_used=_seconds(row.get("LastUsedAt") or ""),
            uses=row.get("UsageCount") or 0,
        )


@dataclass(frozen=True)
class Limit:
    """What to keep: `keep` bytes in all that no image holds too (0: none), whatever was used since `until` (Unix
    seconds), and (unless `everything`) what images share and what BuildKit needs for itself."""

    keep: int = 0
    until: int | None = None
    everything: bool = False

    def covers(self, record: Record) -> bool:
        if record.in_use or (self.until is not None and record.last_used >= self.until):
            return False
        return self.everything or not (record.shared or record.kind in _INTERNAL)


def removable(records: t.Iterable[Record], limit: Limit) -> tuple[Record, ...]:
    """What goes, in the order in which it goes: a record is free once all that stood on it are gone.

    With a budget BuildKit takes one record at a time, the least used first, and looks again. It stops earlier in one
    case: what images share, it subtracts from a sum that it was never part of, until the next prune.
    """
    left = {record.id: record for record in records}
    total = sum(record.size for record in left.values() if not record.shared)
    gone: list[Record] = []
    while not (limit.keep and total < limit.keep):
        standing = {parent for record in left.values() for parent in record.parents}
        free = [record for record in left.values() if record.id not in standing and limit.covers(record)]
        if not free:
            break
        for record in _least_used(free)[:1] if limit.keep else free:
            gone.append(left.pop(record.id))
            total -= 0 if record.shared else record.size
    return tuple(gone)


def _least_used(records: t.Sequence[Record]) -> list[Record]:
    """BuildKit's order: the sum of two rankings, by last use and by number of uses, each scaled to 1 (zero: never).
    Of equals it takes any; here it is the one not used for longer, so that what is foretold can be kept."""
    recent = _ranks(record.last_used for record in records)
    frequent = _ranks(record.uses for record in records)

    def place(record: Record) -> tuple[Fraction, float, str]:
        return recent[record.last_used] + frequent[record.uses], record.last_used, record.id

    return sorted(records, key=place)


def _ranks(values: t.Iterable[float]) -> dict[float, Fraction]:
    places = sorted(set(values) - {0})
    return {0: Fraction(0), **{value: Fraction(place, len(places)) for place, value in enumerate(places, 1)}}


def _seconds(text: str) -> float:
    """RFC 3339 as Go prints it, with nanoseconds, which `datetime` did not read before Python 3.11."""
    found = _TIME.fullmatch(text)
    if not found:
        return 0
    zone = "+00:00" if found[3] == "Z" else found[3]
    whole = datetime.fromisoformat(found[1] + zone).astimezone(timezone.utc)
    return whole.timestamp() + float(found[2] or 0)
