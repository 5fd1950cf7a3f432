# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Imports by threads, on Python 3.9. Modules come to a target in a zip, and until Python 3.10 `zipimport` does not mark
a module that is still being executed: a thread that imports it then gets one without half of its names.
"""

from __future__ import annotations

import builtins
import threading
import typing as t


def in_turn() -> None:
    """From now on one thread of this process imports at a time."""
    turn, imported = threading.RLock(), builtins.__import__

    def one(*how: t.Any, **more: t.Any) -> t.Any:
        with turn:
            return imported(*how, **more)

    builtins.__import__ = one
