# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What `image_prune` returns, as lines that a person reads."""

from __future__ import annotations

import typing as t

from ansible_collections.slipway.images.plugins.module_utils.image import size

Result = t.Mapping[str, t.Any]


def lines(result: Result) -> list[str]:
    """What went, what stayed and why, and what went wrong. A failed prune tells of what it did until then."""
    said = ["failed: %s" % result["msg"]] if result.get("failed") else []
    said += ["warning: %s" % warning for warning in result.get("warnings") or ()]
    said += ["did: %s" % action for action in result.get("actions") or ()]
    kept = result.get("kept") or {}
    width = max(map(len, kept), default=0)
    said += ["kept: %s  %s" % (name.ljust(width), reason) for name, reason in sorted(kept.items())]
    return [*said, "freed: %s" % size.show(result.get("space_reclaimed") or 0)]
