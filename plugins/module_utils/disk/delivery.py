# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A directory that somebody sends, written where nobody else looks, until it is complete.

What it holds is decided by the sender, where it lies is not: each entry must stand in a directory that came before it,
so that nothing leaves the tree, be it by `..` or through a symbolic link.
"""

from __future__ import annotations

import contextlib
import os
import stat
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.disk import tree
from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError, UsageError

_FLAGS = os.O_NOFOLLOW | os.O_CLOEXEC
_NODES = {tree.CHARACTER: stat.S_IFCHR, tree.BLOCK: stat.S_IFBLK, tree.FIFO: stat.S_IFIFO}


class Arrival(t.NamedTuple):
    """An entry: `kind` as `tree` names it, `mode` its permissions, `mtime` in nanoseconds, `target` of a link."""

    path: str
    kind: bytes
    mode: int
    mtime: int
    target: str = ""
    device: int = 0
    xattrs: t.Mapping[str, bytes] = {}


class Delivery:
    """`root` is an empty directory of ours. Directories keep permissions of ours until they are where they belong;
    `directories` has those that were sent."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.directories: dict[str, Arrival] = {}
        self._files: set[str] = set()

    def add(self, arrival: Arrival) -> None:
        """Make the entry; a regular file is empty yet. `FormatError` when it may not be."""
        self._place(arrival)
        path = self._at(arrival.path)
        try:
            if arrival.kind == tree.DIRECTORY:
                os.mkdir(path, 0o700)
                self.directories[arrival.path] = arrival
            elif arrival.kind == tree.FILE:
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS, 0o600))
                self._files.add(arrival.path)
            elif arrival.kind == tree.HARDLINK:
                os.link(self._at(arrival.target), path, follow_symlinks=False)
            else:
                self._other(arrival, path)
        except OSError as exc:
            raise _refused(arrival.path, exc) from exc

    @contextlib.contextmanager
    def content(self, arrival: Arrival) -> t.Iterator[t.BinaryIO]:
        """For the bytes of a regular file that was added; afterwards it is what it is to be."""
        try:
            with open(os.open(self._at(arrival.path), os.O_WRONLY | _FLAGS), "wb") as file:
                yield file
                file.flush()
                _attributes(self._at(arrival.path), arrival)
                os.fchmod(file.fileno(), arrival.mode)  # not before: a write takes setuid away
                os.utime(file.fileno(), ns=(arrival.mtime, arrival.mtime))
        except OSError as exc:
            raise _refused(arrival.path, exc) from exc

    def _place(self, arrival: Arrival) -> None:
        parent, slash, name = arrival.path.rpartition("/")
        if name in ("", ".", "..") or "\0" in arrival.path or (slash and parent not in self.directories):
            raise FormatError("the engine sent %r, which lies in no directory that it sent" % arrival.path)
        if arrival.kind == tree.HARDLINK and arrival.target not in self._files:
            raise FormatError("the engine sent %r as a link to %r, which is no file that it sent" % arrival[::4])

    def _at(self, path: str) -> str:
        return self.root + "/" + path

    def _other(self, arrival: Arrival, path: str) -> None:
        if arrival.kind == tree.SYMLINK:
            os.symlink(arrival.target, path)
        else:
            os.mknod(path, _NODES[arrival.kind] | 0o600, arrival.device)
            os.chmod(path, arrival.mode)
        _attributes(path, arrival)
        os.utime(path, ns=(arrival.mtime, arrival.mtime), follow_symlinks=False)


def _attributes(path: str, arrival: Arrival) -> None:
    """As docker does: what the file system does not take, it does not get."""
    for name, value in arrival.xattrs.items():
        with contextlib.suppress(OSError, AttributeError):
            os.setxattr(path, name, value, follow_symlinks=False)


def _refused(path: str, exc: OSError) -> UsageError:
    return UsageError("cannot write %s of what the build gives: %s" % (path, (exc.strerror or str(exc)).lower()))
