# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.buildkit import sources
from ansible_collections.slipway.images.plugins.module_utils.buildkit.sources import Directory, Files, Source, Wanted
from ansible_collections.slipway.images.plugins.module_utils.disk.context import Context
from ansible_collections.slipway.images.plugins.module_utils.disk.tarcontext import LoneDockerfile
from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError


def held(source: Source) -> dict[str, bytes]:
    return {entry.path: b"".join(source.content(entry)) for entry in source.entries(Wanted())}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "d").mkdir()
    for name in ("Dockerfile", "Dockerfile.dockerignore", "d/Other", "d/Other.dockerignore", ".dockerignore"):
        (tmp_path / name).write_text(f"# {name}\n")
    return tmp_path


@pytest.mark.parametrize(
    ("given", "inline", "name", "files"),
    [
        (None, None, "Dockerfile", {"Dockerfile": "Dockerfile", "Dockerfile.dockerignore": "Dockerfile.dockerignore"}),
        ("d/Other", None, "Other", {"Other": "d/Other", "Other.dockerignore": "d/Other.dockerignore"}),
        (".dockerignore", None, ".dockerignore", {".dockerignore": ".dockerignore"}),
        (None, "# inline\n", "Dockerfile", {"Dockerfile": "inline"}),
    ],
)
def test_the_dockerfile_and_the_ignore_file_of_its_own(
    root: Path, given: str | None, inline: str | None, name: str, files: dict[str, str]
) -> None:
    found = sources.of(Context.open(str(root), given, inline), given, name, inline is not None)
    assert held(found["dockerfile"]) == {file: f"# {text}\n".encode() for file, text in files.items()}
    assert found["context"] == Directory(str(root))


def test_an_ignore_file_that_cannot_be_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = Context.open(str(root))

    def refuse(*_what: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(UsageError, match=r"Dockerfile\.dockerignore: Permission denied"):
        sources.of(context, None, "Dockerfile", False)


def test_a_dockerfile_alone() -> None:
    found = sources.of(LoneDockerfile(b"FROM x\n"), None, "Dockerfile", True)
    assert held(found["context"]) == held(found["dockerfile"]) == {"Dockerfile": b"FROM x\n"}


def test_files_of_one_size_differ_in_time() -> None:
    """Or the engine would go on with the old one."""
    one, two = (next(Files({"f": data}).entries(Wanted())).stat for data in (b"a", b"b"))
    assert one.st_size == two.st_size
    assert one.st_mtime_ns != two.st_mtime_ns
    assert stat.S_ISREG(one.st_mode)
    assert next(Files({"f": b"a"}).entries(Wanted())).stat == one


@pytest.mark.skipif(not hasattr(os, "setxattr"), reason="no extended attributes here")
def test_extended_attributes(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("")
    (tmp_path / "l").symlink_to("f")
    try:
        os.setxattr(tmp_path / "f", "user.x", b"1")
    except OSError:
        pytest.skip("the file system takes none")
    file, link = Directory(str(tmp_path)).entries(Wanted())
    assert Directory(str(tmp_path)).xattrs(file)["user.x"] == b"1"
    assert "user.x" not in Directory(str(tmp_path)).xattrs(link)
    (tmp_path / "f").unlink()
    assert Directory(str(tmp_path)).xattrs(file) == {}
