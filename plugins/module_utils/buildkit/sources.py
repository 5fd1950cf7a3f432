# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The directories that a session serves: real ones, and files that are in memory only."""

from __future__ import annotations

import hashlib
import os
import stat
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.disk import tree
from ansible_collections.slipway.images.plugins.module_utils.disk.context import IGNORE_FILE, Context
from ansible_collections.slipway.images.plugins.module_utils.disk.dockerfile import Dockerfile
from ansible_collections.slipway.images.plugins.module_utils.disk.replica import Replica
from ansible_collections.slipway.images.plugins.module_utils.disk.selection import Ask
from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError
from ansible_collections.slipway.images.plugins.module_utils.image.ignore import IgnoreRules

if t.TYPE_CHECKING:
    from ansible_collections.slipway.images.plugins.module_utils.disk.tarcontext import LoneDockerfile

CONTEXT, DOCKERFILE = "context", "dockerfile"
"""The names by which an engine asks for the two that every build has."""


class Wanted(t.NamedTuple):
    """fsutil's three lists of patterns."""

    follow: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


class Source(t.Protocol):
    def entries(self, wanted: Wanted) -> t.Iterator[tree.Entry]:
        """In BuildKit's order; raises `UsageError` or `FormatError`."""

    def content(self, entry: tree.Entry) -> t.Iterator[bytes]:
        """The bytes of one of the entries that is a regular file."""

    def xattrs(self, entry: tree.Entry) -> dict[str, bytes]:
        """Its extended attributes, as far as they can be read."""


class Directory(t.NamedTuple):
    """A directory of this host; `root` is its real path. `replica`: who keeps account of what the engine has of it,
    under `name`, which is `""` for the context."""

    root: str
    replica: Replica | None = None
    name: str = ""

    def entries(self, wanted: Wanted) -> t.Iterator[tree.Entry]:
        ask = Ask(self.name, wanted.follow, wanted.include)
        entries = ask.entries(self.root, IgnoreRules.of(wanted.exclude))
        return self.replica.listed(self.root, ask, entries) if self.replica else entries

    def content(self, entry: tree.Entry) -> t.Iterator[bytes]:
        content = tree.content(self.root, entry)
        return self.replica.sent(self.name, entry, content) if self.replica else content

    def xattrs(self, entry: tree.Entry) -> dict[str, bytes]:
        """As fsutil does: what cannot be read is not there."""
        path = f"{self.root}/{entry.path}"
        try:
            keys = _listxattr(path, follow_symlinks=False)
            return {key: os.getxattr(path, key, follow_symlinks=False) for key in keys} if keys else {}
        except OSError:
            return {}


class Files(t.NamedTuple):
    """A directory that holds these files, whichever of them are asked for."""

    files: t.Mapping[str, bytes]

    def entries(self, wanted: Wanted) -> t.Iterator[tree.Entry]:
        for name in sorted(self.files, key=os.fsencode):
            yield tree.Entry(name, tree.FILE, _facts(self.files[name]), "")

    def content(self, entry: tree.Entry) -> t.Iterator[bytes]:
        yield self.files[entry.path]

    def xattrs(self, entry: tree.Entry) -> dict[str, bytes]:
        return {}


def of(
    source: Context | LoneDockerfile, given: str | None, name: str, inline: bool, replica: Replica | None = None
) -> dict[str, Source]:
    """The sources of a build.

    `given` is the option `dockerfile`, `name` what the engine was told to look for, and `inline` whether the Dockerfile
    is the task's own. The engine gets its bytes as they were read, and beside them the ignore file that belongs to it
    alone, if there is one.
    """
    files = {name: source.dockerfile}
    if not isinstance(source, Context):
        return {CONTEXT: Files(files), DOCKERFILE: Files(files)}
    own = os.path.join(source.root, given or Dockerfile.usual(source.root)) + IGNORE_FILE
    if not inline and os.path.isfile(own):
        try:
            with open(own, "rb") as file:
                files[name + IGNORE_FILE] = file.read()
        except OSError as exc:
            raise UsageError(f"cannot read the ignore file {own}: {exc.strerror}", path=own) from exc
    others = {other: Directory(beside.root, replica, other) for other, beside in source.beside.items()}
    return {**others, CONTEXT: Directory(source.root, replica), DOCKERFILE: Files(files)}


def _facts(data: bytes) -> os.stat_result:
    """The engine takes equal size and time for equal content, so the time says what the content is."""
    second = int.from_bytes(hashlib.sha256(data).digest()[:4], "big")
    exact = {"st_mtime_ns": second * 10**9, "st_rdev": 0}
    return os.stat_result((stat.S_IFREG | 0o644, 0, 0, 1, 0, 0, len(data), second, second, second), exact)


_listxattr: t.Callable[..., list[str]] = getattr(os, "listxattr", lambda path, follow_symlinks: [])
