# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Amounts of bytes, as users write and read them."""

from __future__ import annotations

import re

from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError

_POWERS = "kmgtp"
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?([%s]?)i?b?" % _POWERS, re.IGNORECASE)
_LARGEST = 2**63 - 1


def parse(text: str | int) -> int:
    """Bytes: `10GB`, `512m`, `1.5g`, `64 KiB`, `1048576`. Units are powers of 1024 whatever their spelling, as Docker
    reads `--memory` and `--shm-size`, and go up to `p`. `UsageError` for anything else.
    """
    wanted = _SIZE.fullmatch(str(text))
    if not wanted:
        raise UsageError("%r is not a size: write a number and a unit, such as 512m or 1.5g" % text, size=text)
    number, unit = wanted.groups()
    factor = 1024 ** (_POWERS.index(unit.lower()) + 1) if unit else 1
    # Whole numbers stay whole: a float is exact only up to 2**53.
    count = float(number) * factor if "." in number else int(number) * factor
    if count > _LARGEST:
        raise UsageError("%r is not a size: it is more than 64 bits hold" % text, size=text)
    return int(count)


def show(count: int) -> str:
    """Bytes for people, in powers of 1000 with up to four digits, as the docker CLI writes them: `2.746MB`."""
    number = float(count)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if number < 1000:
            return "%.4g%s" % (number, unit)
        number /= 1000
    return "%.4gPB" % number
