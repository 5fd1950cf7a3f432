# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError
from ansible_collections.slipway.images.plugins.module_utils.image import words

SCOPE = {"A": "a b", "EMPTY": "", "É": "accent"}
# What Docker 20.10 and 28 make of them.
MEANT = [
    ("plain", "plain"),
    ("'single $A \"x\"'", 'single $A "x"'),
    ('"double $A \\" \\$ \\n"', 'double a b " $ \\n'),
    ("un\\ quoted\\$A", "un quoted$A"),
    ("a'b'\"c\"", "abc"),
    ("x\\", "x"),
    ("$A/$B/${A}", "a b//a b"),
    ("${B:-d}${A:-d}${EMPTY:-d}", "da bd"),
    ("${A:+yes}${B:+yes}${EMPTY:+yes}", "yes"),
    ("$", "$"),
    ("a$$b$!c$12d$-", "abcd"),
    ("$É", "accent"),
    ("{}#[]=", "{}#[]="),
]


@pytest.mark.parametrize(("word", "meant"), MEANT)
def test_a_word(word: str, meant: str) -> None:
    assert words.unquoted(word, SCOPE) == meant


@pytest.mark.parametrize("word", ["'", '"', "a'b", 'a"b', '"a\\"', "x'y'z'"])
def test_a_quote_that_is_not_closed(word: str) -> None:
    with pytest.raises(UsageError, match="not closed"):
        words.unquoted(word, SCOPE)


@pytest.mark.parametrize("word", ["${A", "${}", "${A%b}", "${A:?no}", '"${A#b}"', "${A:-${B}}"])
def test_a_substitution_that_not_every_engine_knows(word: str) -> None:
    with pytest.raises(UsageError, match="write its value"):
        words.unquoted(word, SCOPE)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a b\t c", ["a", "b", "c"]),
        ("a='b c' \"d e\"=f g\\ h", ["a='b c'", '"d e"=f', "g\\ h"]),
        ("a='b \\' c", ["a='b \\'", "c"]),
        ('"a \\" b" c', ['"a \\" b"', "c"]),
        ("", []),
    ],
)
def test_words(text: str, found: list[str]) -> None:
    assert words.split(text) == found
