# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several requests at a time."""

from __future__ import annotations

import typing as t

Item = t.TypeVar("Item")
Result = t.TypeVar("Result")


def each(work: t.Callable[[Item], Result], items: t.Iterable[Item], parallel: int) -> list[Result]:
    """`work` of each item, in their order, done by at most `parallel` threads; for one thing there is none."""
    items = list(items)
    if len(items) < 2 or parallel < 2:
        return [work(item) for item in items]
    # Threads are for tasks with several images: importing them takes the others longer than their one image.
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(parallel) as pool:
        return list(pool.map(work, items))
