# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plain bytes of a file that may be compressed, read forward in bounded memory.

Engines differ in what they decompress (20.10 takes no zstd, podman 4 no gzip), so it is done here and a plain stream
is sent. What a file is, its first bytes say; its name is never asked.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.disk import zstd
from ansible_collections.slipway.images.plugins.module_utils.disk.zstd import Codec
from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError, RequirementError, UsageError

MIB = 1024 * 1024
HEAD = 16
"""So many first bytes are enough for `detect`."""

_MAGIC = {
    "gzip": re.compile(rb"\x1f\x8b\x08"),
    "bzip2": re.compile(rb"BZh[1-9](?:1AY&SY|\x17\x72\x45\x38\x50\x90)"),  # first block, or the end of an empty stream
    "xz": re.compile(rb"\xfd7zXZ\x00"),
    "zstd": re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18"),  # a frame, or pzstd's, which is skippable
}
_NEEDS = {
    "gzip": "Python's gzip and zlib modules, which the target's Python was built without",
    "bzip2": "Python's bz2 module, which the target's Python was built without",
    "xz": "Python's lzma module, which the target's Python was built without",
    "zstd": "one of these on the target: the command zstd, the Python library zstandard (0.19 or later), Python 3.14",
}
Stamp = tuple[int, int, int, int]
"""Device, inode, size in bytes and mtime in ns: when they are the same, so is the file."""


def detect(head: bytes) -> str:
    """`gzip`, `bzip2`, `xz`, `zstd` or `none`, by the first `HEAD` bytes of a file."""
    return next((name for name, magic in _MAGIC.items() if magic.match(head)), "none")


class Plain:
    """The plain bytes of an open file. `compression` is what `detect` said of it."""

    def __init__(self, file: t.BinaryIO, path: str) -> None:
        self._file = file
        self.path = path
        self.compression = detect(file.read(HEAD))
        self._damage: tuple[type[Exception], ...] = (OSError,)
        self._stream = file
        self.rewind()

    @property
    def stamp(self) -> Stamp:
        """What the file is now, also when it was replaced or written to since it was opened."""
        now = os.fstat(self._file.fileno())
        return now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns

    def read(self, size: int) -> bytes:
        """`size` bytes; fewer only at the end. `FormatError` when the compressed data is damaged or cut short."""
        try:
            return self._stream.read(size)
        except self._damage as exc:
            if isinstance(exc, OSError) and exc.errno:
                raise UsageError("cannot read %s: %s" % (self.path, exc.strerror), path=self.path) from exc
            said = " ".join(str(exc).split()) or type(exc).__name__
            message = "%s is damaged or cut short: %s says: %s" % (self.path, self.compression, said)
            raise FormatError(message, path=self.path) from exc

    def skip(self, size: int) -> None:
        """Go `size` bytes forward; going past the end is no error, but then nothing is left to read."""
        if self.compression == "none":
            self._file.seek(size, os.SEEK_CUR)
            return
        while size > 0 and self.read(min(size, MIB)):
            size -= MIB

    def rewind(self) -> None:
        """Begin again: cheap for a plain file, a second decompression for others."""
        self.close()
        self._file.seek(0)
        if self.compression != "none":
            self._stream, damage = _codec(self.compression, self._file)
            self._damage = (EOFError, OSError, *damage)

    def close(self) -> None:
        """End the decompression; the file stays open."""
        if self._stream is not self._file:
            self._stream.close()


@contextlib.contextmanager
def opened(path: str) -> t.Iterator[Plain]:
    """Open `path` for reading from its beginning; `UsageError` when there is no such file or it cannot be read."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # asked first, because opening a FIFO would wait for its writer
            raise UsageError("%s is %s, not a file" % (path, _what(path)), path=path)
        file = open(path, "rb")  # noqa: SIM115 (closed below)
    except OSError as exc:
        raise UsageError("cannot read %s: %s" % (path, (exc.strerror or str(exc)).lower()), path=path) from exc
    with file, contextlib.closing(Plain(file, path)) as plain:
        yield plain


def _what(path: str) -> str:
    return "a directory" if os.path.isdir(path) else "a special file"


def _codec(compression: str, file: t.BinaryIO) -> Codec:
    try:
        return _CODECS[compression](file)
    except ImportError as exc:
        raise RequirementError("reading %s needs %s" % (compression, _NEEDS[compression])) from exc


def _gzip(file: t.BinaryIO) -> Codec:
    import gzip
    import zlib

    return t.cast(t.BinaryIO, gzip.GzipFile(fileobj=file, mode="rb")), (zlib.error,)


def _bzip2(file: t.BinaryIO) -> Codec:
    import bz2

    return t.cast(t.BinaryIO, bz2.BZ2File(file)), ()


def _xz(file: t.BinaryIO) -> Codec:
    import lzma

    return t.cast(t.BinaryIO, lzma.LZMAFile(file)), (lzma.LZMAError,)


_CODECS: dict[str, t.Callable[[t.BinaryIO], Codec]] = {"gzip": _gzip, "bzip2": _bzip2, "xz": _xz, "zstd": zstd.opened}
