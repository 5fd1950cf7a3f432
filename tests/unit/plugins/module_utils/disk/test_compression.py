# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import errno
import io
import os
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.disk import compression
from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError, RequirementError, UsageError
from ansible_collections.slipway.images.tests.support.archives import COMPRESSIONS

PLAIN = bytes(range(256)) * 40 + bytes(3_000_000) + os.urandom(3000)
"""More than one block of every format, and more zeros than one read takes."""
MODULES = {"gzip": "gzip", "bzip2": "bz2", "xz": "lzma"}


@pytest.fixture(params=["library", "program"])
def zstd_by(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to read zstd on a Python without its own."""
    if request.param == "program":
        monkeypatch.setitem(sys.modules, "compression", None)
        monkeypatch.setitem(sys.modules, "zstandard", None)
    return str(request.param)


def whole(path: Path, size: int = 100_000) -> bytes:
    with compression.opened(str(path)) as plain:
        return b"".join(iter(lambda: plain.read(size), b""))


def written(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "file.misnamed"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("name", COMPRESSIONS)
def test_a_file_is_known_by_its_first_bytes(name: str) -> None:
    packed = COMPRESSIONS[name](PLAIN)
    assert compression.detect(packed[: compression.HEAD]) == name
    assert compression.detect(COMPRESSIONS[name](b"")[: compression.HEAD]) == name


@pytest.mark.parametrize("head", [b"", b"\x1f", b"BZhello", b"BZh9 is a name", b"(\xb5/", b"manifest.json"])
def test_what_only_resembles_a_compression_is_none(head: bytes) -> None:
    assert compression.detect(head) == "none"


@pytest.mark.parametrize("name", COMPRESSIONS)
def test_reading_gives_the_plain_bytes(tmp_path: Path, name: str) -> None:
    assert whole(written(tmp_path, COMPRESSIONS[name](PLAIN))) == PLAIN


@pytest.mark.parametrize("name", [name for name in COMPRESSIONS if name != "none"])
def test_all_members_or_frames_are_read(tmp_path: Path, name: str) -> None:
    pack = COMPRESSIONS[name]
    assert whole(written(tmp_path, pack(b"one, ") + pack(b"") + pack(PLAIN))) == b"one, " + PLAIN


@pytest.mark.usefixtures("zstd_by")
def test_zstd_is_read_whole_by_library_and_program(tmp_path: Path) -> None:
    pack = COMPRESSIONS["zstd"]
    skippable = b"\x50\x2a\x4d\x18\x03\x00\x00\x00abc"
    assert whole(written(tmp_path, skippable + pack(PLAIN) + skippable + pack(b"end"))) == PLAIN + b"end"


@pytest.mark.parametrize("name", COMPRESSIONS)
def test_skipping_and_rewinding_give_the_same_bytes_as_reading(tmp_path: Path, name: str) -> None:
    with compression.opened(str(written(tmp_path, COMPRESSIONS[name](PLAIN)))) as plain:
        assert plain.compression == name
        plain.skip(2_000_007)
        assert plain.read(1_050_000) == PLAIN[2_000_007:][:1_050_000]
        plain.rewind()
        assert plain.read(10) == PLAIN[:10]
        plain.skip(len(PLAIN))
        assert plain.read(1) == b""


@pytest.mark.parametrize("name", [name for name in COMPRESSIONS if name != "none"])
def test_data_cut_anywhere_is_an_error_that_names_the_file(tmp_path: Path, name: str) -> None:
    packed = COMPRESSIONS[name](PLAIN[:4000])
    for cut in {*range(compression.HEAD, len(packed), 97 if name == "zstd" else 11), len(packed) - 1}:
        path = written(tmp_path, packed[:cut])
        with pytest.raises(FormatError, match="damaged or cut short: %s says: " % name) as caught:
            whole(path)
        assert caught.value.facts == {"path": str(path)} and "\n" not in str(caught.value)


@pytest.mark.usefixtures("zstd_by")
def test_zstd_cut_or_damaged_is_an_error_by_library_and_program(tmp_path: Path) -> None:
    packed = COMPRESSIONS["zstd"](PLAIN)
    for bad in (packed[:-1], packed[:100], packed[:200] + b"\xff" * 200 + packed[400:], packed + packed[:9]):
        with pytest.raises(FormatError, match="damaged or cut short: zstd says"):
            whole(written(tmp_path, bad))


@pytest.mark.parametrize("name", [name for name in COMPRESSIONS if name != "none"])
def test_a_flipped_byte_is_an_error(tmp_path: Path, name: str) -> None:
    packed = bytearray(COMPRESSIONS[name](PLAIN))
    packed[len(packed) // 2] ^= 0xFF
    with pytest.raises(FormatError):
        whole(written(tmp_path, bytes(packed)))


def test_the_program_is_ended_when_reading_stops_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "compression", None)
    monkeypatch.setitem(sys.modules, "zstandard", None)
    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def starting(*args: t.Any, **options: t.Any) -> subprocess.Popen[bytes]:
        started.append(popen(*args, **options))
        return started[-1]

    path = written(tmp_path, COMPRESSIONS["zstd"](bytes(50_000_000)))
    monkeypatch.setattr(subprocess, "Popen", starting)
    with compression.opened(str(path)) as plain:
        plain.read(10)
        plain.rewind()
        plain.read(10)
    assert len(started) == 2
    for process in started:
        assert process.returncode is not None, "it was reaped"
        assert process.stdout and process.stdout.closed and process.stderr and process.stderr.closed


@pytest.mark.parametrize("name", MODULES)
def test_a_python_without_the_module_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    path = written(tmp_path, COMPRESSIONS[name](PLAIN))
    monkeypatch.setitem(sys.modules, MODULES[name], None)
    with pytest.raises(RequirementError, match="reading %s needs Python's" % name):
        whole(path)


def test_without_any_zstd_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, COMPRESSIONS["zstd"](PLAIN))
    monkeypatch.setitem(sys.modules, "compression", None)
    monkeypatch.setitem(sys.modules, "zstandard", None)
    monkeypatch.setattr(shutil, "which", lambda *_args, **_options: None)
    with pytest.raises(RequirementError, match="the command zstd, the Python library zstandard"):
        whole(path)


def test_what_is_no_readable_file_is_the_users_mistake(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path, said in (
        (tmp_path / "none", "no such file or directory"),
        (tmp_path, "is a directory, not a file"),
        (tmp_path / "fifo", "is a special file, not a file"),
    ):
        with pytest.raises(UsageError, match=said) as caught:
            whole(path)
        assert str(path) in str(caught.value)


def test_the_stamp_moves_with_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, b"some")
    with compression.opened(str(path)) as plain:
        before = plain.stamp
        path.write_bytes(b"more than some")
        assert plain.stamp != before


class Failing(io.BytesIO):
    """A file whose second block lies where the disk is broken."""

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() >= 512:
            raise OSError(errno.EIO, "Input/output error")
        return super().read(512)


def test_a_disk_that_cannot_be_read_is_no_damaged_archive() -> None:
    plain = compression.Plain(t.cast(t.BinaryIO, Failing(bytes(1024))), "/x.tar")
    assert plain.read(1024) == bytes(512)
    with pytest.raises(UsageError, match=r"^cannot read /x\.tar: Input/output error$"):
        plain.read(1)
