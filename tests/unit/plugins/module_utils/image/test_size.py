# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError
from ansible_collections.slipway.images.plugins.module_utils.image import size

SIZES = {
    "0": 0,
    "512": 512,
    "10b": 10,
    "1k": 1024,
    "64 KiB": 65536,
    "512m": 512 << 20,
    "1.5g": 3 << 29,
    "10GB": 10 << 30,
    "2T": 2 << 40,
    "1pib": 1 << 50,
    "9007199254740993": 9007199254740993,
    "8589934591g": 8589934591 << 30,
}


@pytest.mark.parametrize("text", SIZES)
def test_parsed(text: str) -> None:
    assert size.parse(text) == SIZES[text]


def test_a_size_may_be_a_number() -> None:
    assert size.parse(65536) == 65536


@pytest.mark.parametrize(
    "text", ["", "-1", "1.2.3", "1e", "m", "1 0", "1  k", "8192p", "9" * 400, "9" * 400 + ".5", "١k", "1k\n"]
)
def test_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not a size"):
        size.parse(text)


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0B"), (999, "999B"), (1000, "1kB"), (2_746_000, "2.746MB"), (1_234_567_890, "1.235GB"), (10**18, "1000PB")],
)
def test_shown(count: int, text: str) -> None:
    assert size.show(count) == text
