# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A directory as a build sees it: what the ignore rules leave, in one fixed order, and the bytes of its files.

The order is BuildKit's (fsutil): depth first, a directory before its children, in each directory by the bytes of the
names. Symbolic links are never followed; sockets are left out, since no tar can hold them.
"""

from __future__ import annotations

import os
import stat
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError
from ansible_collections.slipway.images.plugins.module_utils.image.ignore import IgnoreRules

PIECE = 1 << 18
"""Bytes of a file that are in memory at once. With few they stay in the processor's cache while they are read, hashed,
framed and sent: at 1 MiB, an upload takes a third more CPU."""

FILE, HARDLINK, SYMLINK, CHARACTER, BLOCK, DIRECTORY, FIFO = b"0", b"1", b"2", b"3", b"4", b"5", b"6"
"""What an entry is, as tar's type flag says it."""

_KINDS = {
    stat.S_IFREG: FILE,
    stat.S_IFLNK: SYMLINK,
    stat.S_IFCHR: CHARACTER,
    stat.S_IFBLK: BLOCK,
    stat.S_IFDIR: DIRECTORY,
    stat.S_IFIFO: FIFO,
}


class Entry(t.NamedTuple):
    """`path` is relative, joined by `/`, with surrogates for bytes that are not UTF-8.

    `target` is what a symbolic link says, or for a hard link the path of the inode's first entry; else empty.
    """

    path: str
    kind: bytes
    stat: os.stat_result
    target: str


class _Level(t.NamedTuple):
    prefix: str
    state: int
    children: t.Iterator[os.DirEntry[str]]


def walk(root: str, rules: IgnoreRules) -> t.Iterator[Entry]:
    """All entries below `root` that the rules keep, and the excluded parents of those.

    `UsageError` names what cannot be read or vanished meanwhile.
    """
    links: dict[tuple[int, int], str] = {}
    unsent: list[str] = []  # excluded directories on the way down, in case something below them is kept
    stack = [_Level("", 0, _children(root, "", lenient=False))]
    while stack:
        prefix, inherited, children = stack[-1]
        settled = rules.match(prefix, inherited) if rules.is_settled(inherited) else None
        for child in children:
            path = prefix + child.name
            excluded, state = settled or rules.match(path, inherited)
            below = child.is_dir(follow_symlinks=False) and (not excluded or rules.may_reinclude(path))
            if below:
                stack.append(_Level(path + "/", state, _children(root, path, lenient=excluded)))
            if excluded:
                unsent += [path] * below
            elif (entry := _entry(root, path, child, links)) is not None:
                for parent in unsent:
                    yield Entry(parent, DIRECTORY, _lstat(root, parent), "")
                unsent.clear()
                yield entry
            if below:
                break
        else:
            stack.pop()
            if unsent and unsent[-1] == prefix[:-1]:
                unsent.pop()


def content(root: str, entry: Entry) -> t.Iterator[bytes]:
    """The bytes of a regular file, exactly as many as its entry says, or `UsageError`: it changed meanwhile."""
    left = entry.stat.st_size
    try:
        fd = os.open(root + "/" + entry.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            while True:
                wanted = min(left + 1, PIECE)  # one more than is due shows a file that grew
                piece = os.read(fd, wanted)
                left -= len(piece)
                if left < 0:
                    raise _changed(entry.path, "grew")
                if piece:
                    yield piece
                if not piece or (left == 0 and len(piece) < wanted):
                    break
        finally:
            os.close(fd)
    except OSError as exc:
        raise unreadable(entry.path, exc) from exc
    if left:
        raise _changed(entry.path, "shrank")


def unreadable(path: str, exc: OSError) -> UsageError:
    """What to say of a path of the context that the file system refuses."""
    if isinstance(exc, FileNotFoundError):
        return _changed(path, "vanished")
    name = shown(path)
    return UsageError(
        f"cannot read {name} of the build context: {exc.strerror}; make it readable, or name it in .dockerignore",
        path=name,
    )


def _changed(path: str, how: str) -> UsageError:
    name = shown(path)
    return UsageError(f"{name} of the build context {how} while it was read; build again when it is at rest", path=name)


def shown(path: str) -> str:
    """A path as a person may read it, whatever its bytes."""
    return os.fsencode(path).decode(errors="backslashreplace")


def _children(root: str, path: str, lenient: bool) -> t.Iterator[os.DirEntry[str]]:
    """In order. `lenient`: an excluded directory that nobody may read holds nothing that would be kept."""
    try:
        with os.scandir(root + "/" + path) as children:
            return iter(sorted(children, key=lambda child: os.fsencode(child.name)))
    except PermissionError as exc:
        if lenient:
            return iter(())
        raise unreadable(path or ".", exc) from exc
    except OSError as exc:
        raise unreadable(path or ".", exc) from exc


def _entry(root: str, path: str, found: os.DirEntry[str], links: dict[tuple[int, int], str]) -> Entry | None:
    """The entry of `path`, None for a socket; `links` are the inodes with several names that were met so far."""
    try:
        facts = found.stat(follow_symlinks=False)
        target = os.readlink(root + "/" + path) if stat.S_ISLNK(facts.st_mode) else ""
    except OSError as exc:
        raise unreadable(path, exc) from exc
    kind = _KINDS.get(stat.S_IFMT(facts.st_mode))
    if kind is None:
        return None
    if kind == FILE and facts.st_nlink > 1:
        first = links.setdefault((facts.st_dev, facts.st_ino), path)
        if first != path:
            return Entry(path, HARDLINK, facts, first)
    return Entry(path, kind, facts, target)


def _lstat(root: str, path: str) -> os.stat_result:
    try:
        return os.lstat(root + "/" + path)
    except OSError as exc:
        raise unreadable(path, exc) from exc
