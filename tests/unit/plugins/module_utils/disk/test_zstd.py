# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each way to read zstd that is here. What `compression` makes of them is `test_compression.py`'s."""

from __future__ import annotations

import os
import sys
import typing as t
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible_collections.slipway.images.plugins.module_utils.disk import zstd
from ansible_collections.slipway.images.tests.support import archives

PLAIN = bytes(1 << 18) + os.urandom(5000)
FRAME = archives.COMPRESSIONS["zstd"](PLAIN)
WAYS: dict[str, tuple[str, ...]] = {"library": ("compression",), "command": ("compression", "zstandard")}
if sys.version_info >= (3, 14):
    WAYS["module"] = ()


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Those before it are not there."""
    for name in WAYS[request.param]:
        monkeypatch.setitem(sys.modules, name, None)
    return str(request.param)


def read(tmp_path: Path, data: bytes, size: int = -1) -> bytes:
    path = tmp_path / "x.zst"
    path.write_bytes(data)
    with open(path, "rb") as file:
        file.read(4)
        file.seek(0)
        stream, _damage = zstd.opened(file)
        with stream:
            pieces = iter(lambda: stream.read(size), b"")
            return b"".join(pieces)


@pytest.mark.parametrize("size", [-1, 100_000])
@pytest.mark.parametrize("frames", [1, 3])
def test_all_frames(tmp_path: Path, way: str, frames: int, size: int) -> None:
    assert read(tmp_path, FRAME * frames, size) == PLAIN * frames


@pytest.mark.parametrize("cut", [5, 20, len(FRAME) // 2, len(FRAME) - 1, len(FRAME) + 9])
def test_a_frame_cut_short_is_an_error(tmp_path: Path, way: str, cut: int) -> None:
    damage = damage_of(tmp_path)
    with pytest.raises((EOFError, OSError, *damage)):
        read(tmp_path, (FRAME * 2)[:cut])


def test_damage_is_an_error(tmp_path: Path, way: str) -> None:
    bad = bytearray(FRAME)
    bad[len(bad) // 2] ^= 0xFF
    with pytest.raises((EOFError, OSError, *damage_of(tmp_path))):
        read(tmp_path, bytes(bad))


def damage_of(tmp_path: Path) -> tuple[type[Exception], ...]:
    (tmp_path / "empty.zst").write_bytes(FRAME)
    with open(tmp_path / "empty.zst", "rb") as file:
        stream, damage = zstd.opened(file)
        stream.close()
    return damage


def test_the_command_is_not_left_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in WAYS["command"]:
        monkeypatch.setitem(sys.modules, name, None)
    (tmp_path / "x.zst").write_bytes(FRAME * 8)
    with open(tmp_path / "x.zst", "rb") as file:
        stream, _damage = zstd.opened(file)
        process = t.cast(t.Any, stream).raw._process
        assert stream.read(10) == PLAIN[:10]
        stream.close()
        stream.close()
    assert process.returncode is not None


def test_nothing_here_can(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in WAYS["command"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr("shutil.which", lambda *_how, **_more: None)
    with pytest.raises(ImportError):
        read(tmp_path, FRAME)


def test_a_library_that_cannot_tell_the_end_of_a_frame_will_not_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As zstandard before 0.19, of which EL9 has none, but a user may."""
    old = SimpleNamespace(ZstdDecompressor=lambda: SimpleNamespace(decompressobj=object))
    monkeypatch.setitem(sys.modules, "compression", None)
    monkeypatch.setitem(sys.modules, "zstandard", old)
    assert read(tmp_path, FRAME) == PLAIN


def test_a_command_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in WAYS["command"]:
        monkeypatch.setitem(sys.modules, name, None)
    command = tmp_path / "zstd"
    command.write_text("#!/bin/sh\necho 'zstd: no  space' >&2\nexec 0<&-\nexit 1\n")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with open(tmp_path / "x.zst", "wb") as file:
        packed = zstd.into(file, 3)
        with pytest.raises(OSError, match="zstd: no space"):
            for _turn in range(100):
                packed.write(bytes(1 << 20))
        packed.close()
    with open(tmp_path / "x.zst", "wb") as file:
        packed = zstd.into(file, 3)
        with pytest.raises(OSError, match="zstd: no space"):
            packed.close()
