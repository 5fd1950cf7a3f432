# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which entries of a directory an engine asked for: fsutil's include, exclude and follow patterns as one rule.

What is asked of `tree.walk`'s rules is asked here of two: a path is left out when the excludes match it, or when there
are includes and none matches it. `IgnoreRules` serves for both: includes are exceptions to "leave out everything".
"""

from __future__ import annotations

import os
import posixpath
import typing as t
from dataclasses import dataclass, field

from ansible_collections.slipway.images.plugins.module_utils.disk import tree
from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError
from ansible_collections.slipway.images.plugins.module_utils.image import glob
from ansible_collections.slipway.images.plugins.module_utils.image.ignore import IgnoreRules


class Ask(t.NamedTuple):
    """What an engine asked for of the directory that it knows by `name`: `""` is the context. Without a pattern it is
    all of it. The excludes are not kept: they are those of the ignore file, and its next reader's."""

    name: str = ""
    follow: tuple[str, ...] = ()
    include: tuple[str, ...] = ()

    def entries(self, root: str, rules: IgnoreRules) -> t.Iterator[tree.Entry]:
        """Of the directory, past the rules of its ignore file."""
        if self.follow or self.include:
            rules = Selection.open(root, self.follow, self.include, rules)
        return tree.walk(root, rules)


ALL = (Ask(),)


@dataclass(frozen=True)
class Selection(IgnoreRules):
    """The state of a directory holds those of both rules."""

    include: IgnoreRules = field(default_factory=IgnoreRules)
    exclude: IgnoreRules = field(default_factory=IgnoreRules)

    @classmethod
    def open(cls, root: str, follow: t.Sequence[str], include: t.Sequence[str], exclude: IgnoreRules) -> Selection:
        """`follow` are paths whose symbolic links, and their targets, are wanted too. `FormatError`: a bad pattern."""
        patterns = list(include)
        targets = followed(root, follow) if follow else None
        if targets is not None:
            patterns = topmost([*patterns, *targets]) or []
        clean = map(posixpath.normpath, patterns)
        signs = [pattern[1:] if pattern.startswith("!") else "!" + pattern for pattern in clean]
        rules = IgnoreRules.of(["**", *signs], "the include patterns") if patterns else IgnoreRules()
        return cls(include=rules, exclude=exclude)

    def match(self, path: str, inherited: int = 0) -> tuple[bool, int]:
        of_exclude, of_include = self._states(inherited)
        missing, of_include = self.include.match(path, of_include)
        excluded, of_exclude = self.exclude.match(path, of_exclude)
        return missing or excluded, of_exclude * (len(self.include.runs) + 1) + of_include

    def is_settled(self, state: int) -> bool:
        of_exclude, of_include = self._states(state)
        return self.include.is_settled(of_include) and self.exclude.is_settled(of_exclude)

    def _states(self, state: int) -> tuple[int, int]:
        return divmod(state, len(self.include.runs) + 1)

    def may_reinclude(self, directory: str) -> bool:
        return all(
            rules.may_reinclude(directory) for rules in (self.include, self.exclude) if rules.excludes(directory)
        )


def topmost(paths: t.Iterable[str]) -> list[str] | None:
    """Without those below another; None when the root is among them. In order only if they came in order."""
    found: list[str] = []
    for path in paths:
        if path == ".":
            return None
        if not (found and path.startswith(found[-1] + "/")):
            found.append(path)
    return found


def followed(root: str, paths: t.Iterable[str]) -> list[str] | None:
    """The paths, and every symbolic link on their way with its target, all inside `root`; None: everything.

    A link's target is taken as in a root file system: an absolute one begins at `root`, and `..` ends there.
    Wildcards may stand in each component; those that match no link are left for the patterns to match. What comes
    behind a link counts the first time only (fsutil's `FollowLinks`), so they are taken in order, each to its end.
    """
    found: set[str] = set()
    pending = list(paths)[::-1]
    while pending:
        parts = [part for part in posixpath.normpath("/" + pending.pop()).split("/") if part]
        current = ""
        for at, part in enumerate(parts or ["."]):  # pragma: no branch: it ends at the last part, if not before
            current = posixpath.join(current, part)
            targets = _targets(root, current)
            if targets and current not in found:
                pending += [posixpath.join(target, *parts[at + 1 :]) for target in reversed(targets)]
            if targets or at + 1 >= len(parts):
                found.add(current)
                break
    return topmost(sorted(found, key=os.fsencode))


def _targets(root: str, path: str) -> list[str]:
    """Where the symbolic link `path` points to; for a pattern in its last component, all links that it matches."""
    parent, name = posixpath.split(path)
    if not _is_pattern(name):
        target = _target(root, path)
        return [target] if target else []
    try:
        names = sorted(os.listdir(posixpath.join(root, parent)), key=os.fsencode)
        matching = glob.names(name)
    except FormatError:
        return []
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as exc:
        raise tree.unreadable(parent or ".", exc) from exc
    targets = [_target(root, posixpath.join(parent, child)) for child in names if matching.fullmatch(child)]
    return [target for target in targets if target]


def _target(root: str, path: str) -> str:
    """A path whose beginning, absolute or not, is `root`; "" for what is no link."""
    try:
        target = os.readlink(posixpath.join(root, path))
    except OSError:  # EINVAL: no link. Whatever else is wrong with it will be seen by the walk.
        return ""
    return posixpath.join(posixpath.dirname(path), target)


def _is_pattern(name: str) -> bool:
    at = 0
    while at < len(name):
        if name[at] in "*?[":
            return True
        at += 2 if name[at] == "\\" else 1
    return False
