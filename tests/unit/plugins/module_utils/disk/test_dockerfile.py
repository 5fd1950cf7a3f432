# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.disk.dockerfile import Dockerfile
from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError


@pytest.mark.parametrize(
    ("where", "inside"),
    [("root/d/File", "d/File"), ("root/link", "d/File"), ("root/out", None), ("File", None), ("rooted/File", None)],
)
def test_where_it_lies(tmp_path: Path, where: str, inside: str | None) -> None:
    for path in (tmp_path / "root/d/File", tmp_path / "File", tmp_path / "rooted/File"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"FROM x")
        path.chmod(0o640)
        os.utime(path, (7, 7.5))
    (tmp_path / "root/link").symlink_to("d/File")
    (tmp_path / "root/out").symlink_to("../File")
    assert Dockerfile.read(str(tmp_path / "root"), str(tmp_path / where)) == (b"FROM x", inside, 0o640, 7)


@pytest.mark.parametrize(
    ("names", "usual"),
    [([], "Dockerfile"), (["dockerfile"], "dockerfile"), (["Dockerfile", "dockerfile"], "Dockerfile")],
)
def test_the_usual_name(tmp_path: Path, names: list[str], usual: str) -> None:
    for name in names:
        (tmp_path / name).touch()
    assert Dockerfile.usual(str(tmp_path)) == usual


def test_none_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^there is no Dockerfile .*/Nofile$"):
        Dockerfile.read(str(tmp_path), str(tmp_path / "Nofile"))
    with pytest.raises(UsageError, match=r"Is a directory$"):
        Dockerfile.read(str(tmp_path), str(tmp_path))
