# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build contexts that are no directory: a ready tar, and a Dockerfile with nothing around it."""

from __future__ import annotations

import posixpath
import tarfile
import typing as t
from dataclasses import dataclass

from ansible_collections.slipway.images.plugins.module_utils.disk import tarstream, tree
from ansible_collections.slipway.images.plugins.module_utils.disk.compression import MIB, Plain, opened
from ansible_collections.slipway.images.plugins.module_utils.disk.context import Tally
from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError, UsageError

MOST_LINKS = 8


@dataclass(frozen=True)
class TarContext:
    """A tar on disk, plain or compressed, sent as it is but for the compression. Whoever made it decided what is in
    it, so no ignore file is looked at.

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
        tally.dockerfile(self.dockerfile)  # which of those in the tar it is
        with opened(self.path) as plain:
            while True:
                block = plain.read(MIB)
                if not block:
                    return
                tally.raw(block)
                yield block

    def digest(self) -> str:
        """The digest that `blocks` would tally."""
        tally = Tally()
        for _block in self.blocks(tally):
            pass
        return tally.digest


@dataclass(frozen=True)
class LoneDockerfile:
    """A context that holds the Dockerfile only."""

    dockerfile: bytes
    dockerfile_name: str = "Dockerfile"

    def blocks(self, tally: Tally) -> t.Iterator[bytes]:
        tally.dockerfile(self.dockerfile)
        size = len(self.dockerfile)
        yield tarstream.header(self.dockerfile_name.encode(), tree.FILE, 0o644, size, 0)
        yield self.dockerfile + tarstream.padding(size) + tarstream.END

    def digest(self) -> str:
        tally = Tally()
        tally.dockerfile(self.dockerfile)
        return tally.digest


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
    with tarfile.open(fileobj=t.cast(t.BinaryIO, plain), mode="r|") as tar:
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
