# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A root file system as a tar, plain or compressed: what becomes the one layer of an imported image."""

from __future__ import annotations

import hashlib
import tarfile
import typing as t
from dataclasses import dataclass

from ansible_collections.slipway.images.plugins.module_utils.disk import compression
from ansible_collections.slipway.images.plugins.module_utils.disk.compression import MIB, Plain, Stamp
from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError, UsageError

_BLOCK = tarfile.BLOCKSIZE
_LARGEST_EXTENSION = MIB
_WITHOUT_DATA = (
    *(tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.DIRTYPE),
    *(tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE),
)
_OF_IMAGES = {"manifest.json", "repositories", "oci-layout", "index.json", "blobs"}
"""Top-level names of which an archive of images has some, and a root file system hardly two."""


@dataclass(frozen=True)
class RootFs:
    """`diff_id`: the digest of the plain tar, which is what every engine calls the layer that it makes of it.

    `stamp` is what the file was when it was read: see `Stamp`.
    """

    path: str
    diff_id: str
    stamp: Stamp


def read(path: str) -> RootFs:
    """The tar at `path`, read once from end to end.

    `UsageError` when there is no such file, `FormatError` when it is no whole tar or one of images,
    `RequirementError` when the target cannot decompress it.
    """
    with compression.opened(path) as plain:
        stamp = plain.stamp
        reading = _Reading(plain)
        tops = reading.walk()
        if len(tops & _OF_IMAGES) > 1:
            raise reading.bad("it is an archive of images (docker save), which image_load takes")
        return RootFs(path, "sha256:" + reading.digest.hexdigest(), stamp)


def blocks(root: RootFs) -> t.Iterator[bytes]:
    """The plain tar, 1 MiB at a time. `UsageError` when the file is no longer what was read, at either end."""
    with compression.opened(root.path) as plain:
        _check_same(root, plain)
        while block := plain.read(MIB):
            yield block
        _check_same(root, plain)


class _Reading:
    """One way through a tar, from header to header, with every byte of it in `digest`."""

    def __init__(self, plain: Plain) -> None:
        self._plain, self._at = plain, 0
        self.digest = hashlib.sha256()

    def walk(self) -> set[str]:
        """Read to the end; of the names at the top, those that tell an archive of images."""
        tops: set[str] = set()
        size = None  # as an extended header says it of the member that follows
        while any(header := self._take(_BLOCK)):
            member = self._member(header)
            if member.type == tarfile.XHDTYPE:
                size = self._extended_size(member)
                continue
            tops.update({member.name.removeprefix("./").partition("/")[0]} & _OF_IMAGES)
            if member.type == tarfile.GNUTYPE_SPARSE:
                self._skip_map(header)
            self._skip(self._stored(member, size))
            size = size if member.type in (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK) else None
        while block := self._plain.read(MIB):
            self.digest.update(block)
        return tops

    def bad(self, reason: str) -> FormatError:
        path = self._plain.path
        return FormatError("%s is not a usable root file system: %s" % (path, reason), path=path)

    def _member(self, header: bytes) -> tarfile.TarInfo:
        try:
            return tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
        except tarfile.HeaderError as exc:
            at = self._at - _BLOCK
            raise self.bad("the header at byte %d is damaged" % at if at else "it is no tar") from exc

    def _stored(self, member: tarfile.TarInfo, size: int | None) -> int:
        """Bytes that follow the header: links, devices and directories have none, whatever it says."""
        if member.type in _WITHOUT_DATA:
            return 0
        return member.size if size is None else size

    def _extended_size(self, member: tarfile.TarInfo) -> int | None:
        """pax tells sizes from 8 GiB on in a record of its own: `20 size=9663676416`."""
        if member.size > _LARGEST_EXTENSION:
            raise self.bad("the extended header at byte %d has %d bytes" % (self._at - _BLOCK, member.size))
        data = self._take(member.size)
        self._take(-member.size % _BLOCK)
        while data:
            length, _space, _rest = data.partition(b" ")
            end = int(length) if length.isdigit() and len(length) < 8 else 0
            if end <= len(length):
                raise self.bad("the extended header before byte %d is damaged" % self._at)
            key, _equals, value = data[len(length) + 1 : end - 1].partition(b"=")
            if key == b"size" and value.isdigit() and len(value) < 20:
                return int(value)
            data = data[end:]
        return None

    def _skip_map(self, header: bytes) -> None:
        """GNU's old form of a file with holes: as many further headers as it needs to tell where they are."""
        more = header[482]
        while more:
            more = self._take(_BLOCK)[504]

    def _skip(self, size: int) -> None:
        left = size + -size % _BLOCK
        while left > 0:
            left -= len(self._take(min(left, MIB)))

    def _take(self, size: int) -> bytes:
        data = self._plain.read(size)
        if len(data) < size:
            short = (
                "it is cut short: its end mark is missing" if self._at else "it is no tar" if data else "it is empty"
            )
            raise self.bad(short)
        self._at += size
        self.digest.update(data)
        return data


def _check_same(root: RootFs, plain: Plain) -> None:
    if plain.stamp != root.stamp:
        raise UsageError("%s was changed while it was being imported" % root.path, path=root.path)
