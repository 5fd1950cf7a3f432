# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re
import typing as t

import pytest
from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError
from ansible_collections.slipway.images.plugins.module_utils.image.glob import Glob
from ansible_collections.slipway.images.plugins.module_utils.image.ignore import IgnoreRules
from hypothesis import given, settings
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "excluded", "kept"),
    [
        ("", [], ["a"]),
        ("\ufeffa\n", ["a"], ["b"]),
        ("#a\n #b\n", ["#b"], ["#a", "a", "b"]),
        ("  a b\t\r\nc\r\n", ["a b", "c"], ["a", "b"]),
        ("\x1ca", ["\x1ca"], ["a"]),
        ("/a/\n./b//c\n", ["a", "b/c", "b/c/d"], ["b"]),
        ("a/../b", ["b"], ["a"]),
        (".\n/\n..\n../a\n", [], ["a", "b"]),
        ("A", ["A"], ["a"]),
        ("*\n!a", ["b", "b/a"], ["a", "a/b"]),
        ("*\n! /a", ["b"], ["a"]),
        ("*\n!!a", ["a"], ["!a"]),
        ("/!a\n", [], ["a", "!a"]),
        ("**/a\n!b/a/keep", ["a", "b/a", "b/a/x"], ["b", "b/a/keep", "b/a/keep/x"]),
        ("a\n!**/keep", ["a", "a/x"], ["a/keep", "a/d/keep"]),
        ("a\n!a/b\na/b/c", ["a", "a/b/c", "a/b/c/d"], ["a/b", "a/b/d"]),
        ("**/*.md\n!README.md", ["a.md", "d/README.md"], ["README.md", "a.mdx"]),
        ("**/*/x", ["a/x", "a/b/x", "a/x/y"], ["x", "x/y"]),
        ("docs/**", ["docs/a", "docs/a/b"], ["docs", "docsx"]),
        # BuildKit's walk: the second `d` is not tried on `d`, and `d/x` is not `d`.
        ("d\n!d/x\nd", ["d", "d/y"], ["d/x"]),
        # BuildKit's walk: only the directories above a trailing wildcard are entered.
        ("a\n!a/*/**", ["a", "a/b", "a/b/c"], []),
        ("a\n!a/*/**\n!*.x", ["a", "a/b"], ["a/b/c"]),
    ],
)
def test_what_a_file_excludes(text: str, excluded: list[str], kept: list[str]) -> None:
    rules = IgnoreRules.parse(text)
    assert [path for path in [*excluded, *kept] if rules.excludes(path)] == excluded


@pytest.mark.parametrize(
    ("patterns", "entered", "pruned"),
    [
        (["*"], [], ["a"]),
        (["*", "!a/b/c"], ["a", "a/b", "a/b/c"], ["b", "a/c", "a/bb", "a/b/c/d"]),
        (["*", "!a/**"], ["a"], ["b", "aa"]),
        (["*", "!a^b/c"], ["a^b", "a^b/c"], ["c"]),
        (["*", "!a/*/c"], ["a", "a/x"], ["b", "a/x/y"]),
        (["*", "!**/c", "!a"], ["a", "b", "b/c/d"], []),
        (["*", "!*.md"], [], ["a", "a/b"]),
        (["*", "![^a]x"], ["a", "b/c"], []),
    ],
)
def test_which_excluded_directories_are_entered(patterns: list[str], entered: list[str], pruned: list[str]) -> None:
    rules = IgnoreRules.of(patterns)
    assert [path for path in [*entered, *pruned] if rules.may_reinclude(path)] == entered


def test_a_bad_pattern_is_named_with_its_line() -> None:
    with pytest.raises(FormatError, match=r"bad pattern a/\[ in line 3 of x\.dockerignore: ") as caught:
        IgnoreRules.parse("# c\n\na/[\n", "x.dockerignore")
    assert caught.value.facts == {"pattern": "a/[", "line": 3}


@pytest.mark.parametrize("text", ["!", "! ", "!/", " ! "])
def test_an_exception_to_nothing_is_refused(text: str) -> None:
    with pytest.raises(FormatError, match="in line 1"):
        IgnoreRules.parse(text)


def test_patterns_that_are_empty_say_nothing() -> None:
    assert IgnoreRules.of(["", "a", " \t", "!b"]) == IgnoreRules.of(["a", "!b"])


# The rules as they are told: pattern by pattern, each with its own memory of the parents, nothing pruned.


def matches(glob: Glob, path: str) -> bool:
    if glob.kind in ("name", "path"):
        return re.match(glob.form, path.rpartition("/")[2] if glob.kind == "name" else path, re.ASCII) is not None
    if glob.kind == "suffix":
        return path.endswith(glob.form) or "/" + path == glob.form
    return path.startswith(glob.form) if glob.kind == "prefix" else path == glob.form


def told(patterns: t.Sequence[str], path: str) -> bool:
    memory = [False] * len(patterns)
    parts = path.split("/")
    for depth in range(1, len(parts) + 1):
        above, excluded = "/".join(parts[:depth]), False
        for at, text in enumerate(patterns):
            exception = text.startswith("!")
            if not memory[at] and exception == excluded:
                memory[at] = matches(Glob.parse(text.lstrip("!")), above)
            if memory[at]:
                excluded = not exception
    return excluded


COMPONENT = st.sampled_from(["a", "b", "ab", "*", "**", "?", "a*", "*b", "[ab]", "[^a]"])
PATTERN = st.builds(
    lambda sign, parts: sign + "/".join(parts),
    st.sampled_from(["", "", "!"]),
    st.lists(COMPONENT, min_size=1, max_size=3),
)
PATH = st.lists(st.sampled_from(["a", "b", "ab", "ba"]), min_size=1, max_size=4).map("/".join)


@settings(deadline=None, max_examples=300)
@given(st.lists(PATTERN, max_size=6), PATH)
def test_runs_and_pruning_change_nothing(patterns: list[str], path: str) -> None:
    wild = [*patterns, "!**/nowhere"]  # then BuildKit enters every directory
    assert IgnoreRules.of(wild).excludes(path) == told(wild, path)


@settings(deadline=None, max_examples=300)
@given(st.lists(PATTERN, max_size=6), PATH, PATH)
def test_a_settled_state_decides_for_all_children(patterns: list[str], path: str, other: str) -> None:
    rules = IgnoreRules.of(patterns)
    settled = list(filter(rules.is_settled, range(len(rules.runs) + 1)))
    assert len(rules.runs) in settled, "there is no rule left"
    for state in settled:
        assert rules.match(path, state) == rules.match(other, state)
