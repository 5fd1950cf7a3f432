# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one table that all benchmarks end in."""

from __future__ import annotations

import typing as t

HEAD = ("what", "ours", "rival's", "ratio", "goal", "")


class Row(t.NamedTuple):
    """`ratio` is ours to the rival's, None where that says nothing."""

    what: str
    ours: str
    theirs: str
    ratio: float | None
    goal: str
    met: bool


def at_most(what: str, limit: float, ours: float, theirs: float, unit: str) -> Row:
    ratio = ours / theirs
    return Row(what, f"{ours:.3g} {unit}", f"{theirs:.3g} {unit}", ratio, f"<= {limit}x", ratio <= limit)


def at_least(what: str, limit: float, ours: float, theirs: float, unit: str) -> Row:
    ratio = ours / theirs
    return Row(what, f"{ours:.3g} {unit}", f"{theirs:.3g} {unit}", ratio, f">= {limit}x", ratio >= limit)


def amount(what: str, limit: int, ours: int, theirs: int | None, unit: str = "bytes") -> Row:
    """`limit`: of ours, whatever the rival needs."""
    rival = "" if theirs is None else _counted(theirs, unit)
    return Row(what, _counted(ours, unit), rival, None, f"<= {_counted(limit, unit)}" if limit else "0", ours <= limit)


def within(what: str, limit: float, ours: float, unit: str) -> Row:
    """No rival does it."""
    return Row(what, f"{ours:.3g} {unit}", "", None, f"<= {limit} {unit}", ours <= limit)


def remark(what: str, ours: float, theirs: float, unit: str) -> Row:
    """Without a goal: it explains a row above it."""
    return Row(what, f"{ours:.3g} {unit}", f"{theirs:.3g} {unit}", ours / theirs, "", True)


def show(rows: t.Iterable[Row]) -> str:
    """In Markdown, aligned."""
    cells = [HEAD, *((r.what, r.ours, r.theirs, _ratio(r.ratio), r.goal, _verdict(r)) for r in rows)]
    widths = [max(map(len, column)) for column in zip(*cells)]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in cells]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])


def _verdict(row: Row) -> str:
    return ("met" if row.met else "MISSED") if row.goal else ""


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _counted(value: int, unit: str) -> str:
    return f"{value / 1e6:.1f} MB" if unit == "bytes" and abs(value) >= 100_000 else f"{value} {unit}"
