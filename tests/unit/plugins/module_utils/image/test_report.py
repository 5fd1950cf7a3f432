# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.slipway.images.plugins.module_utils.image.report import lines


def test_what_went_and_what_stayed() -> None:
    result = {
        "actions": ["remove app:1 (image 1d34, 2MB)", "prune the build cache"],
        "kept": {"app:stable": "protected by *:stable", "app:2": "used by container web"},
        "space_reclaimed": 2_000_000,
    }
    assert lines(result) == [
        "did: remove app:1 (image 1d34, 2MB)",
        "did: prune the build cache",
        "kept: app:2       used by container web",
        "kept: app:stable  protected by *:stable",
        "freed: 2MB",
    ]


def test_what_went_wrong_stands_first() -> None:
    result = {"failed": True, "msg": "no engine", "warnings": ["odd"], "actions": []}
    assert lines(result) == ["failed: no engine", "warning: odd", "freed: 0B"]
