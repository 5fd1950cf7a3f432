# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import socket
import stat
import tempfile
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.disk import tree
from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError
from ansible_collections.slipway.images.plugins.module_utils.image.ignore import IgnoreRules
from ansible_collections.slipway.images.tests.support import rights


def plant(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)


def paths(root: Path, *patterns: str) -> list[str]:
    return [entry.path for entry in tree.walk(str(root), IgnoreRules.of(patterns))]


def test_the_order_is_by_bytes_and_depth_first(tmp_path: Path) -> None:
    plant(tmp_path, "a.txt", "a-b", "a/x", "B", "a/b/c", "\U0001f600", "\ufffd")
    for name in (b"\xe9", b"\xff"):
        (tmp_path / os.fsdecode(name)).touch()
    latin, last = os.fsdecode(b"\xe9"), os.fsdecode(b"\xff")
    plain = ["B", "a", "a/b", "a/b/c", "a/x", "a-b", "a.txt"]
    assert paths(tmp_path) == [*plain, latin, "\ufffd", "\U0001f600", last]


def test_parents_of_what_is_kept_come_first_and_once(tmp_path: Path) -> None:
    plant(tmp_path, "a/b/keep", "a/b/x", "a/c/x", "a/d/keep", "b/keep/x", "e/x")
    assert paths(tmp_path, "*", "!**/keep") == ["a", "a/b", "a/b/keep", "a/d", "a/d/keep", "b", "b/keep", "b/keep/x"]


def test_kinds_and_targets(tmp_path: Path) -> None:
    plant(tmp_path, "file", "dir/x")
    os.link(tmp_path / "file", tmp_path / "other")
    os.link(tmp_path / "file", tmp_path / "third")
    (tmp_path / "to-dir").symlink_to("dir")
    (tmp_path / "nowhere").symlink_to("/nö")
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
    found = [(entry.path, entry.kind, entry.target) for entry in tree.walk(str(tmp_path), IgnoreRules())]
    assert found == [
        ("dir", tree.DIRECTORY, ""),
        ("dir/x", tree.FILE, ""),
        ("fifo", tree.FIFO, ""),
        ("file", tree.FILE, ""),
        ("nowhere", tree.SYMLINK, "/nö"),
        ("other", tree.HARDLINK, "file"),
        ("third", tree.HARDLINK, "file"),
        ("to-dir", tree.SYMLINK, "dir"),
    ]


def test_a_hard_link_leads_to_the_first_name_that_is_kept(tmp_path: Path) -> None:
    plant(tmp_path, "a")
    os.link(tmp_path / "a", tmp_path / "b")
    os.link(tmp_path / "a", tmp_path / "c")
    found = {entry.path: entry.target for entry in tree.walk(str(tmp_path), IgnoreRules.of(["a"]))}
    assert found == {"b": "", "c": "b"}


def entry_of(path: Path) -> tree.Entry:
    return next(entry for entry in tree.walk(str(path.parent), IgnoreRules()) if entry.path == path.name)


@pytest.mark.parametrize("size", [0, 1, tree.PIECE - 1, tree.PIECE, tree.PIECE + 1, 2 * tree.PIECE + 7])
def test_content_is_what_the_file_holds(tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    (tmp_path / "f").write_bytes(data)
    pieces = list(tree.content(str(tmp_path), entry_of(tmp_path / "f")))
    assert b"".join(pieces) == data
    assert max(map(len, pieces), default=0) <= tree.PIECE


@pytest.mark.parametrize("size", [1, tree.PIECE, tree.PIECE + 1])
@pytest.mark.parametrize(("change", "how"), [(1, "grew"), (-1, "shrank")])
def test_a_file_that_changes_its_size_is_named(tmp_path: Path, size: int, change: int, how: str) -> None:
    file = tmp_path / "dätä"
    file.write_bytes(bytes(size))
    entry = entry_of(file)
    os.truncate(file, size + change)
    with pytest.raises(UsageError, match=f"^dätä of the build context {how} while") as caught:
        list(tree.content(str(tmp_path), entry))
    assert caught.value.facts == {"path": "dätä"}


def test_a_file_that_vanishes_or_becomes_another_thing_is_named(tmp_path: Path) -> None:
    plant(tmp_path, "f", "g")
    f, g = entry_of(tmp_path / "f"), entry_of(tmp_path / "g")
    (tmp_path / "f").unlink()
    with pytest.raises(UsageError, match=r"^f of the build context vanished"):
        list(tree.content(str(tmp_path), f))
    (tmp_path / "g").unlink()
    (tmp_path / "g").symlink_to("/etc/passwd")
    with pytest.raises(UsageError, match=r"^cannot read g of the build context: "):
        list(tree.content(str(tmp_path), g))


def test_a_directory_that_vanishes_is_named(tmp_path: Path) -> None:
    plant(tmp_path, "a", "d/x")
    walk = tree.walk(str(tmp_path), IgnoreRules())
    assert next(walk).path == "a"
    (tmp_path / "d/x").unlink()
    (tmp_path / "d").rmdir()
    with pytest.raises(UsageError, match=r"^d of the build context vanished"):
        next(walk)


def test_what_nobody_may_read_is_named_with_a_way_out() -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o755)
        plant(root, "d/secret", "e/x")
        (root / "d/secret").chmod(0)
        (root / "e").chmod(0)
        with rights.lesser():
            walk = tree.walk(name, IgnoreRules())
            assert next(walk).path == "d"
            with pytest.raises(UsageError, match=r"^cannot read d/secret of .*: Permission denied; .*\.dockerignore"):
                list(tree.content(name, next(walk)))
            with pytest.raises(UsageError, match=r"^cannot read e of the build context"):
                next(walk)
            # An excluded directory is entered for an exception, and holds nothing for who may not read it.
            assert paths(root, "e", "!**/keep") == ["d", "d/secret"]


def test_a_name_that_is_not_utf8_can_be_shown(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff")
    (tmp_path / name).touch()
    entry = entry_of(tmp_path / name)
    (tmp_path / name).unlink()
    with pytest.raises(UsageError, match=r"^\\xff of the build context vanished"):
        list(tree.content(str(tmp_path), entry))


def test_a_tree_deeper_than_the_interpreter_recurses(tmp_path: Path) -> None:
    deep = [str(tmp_path) + "/d" * depth for depth in range(1, 1201)]
    for path in deep:
        os.mkdir(path)
    try:
        assert len(paths(tmp_path)) == len(deep)
    finally:
        for path in reversed(deep):  # rmtree recurses
            os.rmdir(path)


def test_facts_are_those_of_lstat(tmp_path: Path) -> None:
    plant(tmp_path, "f")
    (tmp_path / "f").chmod(0o4751)
    assert stat.S_IMODE(entry_of(tmp_path / "f").stat.st_mode) == 0o4751


def test_what_is_gone_before_it_is_looked_at_is_named(tmp_path: Path) -> None:
    plant(tmp_path, "a", "b", "d/x")
    walk = tree.walk(str(tmp_path), IgnoreRules())
    assert next(walk).path == "a"
    (tmp_path / "b").unlink()
    with pytest.raises(UsageError, match=r"^b of the build context vanished"):
        next(walk)
    with pytest.raises(UsageError, match="of the build context vanished"):
        paths(tmp_path / "none")
