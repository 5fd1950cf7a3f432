# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may do what with a file: mode, owner and group, said as in Ansible's file modules."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import re
import stat
import typing as t
from dataclasses import dataclass

from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError

Mode = t.Union[str, int]
"""`"0644"`, `420` (what YAML makes of a bare 0644) or `"u=rw,g=r"`."""

_OCTAL = re.compile(r"(?:0o?)?[0-7]{1,4}")
_CLAUSE = re.compile(r"(a?|[ugo]+)((?:[-+=][rwxXstugo]*)+)")
_OPERATION = re.compile(r"([-+=])([rwxXstugo]*)")
_SHIFT = {"u": 6, "g": 3, "o": 0}
_SPECIAL = {"u": ("s", 0o4000), "g": ("s", 0o2000), "o": ("t", 0o1000)}


@dataclass(frozen=True)
class Permissions:
    """`mode`: the twelve bits that chmod takes."""

    mode: int
    uid: int
    gid: int

    def __str__(self) -> str:
        return "%04o %s:%s" % (self.mode, self.owner, self.group)

    @property
    def owner(self) -> str:
        with contextlib.suppress(KeyError):
            return pwd.getpwuid(self.uid).pw_name
        return str(self.uid)

    @property
    def group(self) -> str:
        with contextlib.suppress(KeyError):
            return grp.getgrgid(self.gid).gr_name
        return str(self.gid)


def of(path: str) -> Permissions:
    """Those of the file at `path`; of one that is not there, those that it would be born with."""
    try:
        facts = os.stat(path)
        return Permissions(stat.S_IMODE(facts.st_mode), facts.st_uid, facts.st_gid)
    except FileNotFoundError:
        folder = os.stat(os.path.dirname(path) or ".")
        inherits = folder.st_mode & stat.S_ISGID
        return Permissions(0o666 & ~_umask(), os.geteuid(), folder.st_gid if inherits else os.getegid())


def wanted(now: Permissions, mode: Mode | None, owner: str | None, group: str | None) -> Permissions:
    """`now` with what was asked for; `UsageError` for a mode that is none and for people the target does not know."""
    return Permissions(
        now.mode if mode is None else parse(mode, now.mode, _umask()),
        now.uid if owner is None else _id(owner, "user", lambda name: pwd.getpwnam(name).pw_uid),
        now.gid if group is None else _id(group, "group", lambda name: grp.getgrnam(name).gr_gid),
    )


def give(file: int | str, permissions: Permissions, insist: bool) -> None:
    """Set them on a path or an open file. Unless `insist`, an owner that we may not set stays as it is."""
    try:
        os.chown(file, permissions.uid, permissions.gid)
    except PermissionError:
        if insist:
            raise
    os.chmod(file, permissions.mode)  # after the owner: a new one takes the set-id bits away


def change(path: str, permissions: Permissions) -> None:
    """`give`, of a file that stays what it is otherwise; `UsageError` when we may not."""
    try:
        give(path, permissions, insist=True)
    except OSError as exc:
        said = (exc.strerror or str(exc)).lower()
        raise UsageError("cannot set the permissions of %s to %s: %s" % (path, permissions, said), path=path) from exc


def parse(mode: Mode, now: int, umask: int) -> int:
    """The bits that `mode` asks for on a file that has `now`. Where a clause names nobody, the umask counts."""
    if isinstance(mode, str) and not _OCTAL.fullmatch(mode):
        return _symbolic(mode, now, umask)
    bits = int(mode, 8) if isinstance(mode, str) else mode
    if isinstance(bits, bool) or not isinstance(bits, int) or not 0 <= bits <= 0o7777:
        raise _bad(mode)
    return bits


def _symbolic(text: str, mode: int, umask: int) -> int:
    for clause in text.split(","):
        found = _CLAUSE.fullmatch(clause)
        if not found:
            raise _bad(text)
        who, operations = found.groups()
        for operator, letters in _OPERATION.findall(operations):
            for side in "ugo" if who in ("", "a") else who:
                bits = 0
                for letter in letters:
                    bits |= _bits(letter, side, mode) & ~(umask if not who and letter in "rwx" else 0)
                whole = 0o7 << _SHIFT[side] | _SPECIAL[side][1]
                mode = mode & ~bits if operator == "-" else (mode & ~whole if operator == "=" else mode) | bits
    return mode


def _bits(letter: str, side: str, mode: int) -> int:
    """What one letter means for one side, `X` and copies by the `mode` there is."""
    if letter in _SHIFT:
        return (mode >> _SHIFT[letter] & 0o7) << _SHIFT[side]
    if letter in "st":
        special, bit = _SPECIAL[side]
        return bit if letter == special else 0
    if letter == "X":
        letter = "x" if mode & 0o111 else ""
    return {"r": 4, "w": 2, "x": 1, "": 0}[letter] << _SHIFT[side]


def _id(name: str, kind: str, look_up: t.Callable[[str], int]) -> int:
    with contextlib.suppress(KeyError):
        return look_up(name)
    if name.isdecimal():
        return int(name)
    raise UsageError("there is no %s %s on the target" % (kind, name), name=name)


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask


def _bad(mode: object) -> UsageError:
    return UsageError("%r is not a mode: write one such as '0644' or 'u=rw,g=r'" % (mode,), option="mode")
