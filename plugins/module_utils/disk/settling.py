# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A delivery that takes its place in a directory which may hold other things as well.

Each file is put in place at once, and left as it is when it is the same. What else is there stays; a file where a
directory is to be, or the other way round, is an error before anything is touched. All is done relative to open
directories, which no symbolic link can exchange.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.disk.delivery import Arrival, Delivery
from ansible_collections.slipway.images.plugins.module_utils.disk.tree import PIECE
from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def settle(delivery: Delivery, dest: str) -> bool:
    """Whether anything in `dest`, a directory that is there, is another now. `UsageError` when it cannot be."""
    try:
        with _opened(delivery.root) as new, _opened(os.path.realpath(dest)) as old:
            _look(new, old, dest)
            return _move(new, old, "", delivery.directories)
    except OSError as exc:
        said = (exc.strerror or str(exc)).lower()
        raise UsageError("cannot write into %s: %s" % (dest, said), path=dest) from exc


def paths(root: str) -> list[str]:
    """Of all that is below `root`, sorted."""
    found = (os.path.join(at, name) for at, below, files in os.walk(root) for name in (*below, *files))
    return sorted(os.path.relpath(path, root) for path in found)


def digest(root: str, paths: t.Iterable[str], modes: t.Mapping[str, Arrival] | None = None) -> str:
    """Of what stands under these paths: kinds, permissions, targets, contents. `modes` has the permissions that
    directories are to have. Whatever cannot be read is not there."""
    sha = hashlib.sha256()
    for path in paths:
        arrival = (modes or {}).get(path)
        try:
            facts = os.lstat(os.path.join(root, path))
            mode = arrival.mode | stat.S_IFDIR if arrival else facts.st_mode
            sha.update(b"%s\0%o\0%s\0" % (os.fsencode(path), mode, _content(os.path.join(root, path), facts, None)))
        except OSError:
            sha.update(b"%s\0\0\0" % os.fsencode(path))
    return "sha256:" + sha.hexdigest()


def _look(new: int, old: int, shown: str) -> None:
    for name in os.listdir(new):
        here, there = _lstat(name, new), _lstat(name, old)
        if here is None or there is None:
            continue
        path = "%s/%s" % (shown, name)
        if stat.S_ISDIR(here.st_mode) != stat.S_ISDIR(there.st_mode):
            what = "is none" if stat.S_ISDIR(here.st_mode) else "is a directory"
            want = "a directory" if stat.S_ISDIR(here.st_mode) else "none"
            raise UsageError("the build gives %s as %s, and there it %s: move it away" % (path, want, what), path=path)
        if stat.S_ISDIR(here.st_mode):
            with _opened(name, new) as below, _opened(name, old) as beside:
                _look(below, beside, path)


def _move(new: int, old: int, prefix: str, directories: t.Mapping[str, Arrival]) -> bool:
    changed = False
    for name in sorted(os.listdir(new)):
        here, there = _lstat(name, new), _lstat(name, old)
        if here and stat.S_ISDIR(here.st_mode):
            arrival = directories[prefix + name]
            if there is None:
                os.mkdir(name, 0o700, dir_fd=old)
            with _opened(name, new) as below, _opened(name, old) as beside:
                changed |= _move(below, beside, "%s%s/" % (prefix, name), directories)
                if there is None or stat.S_IMODE(there.st_mode) != arrival.mode:
                    os.fchmod(beside, arrival.mode)
                    changed = True
                if there is None:
                    os.utime(beside, ns=(arrival.mtime, arrival.mtime))
        elif there is None or here is None or _fact(name, new, here) != _fact(name, old, there):
            os.rename(name, name, src_dir_fd=new, dst_dir_fd=old)
            changed = True
    return changed


def _fact(name: str, directory: int, facts: os.stat_result) -> tuple[int, bytes]:
    return facts.st_mode, _content(name, facts, directory)


def _content(path: str, facts: os.stat_result, directory: int | None) -> bytes:
    if stat.S_ISLNK(facts.st_mode):
        return os.fsencode(os.readlink(path, dir_fd=directory))
    if stat.S_ISREG(facts.st_mode):
        sha = hashlib.sha256()
        with open(os.open(path, _FILE, dir_fd=directory), "rb") as file:
            while piece := file.read(PIECE):
                sha.update(piece)
        return sha.digest()
    return b"%d" % facts.st_rdev if not stat.S_ISDIR(facts.st_mode) else b""


def _lstat(name: str, directory: int) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return None


@contextlib.contextmanager
def _opened(name: str, directory: int | None = None) -> t.Iterator[int]:
    handle = os.open(name, _DIRECTORY, dir_fd=directory)
    try:
        yield handle
    finally:
        os.close(handle)
