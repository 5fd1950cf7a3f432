# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import threading

import pytest
from ansible_collections.slipway.images.plugins.module_utils.engine.parallel import each


@pytest.mark.parametrize("parallel", [-1, 0, 1, 2, 9])
@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_results_are_in_the_order_of_the_items(count: int, parallel: int) -> None:
    assert each(lambda item: item * item, iter(range(count)), parallel) == [item * item for item in range(count)]


def test_they_are_done_at_a_time() -> None:
    meeting = threading.Barrier(3, timeout=10)
    assert sorted(each(lambda _item: meeting.wait(), range(3), 3)) == [0, 1, 2]


def test_one_needs_no_thread() -> None:
    assert each(lambda _item: threading.current_thread(), [0], 9) == [threading.current_thread()]


@pytest.mark.parametrize("parallel", [1, 2])
def test_what_goes_wrong_is_raised(parallel: int) -> None:
    with pytest.raises(ZeroDivisionError):
        each(lambda item: 1 // item, [1, 0], parallel)
