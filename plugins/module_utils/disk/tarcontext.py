# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build contexts that are no directory: a ready tar, and a Dockerfile with nothing around it."""

from __future__ import annotations

import os
import posixpath
import stat
import tarfile
import typing as t
from dataclasses import dataclass

from ansible_collections.slipway.images.plugins.module_utils.disk import stamps, tarstream, tree
from ansible_collections.slipway.images.plugins.module_utils.disk.compression import MIB, Plain, opened
from ansible_collections.slipway.images.plugins.module_utils.disk.context import Tally
from ansible_collections.slipway.images.plugins.module_utils.disk.selection import ALL, Ask
from ansible_collections.slipway.images.plugins.module_utils.disk.stamps import Stamp, Stamps
from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError, UsageError

MOST_LINKS = 8
WHOLE = "the archive"
"""Its name among the stamps."""
_TYPE, _OF_ANOTHER = 156, (b"x", b"g", b"L", b"K")
"""Where a header has its type; the types of those that tell of the entry after them, pax's and GNU's."""


@dataclass(frozen=True)
class TarContext:
    """A tar on disk, plain or compressed, sent as it is but for the compression. Whoever made it decided what is in
    it, so no ignore file is looked at.

    BuildKit looks for an entry in the first 1024 bytes, and takes what has none there for a Dockerfile. Where they are
    spent on what is said of an entry, as by Python's `tarfile`, the Dockerfile comes first, and again in its place.

    `dockerfile_name` is the Dockerfile's path in the tar (the engine's `dockerfile` parameter).
    """

    path: str
    dockerfile: bytes
    dockerfile_name: str

    @classmethod
    def open(cls, path: str, dockerfile: str | None = None) -> TarContext:
        """Find the Dockerfile, and read no further than that."""
        name = posixpath.normpath(dockerfile or "Dockerfile")
        with opened(path) as plain:
            return cls(path, _find(plain, name), name)

    def blocks(self, tally: Tally) -> t.Iterator[bytes]:
        """The plain tar in blocks of 1 MiB; `tally` is complete when it ends."""
        entry, sha = self._entry(), stamps.hashing()
        with opened(self.path) as plain:
            block = plain.read(MIB)
            if block[_TYPE : _TYPE + 1] in _OF_ANOTHER:
                yield _alone(self.dockerfile_name, self.dockerfile)
            while block:
                if tally.hashing:
                    sha.update(block)
                yield block
                block = plain.read(MIB)
        tally.add(entry, sha.digest())

    def look(self, known: Stamps, asked: t.Iterable[Ask] = ALL) -> dict[str, Stamp]:
        """As of a directory with one file, whose content is the plain tar: compressed otherwise it is the same."""
        entry, was = self._entry(), known.get(WHOLE)
        if was and not was.holds(entry.stat):
            known = {WHOLE: was._replace(size=entry.stat.st_size, ctime=stamps.NEVER)}
        return stamps.look([(WHOLE, entry)], known, self._content_digest)

    def _entry(self) -> tree.Entry:
        facts = os.stat(self.path)
        exact = {"st_mtime_ns": facts.st_mtime_ns, "st_ctime_ns": facts.st_ctime_ns}
        # Its permissions are no part of what is sent.
        return tree.Entry(WHOLE, tree.FILE, os.stat_result((stat.S_IFREG, *facts[1:]), exact), "")

    def _content_digest(self, _entry: tree.Entry) -> bytes:
        with opened(self.path) as plain:
            return stamps.sha256(iter(lambda: plain.read(MIB), b""))


@dataclass(frozen=True)
class LoneDockerfile:
    """A context that holds the Dockerfile only."""

    dockerfile: bytes
    dockerfile_name: str = "Dockerfile"

    def blocks(self, tally: Tally) -> t.Iterator[bytes]:
        yield _alone(self.dockerfile_name, self.dockerfile) + tarstream.END

    def look(self, known: Stamps, asked: t.Iterable[Ask] = ALL) -> dict[str, Stamp]:
        return {}


def _alone(name: str, dockerfile: bytes) -> bytes:
    size = len(dockerfile)
    return tarstream.header(name.encode(), tree.FILE, 0o644, size, 0) + dockerfile + tarstream.padding(size)


def _find(plain: Plain, name: str) -> bytes:
    """The Dockerfile at `name`, or where its links lead to: the engine follows them once it has unpacked the tar."""
    at = name
    try:
        for _link in range(MOST_LINKS):
            found = _member(plain, at)
            if isinstance(found, bytes):
                return found
            if not found:
                break
            at = found
            plain.rewind()
    except tarfile.TarError as exc:
        raise FormatError("%s is not a tar (%s): a build context is" % (plain.path, exc), path=plain.path) from exc
    said = "there is no %s in the archive %s: name the Dockerfile that is, by its path in the archive"
    raise UsageError(said % (name, plain.path), path=plain.path)


def _member(plain: Plain, name: str) -> bytes | str:
    """The bytes of a file, or the path that a link leads to; `""`, which names nothing, when there is neither."""
    with tarfile.open(fileobj=t.cast(t.BinaryIO, plain), mode="r|", encoding="utf-8") as tar:
        for member in tar:
            if posixpath.normpath(member.name) != name:
                continue
            if member.issym():
                return _inside(posixpath.join(posixpath.dirname(name), member.linkname))
            if member.islnk():
                return _inside(member.linkname)
            found = tar.extractfile(member)
            return found.read() if found else ""
    return ""


def _inside(path: str) -> str:
    """No link leads out of a build context: its top is `/`, and has nothing above it."""
    return posixpath.normpath("/" + path.lstrip("/")).lstrip("/")
