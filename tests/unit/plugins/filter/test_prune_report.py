# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.slipway.images.plugins.filter.prune_report import prune_report


def test_it_is_the_lines() -> None:
    assert prune_report({"actions": ["remove app:1"], "space_reclaimed": 0}) == "did: remove app:1\nfreed: 0B\n"
