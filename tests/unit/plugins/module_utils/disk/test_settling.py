# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.disk import settling, tree
from ansible_collections.slipway.images.plugins.module_utils.disk.delivery import Arrival, Delivery
from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError


def delivered(root: Path, text: str = "new", mode: int = 0o755) -> Delivery:
    root.mkdir()
    made = Delivery(str(root))
    made.add(Arrival("d", tree.DIRECTORY, 0o2750, 10**9))
    made.add(Arrival("d/e", tree.DIRECTORY, 0o555, 10**9))
    for path in ("d/e/f", "top"):
        arrival = Arrival(path, tree.FILE, mode, 10**9)
        made.add(arrival)
        with made.content(arrival) as file:
            file.write(text.encode())
    made.add(Arrival("d/hard", tree.HARDLINK, mode, 10**9, "top"))
    made.add(Arrival("link", tree.SYMLINK, 0o777, 10**9, "d"))
    return made


def settle(made: Delivery, dest: Path) -> bool:
    """Whose digest is foretold."""
    paths = settling.paths(made.root)
    foretold = settling.digest(made.root, paths, made.directories)
    changed = settling.settle(made, str(dest))
    assert settling.digest(str(dest), paths) == foretold
    return changed


def test_it_comes_and_stays(tmp_path: Path) -> None:
    dest = tmp_path / "dest"
    dest.mkdir()
    (dest / "theirs").write_text("kept")
    assert settle(delivered(tmp_path / "1"), dest)
    assert sorted(settling.paths(str(dest))) == ["d", "d/e", "d/e/f", "d/hard", "link", "theirs", "top"]
    assert [stat.S_IMODE((dest / name).stat().st_mode) for name in ("d", "d/e", "top")] == [0o2750, 0o555, 0o755]
    assert {(dest / name).stat().st_mtime_ns for name in ("d", "d/e", "top")} == {10**9}
    assert (dest / "top").stat().st_ino == (dest / "d/hard").stat().st_ino
    (dest / "d/e").chmod(0o755)  # whoever is not root could not write into it
    (dest / "d/theirs").write_text("kept")
    inode = (dest / "top").stat().st_ino
    assert settle(delivered(tmp_path / "2"), dest), "a directory's permissions are the build's"
    assert not settle(delivered(tmp_path / "3"), dest)
    assert (dest / "top").stat().st_ino == inode, "what is the same is left as it is"
    assert (dest / "d/theirs").read_text() == (dest / "theirs").read_text() == "kept"


@pytest.mark.parametrize("change", [{"text": "newer"}, {"mode": 0o700}])
def test_what_differs_is_replaced(tmp_path: Path, change: dict[str, object]) -> None:
    (tmp_path / "dest").mkdir()
    assert settle(delivered(tmp_path / "1"), tmp_path / "dest")
    assert settle(delivered(tmp_path / "2", **change), tmp_path / "dest")  # type: ignore[arg-type]
    assert not settle(delivered(tmp_path / "3", **change), tmp_path / "dest")  # type: ignore[arg-type]


@pytest.mark.parametrize("spoil", ["remove", "edit", "link", "chmod"])
def test_what_others_do_is_seen(tmp_path: Path, spoil: str) -> None:
    made, dest = delivered(tmp_path / "1"), tmp_path / "dest"
    dest.mkdir()
    paths = settling.paths(made.root)
    settle(made, dest)
    before = settling.digest(str(dest), paths)
    top = dest / "top"
    if spoil == "chmod":
        top.chmod(0o600)
    elif spoil == "edit":
        top.write_text("old")
    else:
        top.unlink()
        (top.symlink_to if spoil == "link" else lambda to: None)("d/hard")
    assert settling.digest(str(dest), paths) != before


@pytest.mark.parametrize(
    ("there", "said"),
    [("d", "d as a directory, and there it is none"), ("link/", "link as none, and there it is a directory")],
)
def test_a_conflict_is_found_before_anything_is_touched(tmp_path: Path, there: str, said: str) -> None:
    dest = tmp_path / "dest"
    dest.mkdir()
    (dest / there).mkdir() if there.endswith("/") else (dest / there).write_text("theirs")
    with pytest.raises(UsageError, match=said):
        settling.settle(delivered(tmp_path / "1"), str(dest))
    assert os.listdir(dest) == [there.rstrip("/")]


def test_a_link_where_a_directory_goes_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "dest").mkdir()
    (tmp_path / "dest/d").symlink_to(tmp_path / "outside")
    with pytest.raises(UsageError, match="d as a directory"):
        settling.settle(delivered(tmp_path / "1"), str(tmp_path / "dest"))
    assert not os.listdir(tmp_path / "outside")


def test_a_link_to_the_place_itself_is_the_users(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "dest").symlink_to("real")
    assert settle(delivered(tmp_path / "1"), tmp_path / "dest")
    assert (tmp_path / "real/top").read_text() == "new"


def test_what_is_no_directory(tmp_path: Path) -> None:
    made = delivered(tmp_path / "1")
    (tmp_path / "file").touch()
    for name, said in (("file", "not a directory"), ("none", "no such file or directory")):
        with pytest.raises(UsageError, match=f"^cannot write into .*/{name}: {said}$"):
            settling.settle(made, str(tmp_path / name))
