# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError
from ansible_collections.slipway.images.plugins.module_utils.image.shortid import certain, digits, resolve

IDS = ["sha256:" + start.ljust(64, "0") for start in ("abcd1", "abcd2", "f00d")]


@pytest.mark.parametrize(
    ("text", "hex_digits", "sure"),
    [
        ("abcd", "abcd", False),
        ("abc", "", False),
        ("a" * 11, "a" * 11, False),
        ("a" * 12, "a" * 12, True),
        ("a" * 63, "a" * 63, True),
        ("a" * 64, "", False),
        ("sha256:abcd", "abcd", True),
        ("sha256:abc", "", True),
        ("abcd:1", "", False),
        ("ABCD", "", False),
        ("abcg", "", False),
    ],
)
def test_what_may_be_a_short_id(text: str, hex_digits: str, sure: bool) -> None:
    assert (digits(text), certain(text)) == (hex_digits, sure)


@pytest.mark.parametrize(
    ("text", "id"),
    [("abcd1", IDS[0]), ("sha256:abcd2", IDS[1]), ("f00d", IDS[2]), ("f00", ""), ("beef", ""), ("app", "")],
)
def test_the_one_that_begins_so(text: str, id: str) -> None:
    assert resolve(text, IDS) == id


def test_no_id_is_in_words_that_stand_for_one() -> None:
    assert resolve("cafe", ["(known after build of app:cafe)"]) == ""


def test_several_begin_so() -> None:
    with pytest.raises(UsageError, match="abcd is ambiguous: the ids of 2 images begin so") as raised:
        resolve("abcd", [*IDS, *IDS])
    assert raised.value.facts == {"name": "abcd", "ids": IDS[:2]}
