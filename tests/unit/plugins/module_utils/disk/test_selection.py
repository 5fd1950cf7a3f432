# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.disk import tree
from ansible_collections.slipway.images.plugins.module_utils.disk.selection import Ask, Selection, followed, topmost
from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError
from ansible_collections.slipway.images.plugins.module_utils.image.ignore import IgnoreRules
from hypothesis import given, settings
from hypothesis import strategies as st


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("root")
    for name in ("a/x", "a/y", "a/d/z", "b/x", "c", "real/f", "real/deep/g", "[odd]"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    links = {"to-real": "real", "a/up": "../c", "abs": "/real/deep", "out": "../../../etc", "loop": "loop", "top": "/"}
    links |= {"twice": "to-real", "nowhere": "none", "l1": "c", "l2": "b/x"}
    for name, target in links.items():
        (root / name).symlink_to(target)
    return root


@pytest.mark.parametrize(
    ("paths", "found"),
    [
        (["c"], ["c"]),
        (["/a/./x"], ["a/x"]),
        (["none/at/all"], ["none/at/all"]),
        (["a", "a/x"], ["a"]),
        (["to-real/f"], ["real/f", "to-real"]),
        (["twice/f"], ["real/f", "to-real", "twice"]),
        (["abs/g"], ["abs", "real/deep/g"]),
        (["a/up"], ["a/up", "c"]),
        (["out/passwd"], ["etc/passwd", "out"]),
        (["../c"], ["c"]),
        (["loop"], ["loop"]),
        (["loop/x"], ["loop"]),
        (["nowhere"], ["none", "nowhere"]),
        (["top"], None),
        (["."], None),
        (["c", "/"], None),
        (["l?"], ["b/x", "c", "l?"]),
        (["a/*"], ["a/*", "c"]),
        (["x*"], ["x*"]),
        (["none/*"], ["none/*"]),
        (["c/*"], ["c/*"]),
        (["[odd]"], ["[odd]"]),
        ([r"\[odd\]"], [r"\[odd\]"]),
        (["[a"], ["[a"]),
    ],
)
def test_links_are_followed(root: Path, paths: list[str], found: list[str] | None) -> None:
    assert followed(str(root), paths) == found


def test_topmost() -> None:
    assert topmost(["a", "a/b", "a-b", "ab", "b/c"]) == ["a", "a-b", "ab", "b/c"]
    assert topmost(["a", ".", "b"]) is None


@pytest.mark.parametrize(
    ("follow", "include", "exclude", "found"),
    [
        ([], [], ["*", "!c"], ["c"]),
        ([], [], [], None),
        ([".dockerignore"], [], [], []),
        (["a/x"], [], [], ["a", "a/x"]),
        (["a/d"], [], [], ["a", "a/d", "a/d/z"]),
        (["to-real/f"], [], [], ["real", "real/f", "to-real"]),
        (["?/x"], [], [], ["a", "a/x", "b", "b/x"]),
        (["a"], [], ["**/x"], ["a", "a/d", "a/d/z", "a/up", "a/y", "c"][:5]),
        (["a"], [], ["a", "!a/d/z"], ["a", "a/d", "a/d/z"]),
        (["c"], [], ["*", "!b"], []),
        ([], ["**/x"], [], ["a", "a/x", "b", "b/x"]),
        ([], ["a", "!a/d"], [], ["a", "a/up", "a/x", "a/y"]),
        (["top"], ["c"], [], ["c"]),
        (["b"], ["c"], [], ["b", "b/x", "c"]),
    ],
)
def test_what_is_sent(
    root: Path, follow: list[str], include: list[str], exclude: list[str], found: list[str] | None
) -> None:
    sent = [
        entry.path
        for entry in tree.walk(str(root), Selection.open(str(root), follow, include, IgnoreRules.of(exclude)))
    ]
    if found is None:
        assert len(sent) == len(list(root.rglob("*")))
    else:
        assert sent == found


PATTERNS = st.lists(
    st.sampled_from(["a", "a/x", "*", "**/x", "!a/d", "!b", "a/*", "!**/z", "?", "real/**", "!c"]), max_size=4
)


@given(PATTERNS)
@settings(max_examples=150, deadline=None)
def test_excludes_alone_are_the_ignore_file(root: Path, patterns: list[str]) -> None:
    ours = list(tree.walk(str(root), Selection.open(str(root), (), (), IgnoreRules.of(patterns))))
    assert ours == list(tree.walk(str(root), IgnoreRules.of(patterns)))


@given(PATTERNS, PATTERNS)
@settings(max_examples=150, deadline=None)
def test_a_walk_sends_what_the_rules_leave(root: Path, include: list[str], exclude: list[str]) -> None:
    """Path by path, the two rules apart; and what is above such a path."""
    chosen = Selection.open(str(root), (), include, IgnoreRules.of(exclude))
    left = set()
    for path in root.rglob("*"):
        name = str(path.relative_to(root))
        above = [str(parent) for parent in reversed(Path(name).parents) if str(parent) != "."]
        out = [rules for rules in (chosen.include, chosen.exclude) if rules.excludes(name)]
        if not out and all(chosen.may_reinclude(parent) for parent in above):
            left |= {name, *above}
    assert {entry.path for entry in tree.walk(str(root), chosen)} == left


def test_a_bad_pattern(root: Path) -> None:
    with pytest.raises(FormatError, match="include patterns"):
        Selection.open(str(root), (), ["["], IgnoreRules())


def test_an_ask_is_past_the_ignore_file(root: Path) -> None:
    for ask, found in (
        (Ask("", ("a", "c")), ["a", "a/d", "a/d/z", "a/up", "a/y"]),
        (Ask("", (), ("a/*",)), ["a", "a/d", "a/d/z", "a/up", "a/y"]),
        (Ask(), None),
    ):
        rules = IgnoreRules.of(["**/x", "c"])
        sent = [entry.path for entry in ask.entries(str(root), rules)]
        assert sent == ([entry.path for entry in tree.walk(str(root), rules)] if found is None else found)
