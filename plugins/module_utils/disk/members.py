# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is in a tar: where each member is, and the content of its JSON, in bounded memory.

Python's `tarfile` takes a damaged header in the middle for the end, reads extended headers of any size and remembers
every member for ever. An archive is where a foreign file meets us, so its headers are read here: POSIX ustar and pax,
and GNU's long names, which is all that the writers of Go, Python, GNU and BSD make of an image.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import typing as t
from dataclasses import dataclass

from ansible_collections.slipway.images.plugins.module_utils.disk.compression import MIB, Plain
from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError

BLOCK = 512
MOST_MEMBERS = 100_000
"""An image of 127 layers, the most there can be, has 510 members; a root file system easily has more than this."""
LARGEST_JSON = 16 * MIB
_LARGEST_HEADER = MIB
_LARGEST_MEMBER = 1 << 60
_LARGEST_KEPT = MIB
_MOST_KEPT = 64 * MIB
_FILES, _LINKS, _EXTENSIONS = b"\x0007", b"12", b"LKxg"
_WITHOUT_DATA = (
    b"123456"  # links, devices, directories and FIFOs, whatever size their header tells: as Go's reader does
)


@dataclass(frozen=True)
class Member:
    """A file or link: `offset` and `size` of its data in the plain tar, bytes; a link's `target`, a name in the tar.
    `is_tar`: it is a tar itself, and not compressed."""

    offset: int
    size: int
    target: str = ""
    is_tar: bool = False


class Contents:
    """The files and links of a tar by name (`a/b`, never `./a/b`). Of two with the same name the later one counts."""

    def __init__(self, plain: Plain) -> None:
        """Read all headers, once through; `FormatError` when this is no tar or it is not whole."""
        self._plain, self._at = plain, 0
        self._members: dict[str, Member] = {}
        self._kept: dict[str, bytes] = {}
        self._room = _MOST_KEPT
        self._walk()

    def __contains__(self, name: str) -> bool:
        return self._find(name) is not None

    def __iter__(self) -> t.Iterator[str]:
        return iter(self._members)

    def parse(self, name: str) -> tuple[t.Any, str]:
        """The value of a JSON member, links followed, and the digest of its bytes.

        `FormatError` when it is missing, absurdly large or no JSON.
        """
        data = self._read(name)
        try:
            return json.loads(data), "sha256:" + hashlib.sha256(data).hexdigest()
        except (ValueError, RecursionError) as exc:
            raise self.bad("its %s is not JSON (%s)" % (name, exc)) from exc

    def size(self, name: str) -> int:
        """Of its data, links followed; 0 when it is missing."""
        found = self._find(name)
        return found[1].size if found else 0

    def is_tar(self, name: str) -> bool:
        """Is it called so, and an uncompressed tar?"""
        found = self._find(name)
        return found is not None and found[1].is_tar

    def bad(self, reason: str) -> FormatError:
        """Names come from a foreign file: they may be long, and hold what has no place in a line."""
        path = self._plain.path
        said = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in reason[:400])
        return FormatError("%s is not a usable image archive: %s" % (path, said), path=path)

    def _read(self, name: str) -> bytes:
        found = self._find(name)
        if found is None:
            raise self.bad("%s is not in it" % name)
        real, member = found
        if member.size > LARGEST_JSON:
            raise self.bad("its %s has %d bytes, which no honest one has" % (name, member.size))
        if real in self._kept:
            return self._kept[real]
        self._plain.rewind()
        self._plain.skip(member.offset)
        return self._plain.read(member.size)

    def _find(self, name: str) -> tuple[str, Member] | None:
        """Follow links (20.10 and skopeo store a layer once and link to it), no deeper than an honest archive goes."""
        for _hop in range(8):
            member = self._members.get(name)
            if member is None or not member.target:
                return (name, member) if member else None
            name = member.target
        return None

    def _walk(self) -> None:
        extended: dict[str, str] = {}
        while any(header := self._take(BLOCK)):
            size = self._size_in(header)
            kind = header[156:157]
            if kind in _EXTENSIONS:
                if size > _LARGEST_HEADER:
                    raise self.bad("the extended header at byte %d has %d bytes" % (self._at - BLOCK, size))
                extended.update(_extension(kind, self._take(size)))
                self._skip_to(self._at + -size % BLOCK)
            else:
                self._add(header, kind, 0 if kind in _WITHOUT_DATA else size, extended)
                extended = {}

    def _add(self, header: bytes, kind: bytes, size: int, extended: dict[str, str]) -> None:
        name = self._safe(extended.get("path") or _name(header))
        if kind == b"S" or "GNU.sparse.major" in extended:
            raise self.bad("%s is stored with holes; write the tar without --sparse" % name)
        if kind not in _WITHOUT_DATA and extended.get("size", "").isdecimal():
            size = int(extended["size"][:20])
        if size > _LARGEST_MEMBER:
            raise self.bad("%s claims to have %d bytes" % (name, size))
        link = (extended.get("linkpath") or _text(header[157:257])) if kind in _LINKS else ""
        target = posixpath.normpath(posixpath.join(posixpath.dirname(name), link) if kind == b"2" else link)
        offset = self._at
        self._kept.pop(name, None)
        head = b""
        if kind in _FILES + _LINKS:
            head = self._take(min(size, BLOCK)) if name.endswith(".tar") else head
            self._members[name] = Member(offset, size, target if link else "", _begins_tar(head))
        if len(self._members) > MOST_MEMBERS:
            raise self.bad("it has more than %d files, as root file systems have (for docker import)" % MOST_MEMBERS)
        likely = not head and ("/" not in name or name.startswith("blobs/"))
        if kind in _FILES and likely and size <= min(_LARGEST_KEPT, self._room):
            self._keep(name, self._take(size))
        self._skip_to(offset + size + -size % BLOCK)

    def _keep(self, name: str, data: bytes) -> None:
        """Here is all the JSON that engines and tools write; what is not kept costs a second pass, nothing else."""
        if data.startswith((b"{", b"[")):
            self._kept[name] = data
            self._room -= len(data)

    def _take(self, size: int) -> bytes:
        data = self._plain.read(size)
        if len(data) < size and not self._at:
            raise self.bad("it is no tar" if data else "it is empty")
        self._at += len(data)
        if len(data) < size:
            raise self.bad("it is cut short: its end mark is missing")
        return data

    def _skip_to(self, offset: int) -> None:
        self._plain.skip(offset - self._at)
        self._at = offset

    def _size_in(self, header: bytes) -> int:
        try:
            if _number(header[148:156]) == sum(header) - sum(header[148:156]) + 8 * ord(" "):
                return _number(header[124:136])
        except ValueError:
            pass
        at = self._at - BLOCK
        raise self.bad("the header at byte %d is damaged" % at if at else "it is no tar")

    def _safe(self, name: str) -> str:
        if name.startswith("/") or ".." in name.split("/") or "\0" in name:
            raise self.bad("it has a member named %r" % name)
        return posixpath.normpath(name)


def _begins_tar(head: bytes) -> bool:
    return head[257:262] == b"ustar" or head == bytes(BLOCK)


def _number(field: bytes) -> int:
    """Octal digits, or from 8 GiB on GNU's binary: the highest bit set, then a big-endian number."""
    if field[0] & 0x80:
        return int.from_bytes(field, "big") & ~(0x80 << 8 * (len(field) - 1))
    digits = field.strip(b" \0") or b"0"
    if not digits.isdigit():  # int() would take a sign and underscores
        raise ValueError(digits)
    return int(digits, 8)


def _name(header: bytes) -> str:
    prefix = _text(header[345:500]) if header[257:263] == b"ustar\0" else ""
    return (prefix + "/" if prefix else "") + _text(header[:100])


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _extension(kind: bytes, data: bytes) -> dict[str, str]:
    """What GNU's `L` (name) and `K` (link) or pax's `x` say of the member that follows; `g` is about no one member."""
    if kind in b"LK":
        return {"path" if kind == b"L" else "linkpath": _text(data)}
    found: dict[str, str] = {}
    while kind == b"x" and data:
        length, space, _rest = data[:20].partition(b" ")
        if not space or not length.isdigit() or int(length) <= len(length):
            break
        key, _equals, value = data[len(length) + 1 : int(length) - 1].partition(b"=")
        found[_text(key)] = value.decode("utf-8", "surrogateescape")
        data = data[int(length) :]
    return found
