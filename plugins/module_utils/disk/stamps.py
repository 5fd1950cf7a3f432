# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the entries of a context were when they went into a build, and which of them are others now.

A file is read again only if its size, times or inode moved. Times cannot tell a change that came within one of their
ticks, so those of a file that was young when it was read are not kept, and it is read once more.
"""

from __future__ import annotations

import hashlib
import os
import stat
import struct
import time
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.disk import tree
from ansible_collections.slipway.images.plugins.module_utils.disk.tree import Entry

YOUNG = 2 * 10**9
"""Nanoseconds: the coarsest tick of a file system (FAT's)."""
NEVER = 0
"""A ctime that matches none: of a file whose stamp is not to be trusted."""
UNREAD = b"\xff" * 32
"""In place of the digest of a file that is another in any case."""
MOST_SHOWN = 20

_ROW = struct.Struct("<cHQqqQ32s")
_LATEST = 2**63 - 1  # in the year 2262; some file systems go on to 2446


class Stamp(t.NamedTuple):
    """`mode` is the permission bits, times are in nanoseconds. `content` is the sha256 of a file's bytes, or of what
    a link says, or of a device's numbers."""

    kind: bytes
    mode: int
    size: int
    mtime: int
    ctime: int
    inode: int
    content: bytes

    @classmethod
    def of(cls, entry: Entry, content: bytes, now: int) -> Stamp:
        """`content` is that of a file. `now` is no later than when its `stat` was taken, and that before it was
        read: what changes after it changes the stamp."""
        facts = entry.stat
        if entry.kind != tree.FILE:
            said = entry.target or ("%d" % facts.st_rdev if entry.kind in (tree.CHARACTER, tree.BLOCK) else "")
            content = hashlib.sha256(os.fsencode(said)).digest()
            return cls(entry.kind, stat.S_IMODE(facts.st_mode), 0, 0, NEVER, 0, content)
        old = max(facts.st_mtime_ns, facts.st_ctime_ns) < now - YOUNG
        ctime = facts.st_ctime_ns if old else NEVER
        mode = stat.S_IMODE(facts.st_mode)
        return cls(entry.kind, mode, facts.st_size, min(facts.st_mtime_ns, _LATEST), ctime, facts.st_ino, content)

    def holds(self, facts: os.stat_result) -> bool:
        """Is a file of these facts sure to have this content?"""
        return (
            self.size == facts.st_size
            and self.mtime == facts.st_mtime_ns
            and self.ctime == facts.st_ctime_ns
            and self.inode == facts.st_ino
        )


Stamps = t.Mapping[str, Stamp]
"""By what `name` says."""


def name(directory: str, path: str) -> str:
    """Of an entry among all that go into a build: its path, behind the name of a directory other than the context."""
    return "%s:%s" % (directory, path) if directory else path


def look(entries: t.Iterable[tuple[str, Entry]], known: Stamps, digest: t.Callable[[Entry], bytes]) -> dict[str, Stamp]:
    """The entries, each with its name among the stamps, as they are now. `digest` reads a file: only one that may be
    as it was, but need not."""
    now = time.time_ns()
    found: dict[str, Stamp] = {}
    for name, entry in entries:
        before, content = known.get(name), b""
        if entry.kind == tree.FILE:
            if before is None or before.size != entry.stat.st_size:
                content = UNREAD
            elif not before.holds(entry.stat):
                content = digest(entry)
            elif before.mode == stat.S_IMODE(entry.stat.st_mode):
                found[name] = before  # as nearly always
                continue
            else:
                content = before.content
        found[name] = Stamp.of(entry, content, now)
    return found


hashing = hashlib.sha256


def sha256(pieces: t.Iterable[bytes]) -> bytes:
    sha = hashing()
    for piece in pieces:
        sha.update(piece)
    return sha.digest()


def differences(before: Stamps, now: Stamps) -> list[str]:
    """What a person would say changed, at most `MOST_SHOWN` lines and one for the rest."""
    names = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
    said = [line for name in names for line in _difference(name, before, now)]
    more = len(said) - MOST_SHOWN
    return said if more <= 1 else [*said[:MOST_SHOWN], "and %d more" % more]


def _difference(name: str, before: Stamps, now: Stamps) -> t.Iterator[str]:
    old, new, shown = before.get(name), now.get(name), tree.shown(name)
    if old is None or new is None:
        yield "%s %s" % (shown, "added" if old is None else "removed")
    elif (old.kind, old.content) != (new.kind, new.content):
        yield "%s modified" % shown
    elif old.mode != new.mode:
        yield "%s mode %04o -> %04o" % (shown, old.mode, new.mode)


def pack(stamps: Stamps) -> bytes:
    rows = b"".join(_ROW.pack(*stamp) for stamp in stamps.values())
    return rows + b"\0".join(map(os.fsencode, stamps))


def unpack(data: bytes, count: int) -> dict[str, Stamp]:
    """`ValueError` or `struct.error` for what is no such thing."""
    end = count * _ROW.size
    names = os.fsdecode(data[end:]).split("\0") if count else []
    return dict(zip(names, map(Stamp._make, _ROW.iter_unpack(data[:end]))))
