# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re

import pytest
from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError
from ansible_collections.slipway.images.plugins.module_utils.image.glob import Glob, names


@pytest.mark.parametrize(
    ("text", "kind", "form"),
    [
        ("a/b", "literal", "a/b"),
        ("a^b|c{d}", "literal", "a^b|c{d}"),
        ("**", "suffix", ""),
        ("**/a", "suffix", "/a"),
        ("**a/b", "suffix", "a/b"),
        ("**/*.pyc", "suffix", ".pyc"),
        ("**/*", "suffix", ""),
        ("a/**", "prefix", "a/"),
        ("a**", "prefix", "a"),
        ("**/a*b", "name", r"a[^/]*b\Z"),
        ("**/?.c", "name", r"[^/]\.c\Z"),
        ("*.c", "path", r"[^/]*\.c\Z"),
        ("a/**/b", "path", r"a/(.*/)?b\Z"),
        ("a*/**", "path", r"a[^/]*/.*\Z"),
        (r"\*", "path", r"\*\Z"),
    ],
)
def test_the_cheapest_form(text: str, kind: str, form: str) -> None:
    glob = Glob.parse(text)
    assert (glob.kind, glob.form) == (kind, form)


@pytest.mark.parametrize(
    ("text", "hits", "misses"),
    [
        ("[^a]1", ["b1", "/1"], ["a1", "1"]),
        ("[!a]1", ["!1", "a1"], ["b1"]),
        ("[a-c]", ["a", "c"], ["d", "-", "A"]),
        (r"[a\]]", ["a", "]"], ["\\"]),
        (r"\[a\]", ["[a]"], ["a"]),
        ("a?b", ["a.b", "aéb"], ["a/b", "ab"]),
        ("*", ["a", ".a", ""], ["a/b"]),
        ("a.b*", ["a.b", "a.bc"], ["axb"]),
        ("(a)+*", ["(a)+"], ["aa", "a"]),
        ("a/**/b", ["a/b", "a/x/b", "a/x/y/b"], ["a/xb", "b"]),
        ("a|b*", ["a", "axyz/q", "xx/b", "ab"], ["xa", "x/bc/d"]),
        ("a{2}*", ["aa", "aab"], ["a{2}", "ab"]),
        ("{a,b}*", ["{a,b}", "{a,b}c"], ["a", "b"]),
        ("{,2}*", ["{,2}"], ["a"]),
        ("a^b*", [], ["a^b", "ab"]),
        ("[[:digit:]]", ["4"], ["d", ":", "4]"]),
        ("[[:^digit:]]", [":]", "[]", "t]"], ["4", "x", ":"]),
        (r"\d*", ["4a"], ["da", "\u0664"]),
        (r"[\d]x", ["4x"], ["dx"]),
        ("[a&&b]", ["&", "a"], ["c"]),
        ("[[a]", ["[", "a"], ["b"]),
    ],
)
def test_what_an_expression_matches(text: str, hits: list[str], misses: list[str]) -> None:
    glob = Glob.parse(text)
    assert glob.kind == "path"
    assert [path for path in [*hits, *misses] if re.match(glob.form, path, re.ASCII)] == hits


@pytest.mark.parametrize(
    ("text", "head", "depth"),
    [
        ("a/b", "a/b", 2),
        ("a^b/c", "a^b/c", 2),
        ("a/*/c", "a", 3),
        ("a/b*", "a", 2),
        ("a/**", "a", 0),
        ("*", "", 1),
        ("a/[^b]", "a", 0),
        ("a/c|b*", "", 0),
        ("a/{2}*", "a", 0),
        ("**/a", "", 0),
    ],
)
def test_where_matches_can_be(text: str, head: str, depth: int) -> None:
    glob = Glob.parse(text)
    assert (glob.head, glob.depth) == (head, depth)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        "a[",
        "[]",
        "[]a]",
        "[a-]",
        "[-a]",
        "[^]",
        "[a",
        "[a\\",
        "[a-\\]",
        "[[:alpha:]",  # a class to `filepath.Match`; to its `regexp`, half of one
        "a\\",
        "[z-a]",
        "\\y*",
        "\\1",
        "[\\b]",
        "*{2}",
        "\\é",
    ],
)
def test_what_go_refuses_is_refused(text: str) -> None:
    with pytest.raises(FormatError):
        Glob.parse(text)


@pytest.mark.parametrize(
    ("text", "matched", "others"),
    [
        ("a|b*", ["a|b", "a|bc"], ["a", "b.txt"]),
        ("[ab]?", ["ax", "bé"], ["a", "cx"]),
        ("[^a]*", ["b", "bcd"], ["a"]),
        ("[!a]", ["!", "a"], ["b"]),
        ("[[:alpha:]]", ["[]", "a]"], ["a"]),
        (r"\[a\]*", ["[a]", "[a]x"], ["a"]),
        (r"[\]a-c]", ["]", "b"], ["d", "-"]),
        ("{a}*^", ["{a}x^"], ["a"]),
        ("[z-a]", [], ["b"]),
        ("***.x", [".x", "a\n.x"], ["x"]),
    ],
)
def test_a_name_is_read_as_go_reads_it(text: str, matched: list[str], others: list[str]) -> None:
    pattern = names(text)
    assert [name for name in [*matched, *others] if pattern.fullmatch(name)] == matched


@pytest.mark.parametrize("text", ["[", "[]", "[a-]", "a\\"])
def test_a_name_that_go_refuses(text: str) -> None:
    with pytest.raises(FormatError):
        names(text)
