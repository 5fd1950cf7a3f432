# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import builtins
import os
import threading
import typing as t
from concurrent.futures import ThreadPoolExecutor

import pytest
from ansible_collections.slipway.images.plugins.module_utils.task.imports import in_turn

THREADS, TIMES = 4, 50


def test_one_at_a_time_and_each_within_another(monkeypatch: pytest.MonkeyPatch) -> None:
    busy = threading.Lock()
    together: list[str] = []

    def slow(name: str, outer: bool = True) -> str:
        if outer:
            return str(exclusive(name, False))
        together.extend([name] * (not busy.acquire(blocking=False)))
        os.sched_yield()
        busy.release()
        return name

    with monkeypatch.context() as patched:
        patched.setattr(builtins, "__import__", slow)
        in_turn()
        exclusive: t.Any = builtins.__import__
    names = [str(number) for number in range(THREADS * TIMES)]
    with ThreadPoolExecutor(THREADS) as pool:
        assert list(pool.map(exclusive, names)) == names
    assert not together
