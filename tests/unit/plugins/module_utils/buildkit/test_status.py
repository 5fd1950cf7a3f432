# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.slipway.images.plugins.module_utils.buildkit.protobuf import field, message
from ansible_collections.slipway.images.plugins.module_utils.buildkit.status import Log, Vertex, Warn, events
from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError

TIME = message((1, 5), (2, 500_000_000))
STATUS = (
    field(
        1, message((1, b"d"), (2, b"input"), (3, b"name"), (4, 1), (5, TIME), (6, TIME), (7, b"wrong"), (8, b"\x0a\1g"))
    )
    + field(1, message((1, b"e")))
    + field(2, message((1, b"extracting"), (4, 7)))
    + field(3, message((1, b"d"), (2, TIME), (3, 2), (4, b"\xff\n")))
    + field(4, message((3, b"short"), (4, b"detail")))
)


def test_events() -> None:
    assert list(events(STATUS)) == [
        Vertex(b"d", "name", True, 5.5, 5.5, "wrong"),
        Vertex(b"e", "", False, None, None, ""),
        Log(b"d", b"\xff\n"),
        Warn("short", 0),
    ]


def test_cut_anywhere() -> None:
    whole = list(events(STATUS))
    for cut in range(len(STATUS)):
        try:
            assert list(events(STATUS[:cut])) == whole[: len(list(events(STATUS[:cut])))]
        except FormatError as error:
            assert "cut short" in str(error)


def test_fields_of_other_kinds() -> None:
    assert list(events(b"\x08\1" + field(1, message((1, 7), (3, 7), (5, 7))))) == [
        Vertex(b"", "", False, None, None, "")
    ]
    with pytest.raises(FormatError):
        list(events(b"\x0b"))
