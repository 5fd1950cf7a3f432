# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Engine API version that both sides speak."""

from __future__ import annotations

import re

from ansible_collections.slipway.images.plugins.module_utils.errors import RequirementError, UsageError

Version = tuple[int, int]

OLDEST: Version = (1, 40)
"""Docker 19.03: the first whose build, distribution and prune endpoints have all that the modules use."""

NEWEST: Version = (1, 51)
"""Docker 28: the newest that the collection was run against. A newer engine speaks it too."""

_VERSION = re.compile(r"v?(\d+)\.(\d+)")


def parse(text: str) -> Version | None:
    """`1.41` -> `(1, 41)`; anything else -> `None`."""
    found = _VERSION.fullmatch(text.strip())
    return (int(found[1]), int(found[2])) if found else None


def show(version: Version) -> str:
    return "%d.%d" % version


def negotiate(wanted: str, theirs: Version) -> Version:
    """The version to speak to an engine whose newest is `theirs`, when the user wants `auto` or a version."""
    if wanted == "auto":
        if theirs < OLDEST:
            raise RequirementError(
                "the engine speaks API %s; %s is the oldest that slipway.images knows: update the engine"
                % (show(theirs), show(OLDEST)),
                engine=show(theirs),
                oldest=show(OLDEST),
            )
        return min(NEWEST, theirs)
    pinned = parse(wanted)
    if pinned is None:
        raise UsageError("api_version is 'auto' or a version like 1.41, not '%s'" % wanted, option="api_version")
    if not OLDEST <= pinned <= NEWEST:
        raise UsageError(
            "api_version %s is outside of what slipway.images knows: %s to %s"
            % (show(pinned), show(OLDEST), show(NEWEST)),
            option="api_version",
        )
    if pinned > theirs:
        raise UsageError(
            "api_version %s is newer than the engine's %s" % (show(pinned), show(theirs)), option="api_version"
        )
    return pinned
