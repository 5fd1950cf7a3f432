# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.slipway.images.plugins.module_utils.engine.version import (
    NEWEST,
    OLDEST,
    negotiate,
    parse,
    show,
)
from ansible_collections.slipway.images.plugins.module_utils.errors import RequirementError, SlipwayError, UsageError


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("1.41", (1, 41)),
        (" v1.41\n", (1, 41)),
        ("1.100", (1, 100)),
        ("", None),
        ("1", None),
        ("1.41.1", None),
        ("auto", None),
    ],
)
def test_parse(text: str, version: tuple[int, int] | None) -> None:
    assert parse(text) == version
    assert version is None or parse(show(version)) == version


@pytest.mark.parametrize(
    ("wanted", "theirs", "spoken"),
    [
        ("auto", (1, 41), (1, 41)),
        ("auto", OLDEST, OLDEST),
        ("auto", (1, 99), NEWEST),
        ("auto", (2, 0), NEWEST),
        ("1.40", (1, 99), (1, 40)),
        ("1.41", (1, 41), (1, 41)),
    ],
)
def test_the_newest_that_both_speak(wanted: str, theirs: tuple[int, int], spoken: tuple[int, int]) -> None:
    assert negotiate(wanted, theirs) == spoken


@pytest.mark.parametrize(
    ("wanted", "theirs", "kind", "words"),
    [
        ("auto", (1, 39), RequirementError, "the engine speaks API 1.39; 1.40 is the oldest"),
        ("1.39", (1, 41), UsageError, "outside of what slipway.images knows: 1.40 to"),
        ("1.999", (1, 999), UsageError, "outside of what slipway.images knows"),
        ("1.42", (1, 41), UsageError, "api_version 1.42 is newer than the engine's 1.41"),
        ("newest", (1, 41), UsageError, "api_version is 'auto' or a version like 1.41, not 'newest'"),
    ],
)
def test_no_common_tongue(wanted: str, theirs: tuple[int, int], kind: type[SlipwayError], words: str) -> None:
    with pytest.raises(kind, match=words) as caught:
        negotiate(wanted, theirs)
    assert "\n" not in str(caught.value)
