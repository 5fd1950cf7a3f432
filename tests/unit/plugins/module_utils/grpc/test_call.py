# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.slipway.images.plugins.module_utils.grpc.call import Call
from ansible_collections.slipway.images.plugins.module_utils.grpc.connection import Connection


@pytest.mark.parametrize(
    ("headers", "values"),
    [
        ([(b"k", b"b"), (b"k", b"a")], ["b", "a"]),
        ([], []),
        ([(b"k", b"%C3%A9+%2A"), (b"k-encoded", b"1")], ["é *"]),
        ([(b"k", b"%C3%A9+%2A")], ["%C3%A9+%2A"]),
        ([(b"k", "é".encode()), (b"k", b"\xff")], ["é", "\udcff"]),
        ([(b"k", b"%FF"), (b"k-encoded", b"1")], ["\udcff"]),
    ],
)
def test_metadata(headers: list[tuple[bytes, bytes]], values: list[str]) -> None:
    assert Call(Connection(), 1, headers).values("k") == values
