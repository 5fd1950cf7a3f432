# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Less than root may do."""

from __future__ import annotations

import contextlib
import os
import typing as t

NOBODY = 65534


@contextlib.contextmanager
def lesser() -> t.Iterator[None]:
    """The rights of a user who is not root; `tmp_path` is out of reach then."""
    if os.geteuid():
        yield
        return
    os.setresuid(NOBODY, NOBODY, 0)  # `os.access` asks for the real user
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)
