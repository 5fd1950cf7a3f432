# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes of this machine, found by what they were started as."""

from __future__ import annotations

import contextlib
import time
import typing as t
from pathlib import Path


def running(command: str) -> bool:
    """Is there one whose command line begins so? Words are parted by NUL."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it may be gone by now
            if (process / "cmdline").read_text().startswith(command):
                return True
    return False


def wait_for(true: t.Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)
