# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import gc
import os
import shutil
import sys
import typing as t
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.disk import compression, compressor
from ansible_collections.slipway.images.plugins.module_utils.errors import RequirementError, UsageError

PLAIN = bytes(range(256)) * 4000 + bytes(1_000_000) + os.urandom(3000)
MODULES = {"gz": "gzip", "xz": "lzma"}


@pytest.fixture(params=["library", "program"])
def zstd_by(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways to write zstd on a Python without its own."""
    if request.param == "program":
        monkeypatch.setitem(sys.modules, "compression", None)
        monkeypatch.setitem(sys.modules, "zstandard", None)


def pack(path: Path, kind: str, level: int | None = None, plain: bytes = PLAIN) -> bytes:
    with open(path, "w+b") as file:
        with compressor.opened(file, kind, level) as stream:
            for start in range(0, len(plain), 65536):
                stream.write(plain[start : start + 65536])
        assert not file.closed
    return path.read_bytes()


@pytest.mark.parametrize("plain", [PLAIN, b""], ids=["some", "nothing"])
@pytest.mark.parametrize("kind", compressor.DETECTED)
def test_what_is_written_is_read(tmp_path: Path, kind: str, plain: bytes) -> None:
    pack(tmp_path / "a", kind, plain=plain)
    with compression.opened(str(tmp_path / "a")) as read:
        assert (read.compression, read.read(len(plain) + 1)) == (
            compressor.DETECTED[kind] if plain or kind != "none" else "none",
            plain,
        )


@pytest.mark.usefixtures("zstd_by")
def test_zstd_by_library_and_program(tmp_path: Path) -> None:
    low, high = pack(tmp_path / "a", "zst", 1), pack(tmp_path / "a", "zst", 19)
    assert len(PLAIN) > len(low) > len(high)
    with compression.opened(str(tmp_path / "a")) as read:
        assert (read.compression, read.read(len(PLAIN) + 1)) == ("zstd", PLAIN)


@pytest.mark.parametrize("kind", compressor.LEVELS)
def test_equal_bytes_give_equal_bytes(tmp_path: Path, kind: str) -> None:
    assert pack(tmp_path / "a", kind) == pack(tmp_path / "b", kind)
    assert pack(tmp_path / "a", kind) == pack(tmp_path / "a", kind, compressor.USUAL[kind])


def test_gzip_tells_neither_name_nor_time(tmp_path: Path) -> None:
    assert pack(tmp_path / "a", "gz")[3:8] == bytes(5)


@pytest.mark.parametrize("kind", ["gz", "xz", "zst"])
def test_levels(kind: str) -> None:
    levels = compressor.LEVELS[kind]
    compressor.check(kind, None)
    compressor.check(kind, levels[0])
    compressor.check(kind, levels[-1])
    for level in (levels[0] - 1, levels[-1] + 1):
        with pytest.raises(UsageError, match="levels %d to %d, not %d" % (levels[0], levels[-1], level)):
            compressor.check(kind, level)


def test_nothing_has_no_level() -> None:
    compressor.check("none", None)
    with pytest.raises(UsageError, match="no level"):
        compressor.check("none", 1)


@pytest.mark.parametrize("kind", compressor.LEVELS)
def test_a_target_that_cannot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    for module in (MODULES.get(kind), "compression", "zstandard"):
        if module:
            monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setattr(shutil, "which", lambda *_where, **_how: None)
    with pytest.raises(RequirementError, match="writing %s needs" % kind):
        pack(tmp_path / "a", kind)


# From Python 3.13 on, a gzip file whose header could not be written says so once more when it goes.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("kind", compressor.DETECTED)
@pytest.mark.parametrize("way", ["library", "program"])
def test_a_full_disk(monkeypatch: pytest.MonkeyPatch, kind: str, way: str) -> None:
    if way == "program":
        monkeypatch.setitem(sys.modules, "compression", None)
        monkeypatch.setitem(sys.modules, "zstandard", None)
    random = os.urandom(1 << 20)
    with (
        pytest.raises(OSError, match=r"(?i)no space left"),
        open("/dev/full", "wb", buffering=0) as file,
        compressor.opened(t.cast(t.BinaryIO, file), kind) as stream,
    ):
        stream.write(random)
        stream.write(random)
    gc.collect()
