# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""zstd, which Python knows from 3.14 on only: by its own module, the library `zstandard`, or the command `zstd`."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import shutil
import subprocess
import typing as t

Codec = tuple[t.BinaryIO, tuple[type[Exception], ...]]
"""The decompressing stream, and what it raises on damaged data beside `EOFError` and `OSError` without an errno."""


def opened(file: t.BinaryIO) -> Codec:
    """The plain bytes of an open zstd file, all of its frames; `ImportError` when nothing here can read it."""
    with contextlib.suppress(ImportError):
        from compression import zstd  # Python 3.14

        return zstd.ZstdFile(file), (zstd.ZstdError,)
    library = _library()
    if library:
        return _buffered(_Frames(file, library.ZstdDecompressor())), (library.ZstdError,)
    return _buffered(_Program([_program(), "-dcq"], file)), ()


def into(file: t.BinaryIO, level: int) -> t.BinaryIO:
    """What is written to this comes out compressed in `file`, which stays open; `ImportError` when nothing can."""
    with contextlib.suppress(ImportError):
        from compression import zstd  # Python 3.14

        return t.cast(t.BinaryIO, zstd.ZstdFile(file, "wb", level=level))
    library = _library()
    if library:
        return t.cast(t.BinaryIO, library.ZstdCompressor(level=level).stream_writer(file, closefd=False))
    return t.cast(t.BinaryIO, _Compressor([_program(), "-qc", "-%d" % level], file))


def _library() -> t.Any:
    with contextlib.suppress(ImportError):
        import zstandard

        if hasattr(zstandard.ZstdDecompressor().decompressobj(), "eof"):
            return zstandard
    return None


def _program() -> str:
    program = shutil.which("zstd", path="%s:/usr/local/bin:/usr/bin" % os.environ.get("PATH", ""))
    if not program:
        raise ImportError("no zstd")
    return program


def _started(command: list[str], stdin: t.Any, stdout: t.Any) -> subprocess.Popen[bytes]:
    """`run_command` would wait for its end."""
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=pipe)  # pylint: disable=ansible-bad-function


def _buffered(raw: io.RawIOBase) -> t.BinaryIO:
    return t.cast(t.BinaryIO, io.BufferedReader(raw, 1024 * 1024))


class _Frames(io.RawIOBase):
    """All frames of a zstd file by way of `zstandard`, whose own reader takes a frame that is cut short for whole."""

    FEED = 256
    """Bytes fed at a time: `decompressobj` gives all that comes of them, and a block of zeros has 4 for 128 KiB."""

    def __init__(self, file: t.BinaryIO, zstd: t.Any) -> None:
        self._file, self._zstd = file, zstd
        self._frame: t.Any = None
        self._fed, self._ready = b"", memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: t.Any) -> int:
        while not self._ready:
            self._fed = self._fed or self._file.read(self.FEED)
            if not self._fed:
                if self._frame:
                    raise EOFError("the last frame has no end")
                return 0
            self._frame = self._frame or self._zstd.decompressobj()
            self._ready = memoryview(self._frame.decompress(self._fed))
            self._fed = self._frame.unused_data if self._frame.eof else b""
            if self._frame.eof:
                self._frame = None
        count = min(len(buffer), len(self._ready))
        buffer[:count], self._ready = self._ready[:count], self._ready[count:]
        return count


class _Program(io.RawIOBase):
    """What a program makes of the file. It is asked for its exit code at the end, and never left running."""

    def __init__(self, command: list[str], file: t.BinaryIO) -> None:
        os.lseek(file.fileno(), 0, os.SEEK_SET)  # the file object has buffered more than it gave
        self._process = _started(command, stdin=file, stdout=subprocess.PIPE)
        self._out = t.cast(io.BufferedReader, self._process.stdout)
        self._said = t.cast(io.BufferedReader, self._process.stderr)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: t.Any) -> int:
        count = self._out.readinto(buffer)
        if not count and self._process.wait():
            raise EOFError(self._said.read().decode("utf-8", "replace"))
        return count

    def close(self) -> None:
        if not self.closed:
            self._process.kill()
            self._process.communicate()
        super().close()


class _Compressor(io.RawIOBase):
    """A program that compresses what is written to it, straight into the file. It has ended when this is closed."""

    def __init__(self, command: list[str], file: t.BinaryIO) -> None:
        file.flush()
        self._process = _started(command, stdin=subprocess.PIPE, stdout=file)
        self._in = t.cast(io.BufferedWriter, self._process.stdin)

    def writable(self) -> bool:
        return True

    def write(self, data: t.Any) -> int:
        try:
            return self._in.write(data)
        except BrokenPipeError:
            self.close()  # which knows why
            raise

    def close(self) -> None:
        if not self.closed:
            super().close()
            said = self._process.communicate()[1].decode("utf-8", "replace")
            if self._process.wait():
                raise OSError(errno.EIO, " ".join(said.split()))
