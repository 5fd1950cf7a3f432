# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trying again, where that is worth it."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.errors import SlipwayError

T = t.TypeVar("T")

LONGEST = 30
"""Seconds between two attempts, at most."""


def persistently(attempt: t.Callable[[], T], retries: int, pause: t.Callable[[float], None] = time.sleep) -> T:
    """The result of `attempt`, made up to `1 + retries` times, 1, 2, 4, ... seconds apart.

    Only for failures that may pass (a lost connection, a registry that is busy); any other is raised at once.
    """
    for earlier in range(retries):
        try:
            return attempt()
        except SlipwayError as error:
            from ansible_collections.slipway.images.plugins.module_utils.image.progress import retryable

            if not retryable(error):
                raise
        pause(min(2**earlier, LONGEST))
    return attempt()
