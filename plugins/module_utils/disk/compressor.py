# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compressed bytes written to an open file, in bounded memory. The same plain bytes give the same compressed ones."""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.disk import zstd
from ansible_collections.slipway.images.plugins.module_utils.errors import RequirementError, UsageError

DETECTED = {"none": "none", "gz": "gzip", "xz": "xz", "zst": "zstd"}
"""What users call it -> what `compression.detect` does."""

LEVELS = {"gz": range(1, 10), "xz": range(10), "zst": range(1, 20)}
USUAL = {"gz": 6, "xz": 6, "zst": 3}

_NEEDS = {
    "gz": "Python's gzip and zlib modules, which the target's Python was built without",
    "xz": "Python's lzma module, which the target's Python was built without",
    "zst": "one of these on the target: the command zstd, the Python library zstandard (0.19 or later), Python 3.14",
}


def check(compression: str, level: int | None) -> None:
    """`UsageError` for a level that the compression does not know."""
    levels = LEVELS.get(compression, range(0))
    if level is not None and level not in levels:
        said = "levels %d to %d, not %d" % (levels[0], levels[-1], level) if levels else "no level"
        raise UsageError("compression %s has %s" % (compression, said), option="level")


@contextlib.contextmanager
def opened(file: t.BinaryIO, compression: str, level: int | None = None) -> t.Iterator[t.BinaryIO]:
    """A stream whose end completes the compressed data; `file` stays open. `OSError` when it cannot be written."""
    if compression == "none":
        yield file
        return
    try:
        stream = _CODECS[compression](file, USUAL[compression] if level is None else level)
    except ImportError as exc:
        raise RequirementError("writing %s needs %s" % (compression, _NEEDS[compression])) from exc
    with stream:
        yield stream


def _gzip(file: t.BinaryIO, level: int) -> t.BinaryIO:
    import gzip

    return t.cast(t.BinaryIO, gzip.GzipFile(filename="", mode="wb", compresslevel=level, fileobj=file, mtime=0))


def _xz(file: t.BinaryIO, level: int) -> t.BinaryIO:
    import lzma

    return t.cast(t.BinaryIO, lzma.LZMAFile(file, "wb", preset=level))


_CODECS: dict[str, t.Callable[[t.BinaryIO, int], t.BinaryIO]] = {"gz": _gzip, "xz": _xz, "zst": zstd.into}
