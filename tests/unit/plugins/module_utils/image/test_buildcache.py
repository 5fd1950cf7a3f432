# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import random
import typing as t

import pytest
from ansible_collections.slipway.images.plugins.module_utils.image.buildcache import Limit, Record, removable
from hypothesis import given, settings
from hypothesis import strategies as st

ROW: dict[str, t.Any] = {
    "ID": "ndlpt0hhvkqcdfkputsk4cq9c",
    "Parent": "",
    "Type": "regular",
    "Description": "mount / from exec /bin/sh -c true",
    "InUse": False,
    "Shared": True,
    "Size": 51,
    "CreatedAt": "2021-06-28T13:31:01.474619385Z",
    "LastUsedAt": "2021-07-07T22:02:32.738075951Z",
    "UsageCount": 26,
}


def test_a_row_of_the_disk_usage() -> None:
    assert Record.of(ROW) == Record(ROW["ID"], (), "regular", False, True, 51, 1625695352.738075951, 26)


@pytest.mark.parametrize(
    ("more", "parents"),
    [
        ({"Parent": "p"}, ("p",)),
        ({"Parent": "", "Parents": ["p", "q"]}, ("p", "q")),
        ({" Parents": ["p", "q"]}, ("p", "q")),  # Docker 26.1.5, 28.5.2
        ({"Parents": None}, ()),
    ],
)
def test_parents(more: dict[str, t.Any], parents: tuple[str, ...]) -> None:
    assert Record.of({**ROW, **more}).parents == parents


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, 0),
        ("1970-01-01T00:00:10Z", 10),
        ("1970-01-01T02:00:10.25+02:00", 10.25),
        ("1969-12-31T23:00:10.123456789-01:00", 10.123456789),
    ],
)
def test_last_used(text: str | None, seconds: float) -> None:
    assert Record.of({**ROW, "LastUsedAt": text}).last_used == pytest.approx(seconds, abs=1e-6)


def record(id: str, *parents: str, size: int = 10, **more: t.Any) -> Record:
    return Record(id, parents, size=size, **more)


CHAIN = [record("a"), record("b", "a"), record("c", "b")]
KEPT: list[tuple[list[Record], Limit, list[str]]] = [
    ([], Limit(), []),
    (CHAIN, Limit(), ["c", "b", "a"]),
    ([*CHAIN, record("x", "a", in_use=True)], Limit(), ["c", "b"]),
    ([record("a", shared=True), record("b", "a")], Limit(), ["b"]),
    ([record("a", shared=True), record("b", "a")], Limit(everything=True), ["b", "a"]),
    ([record("a"), record("b", "a", shared=True)], Limit(), []),
    ([record("a", kind="internal"), record("b", kind="frontend"), record("c", kind="source.local")], Limit(), ["c"]),
    ([record("a", kind="internal"), record("b", kind="frontend")], Limit(everything=True), ["a", "b"]),
    ([record("a", last_used=5), record("b", last_used=6), record("c")], Limit(until=6), ["a", "c"]),
    ([record("a", last_used=5), record("b", "a", last_used=7)], Limit(until=6), []),
    # A budget: until less is left, one by one.
    (CHAIN, Limit(keep=31), []),
    (CHAIN, Limit(keep=30), ["c"]),
    (CHAIN, Limit(keep=15), ["c", "b"]),
    (CHAIN, Limit(keep=1), ["c", "b", "a"]),
    ([record("a", last_used=9), record("b", last_used=8), record("c", last_used=7)], Limit(keep=20), ["c", "b"]),
    ([record("a", uses=3), record("b", uses=1), record("c", uses=2)], Limit(keep=20), ["b", "c"]),
    ([record("a", uses=3), record("b", last_used=5, uses=3), record("c", uses=2)], Limit(keep=11), ["c", "a"]),
    # Of equals the one not used for longer, then the first by name.
    ([record("a", last_used=2, uses=1), record("b", last_used=1, uses=2)], Limit(keep=20), ["b"]),
    ([record("b"), record("a")], Limit(keep=20), ["a"]),
    # What images share counts neither before nor after.
    ([record("a", shared=True, size=99), record("b")], Limit(keep=11, everything=True), []),
    ([record("a", shared=True, size=99), record("b", last_used=1)], Limit(keep=10, everything=True), ["a", "b"]),
]


@pytest.mark.parametrize(("records", "limit", "gone"), KEPT)
def test_removable(records: list[Record], limit: Limit, gone: list[str]) -> None:
    assert [record.id for record in removable(records, limit)] == gone


@st.composite
def caches(draw: st.DrawFn) -> list[Record]:
    records: list[Record] = []
    for number in range(draw(st.integers(0, 8))):
        parents = draw(st.sets(st.sampled_from([record.id for record in records]), max_size=2)) if records else ()
        records.append(
            Record(
                "r%d" % number,
                tuple(parents),
                draw(st.sampled_from(["regular", "internal"])),
                shared=draw(st.booleans()),
                size=draw(st.integers(0, 20)),
                last_used=draw(st.integers(0, 4)),
                uses=draw(st.integers(0, 2)),
            )
        )
    return records


limits = st.builds(Limit, st.integers(0, 60), st.none() | st.integers(0, 5), st.booleans())


@settings(max_examples=150, deadline=None)
@given(caches(), limits, st.randoms())
def test_laws(records: list[Record], limit: Limit, chance: random.Random) -> None:
    gone = removable(records, limit)
    left = [record for record in records if record not in gone]
    assert all(limit.covers(record) for record in gone)
    for place, record in enumerate(gone):
        rest = [*left, *gone[place + 1 :]]
        assert record.id not in {parent for other in rest for parent in other.parents}
    assert removable(left, limit) == (), "a second run finds nothing to do"
    if limit.keep:
        shuffled = chance.sample(records, len(records))
        assert removable(shuffled, limit) == gone, "the engine lists in any order"
