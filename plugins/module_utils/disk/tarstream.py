# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tar format as far as a build context needs it, written by hand: `tarfile` takes ten times as long for a header.

GNU's flavour, because it holds any bytes as a name without a further header: an engine looks at the first 1024 bytes
to tell a tar from a Dockerfile, and a first entry that comes with a PAX header is taken for a Dockerfile. Both builders
read it (Go's archive/tar). Owner and group are 0 without names, as docker's own client has them, so that the builder's
cache does not depend on who builds.
"""

from __future__ import annotations

import os
import stat
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.disk.tree import (
    BLOCK,
    CHARACTER,
    DIRECTORY,
    FILE,
    PIECE,
    Entry,
)

NAME = 100
"""Bytes of a name that fit into a plain header."""
END = bytes(1024)

_RECORD = 512
_LONG_NAME, _LONG_TARGET = b"L", b"K"
_OWNERS = b"0000000\0" * 2


def entry_header(entry: Entry) -> bytes:
    """All that comes before the content of an entry."""
    facts = entry.stat
    path = os.fsencode(entry.path) + (b"/" if entry.kind == DIRECTORY else b"")
    size = facts.st_size if entry.kind == FILE else 0
    device = facts.st_rdev if entry.kind in (CHARACTER, BLOCK) else None
    return header(
        path, entry.kind, stat.S_IMODE(facts.st_mode), size, int(facts.st_mtime), os.fsencode(entry.target), device
    )


def header(
    path: bytes,
    kind: bytes,
    mode: int,
    size: int,
    mtime: int,
    target: bytes = b"",
    device: int | None = None,
) -> bytes:
    """One header, after those that carry a `path` or `target` of more than `NAME` bytes."""
    long = b"".join(
        _long(flag, text) for flag, text in ((_LONG_TARGET, target), (_LONG_NAME, path)) if len(text) > NAME
    )
    name = path[:NAME].ljust(NAME, b"\0")
    numbers = b"%07o\0%s%s%s" % (mode, _OWNERS, _number(size), _number(mtime))
    rest = kind + target[:NAME].ljust(NAME, b"\0") + b"ustar  \0"
    if device is not None:
        rest += bytes(64) + b"%07o\0%07o\0" % (os.major(device), os.minor(device))
    checksum = sum(name) + sum(numbers) + 8 * ord(" ") + sum(rest)
    return long + b"".join((name, numbers, b"%06o\0 " % checksum, rest)).ljust(_RECORD, b"\0")


def padding(size: int) -> bytes:
    """What fills the last record of a content of `size` bytes."""
    return bytes(-size % _RECORD)


def gather(pieces: t.Iterable[bytes]) -> t.Iterator[bytes]:
    """The same bytes in blocks of about `PIECE`: each costs a chunk of HTTP and a system call."""
    batch: list[bytes] = []
    held = 0
    for piece in pieces:
        batch.append(piece)
        held += len(piece)
        if held >= PIECE:
            yield b"".join(batch)
            batch, held = [], 0
    if batch:
        yield b"".join(batch)


def _number(value: int) -> bytes:
    """Twelve bytes: octal, or GNU's big-endian binary for what is negative or has more than eleven digits."""
    if 0 <= value < 8**11:
        return b"%011o\0" % value
    return (b"\x80" if value >= 0 else b"\xff") + value.to_bytes(11, "big", signed=True)


def _long(flag: bytes, text: bytes) -> bytes:
    size = len(text) + 1
    return header(b"././@LongLink", flag, 0o644, size, 0) + text + b"\0" + padding(size)
