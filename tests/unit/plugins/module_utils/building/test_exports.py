# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.building import exports
from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError
from ansible_collections.slipway.images.plugins.module_utils.image.export import Export


@pytest.fixture
def record(tmp_path: Path) -> str:
    return str(tmp_path / "cache/record")


def test_a_directory_without_a_record(tmp_path: Path, record: str) -> None:
    (tmp_path / "dest").mkdir()
    export = Export("local", str(tmp_path / "dest"))
    assert exports.standing(export, record) == exports.PRESENT
    exports.remember(record, ["x"])
    os.utime(record + ".paths", (0, 0))
    assert exports.standing(export, record).startswith("sha256:")
    assert os.stat(record + ".paths").st_mtime > 0, "or it would be swept while it is used"
    for damage in ("{", "7", '{"a": 1}x'):
        Path(record + ".paths").write_text(damage)
        assert exports.standing(export, record) == exports.PRESENT


@pytest.mark.parametrize(
    ("kind", "dest", "said"),
    [
        ("local", "file", "is no directory, and local needs another dest"),
        ("tar", "folder", "is a directory, and tar needs another dest"),
        ("local", "none/x", "there is no directory"),
        ("oci", "none/x", "there is no directory"),
        ("oci", "none/", "there is no directory"),
        ("tar", "fifo", "is no regular file, and tar makes one"),
        ("oci", "nowhere", "is no regular file, and oci makes one"),
    ],
)
def test_where_it_cannot_go(tmp_path: Path, kind: str, dest: str, said: str) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "nowhere").symlink_to("none")
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(UsageError, match=said):
        exports.check(Export(kind, f"{tmp_path}/{dest}"))


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*: is a directory"):
        exports.file_digest(str(tmp_path))


WHERE_IT_CAN = [("local", "folder"), ("local", "new"), ("local", "new/"), ("tar", "file"), ("tar", "new")]


@pytest.mark.parametrize(("kind", "dest"), WHERE_IT_CAN)
def test_where_it_can(tmp_path: Path, kind: str, dest: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    exports.check(Export(kind, f"{tmp_path}/{dest}"))
