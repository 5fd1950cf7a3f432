# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which images may go: the rules of prune and retention, computed from the engine's lists so that they are foretold."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field
from datetime import datetime, timezone

from ansible_collections.slipway.images.plugins.module_utils.image.digest import short
from ansible_collections.slipway.images.plugins.module_utils.image.filters import Label
from ansible_collections.slipway.images.plugins.module_utils.image.pattern import Pattern
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference

NONE = "<none>"
"""How the engine's list spells a missing repository or tag."""


@dataclass(frozen=True)
class Stored:
    """An image as the engine's list shows it (one row of `GET /images/json?all=1`).

    `parent` is the id of the image that the classic builder made it from, or empty. `created` is in Unix seconds,
    `size` in bytes, layers that it shares with others included.
    """

    id: str
    parent: str = ""
    tags: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    created: int = 0
    size: int = 0
    labels: t.Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, row: t.Mapping[str, t.Any]) -> Stored:
        return cls(
            id=row["Id"],
            parent=row.get("ParentId") or "",
            tags=tuple(sorted(tag for tag in row.get("RepoTags") or () if NONE not in tag)),
            digests=tuple(sorted(digest for digest in row.get("RepoDigests") or () if NONE not in digest)),
            created=row["Created"],
            size=row["Size"],
            labels=row.get("Labels") or {},
        )

    @property
    def names(self) -> tuple[str, ...]:
        """What to remove, one after the other, for the image to go: the engine drops `repo@digest` with the
        last tag of `repo`, so digests count only where no tag of their repository does."""
        tagged = {Reference.parse(tag).name for tag in self.tags}
        lone = [digest for digest in self.digests if Reference.parse(digest).name not in tagged]
        return (*lone, *self.tags)

    @property
    def called(self) -> tuple[str, ...]:
        """The same, and the short id of an image that has no name."""
        return self.names or (short(self.id),)


@dataclass(frozen=True)
class Rule:
    """What may go, as far as all of these let it; none of them lets go what a container uses.

    `dangling`: only images without a tag. `until`: only those created before (Unix seconds). `labels`: only those that
    bear, or do not bear, them. `repositories`: only names in these, and no image without a name; empty for all.
    `protect`: no such name. `keep_last`: no tag of the last so many images of a repository; 0 for none.

    The engine's list tells the second of an image's creation and no less; its own prune compares nanoseconds. So what
    was made in the very second of `until` counts as later.
    """

    dangling: bool = True
    until: int | None = None
    labels: tuple[Label, ...] = ()
    repositories: tuple[Pattern, ...] = ()
    protect: tuple[Pattern, ...] = ()
    keep_last: int = 0

    def concerns(self, image: Stored, name: Reference | None) -> bool:
        """Is this name (`None`: the image, as it has none) what the rule is about?"""
        if self.dangling and image.tags:
            return False
        return not self.repositories or (name is not None and any(one.covers(name) for one in self.repositories))

    def mercy(self, image: Stored, name: Reference | None, last: t.Collection[Reference]) -> str:
        """Why it stays nevertheless, for a person to read; empty when nothing speaks for it."""
        shield = self._shield(image, name) if name else None
        if shield:
            return "protected by %s" % shield
        if name and name in last:
            return "among the last %d of %s" % (self.keep_last, name.name)
        if self.until is not None and image.created >= self.until:
            created = datetime.fromtimestamp(image.created, timezone.utc).replace(tzinfo=None)
            return "created %sZ, which is not before until" % created.isoformat()
        failed = next((label for label in self.labels if not label.matches(image.labels)), None)
        return "its labels do not pass %s" % failed if failed else ""

    def _shield(self, image: Stored, name: Reference) -> Pattern | None:
        """A digest would go with the last tag of its repository, so what protects it protects the tag."""
        digests = map(Reference.parse, image.digests)
        names = (name, *(digest for digest in digests if digest.name == name.name)) if self.protect else ()
        return next((pattern for pattern in self.protect if any(map(pattern.matches, names))), None)


@dataclass(frozen=True)
class Removal:
    """An image that loses these of its `names`, one after the other, and then goes itself, when it is `whole`."""

    image: Stored
    names: tuple[str, ...]
    whole: bool

    @property
    def untagged(self) -> tuple[str, ...]:
        """All names that it loses: the digests of a repository whose last tag goes, too."""
        tags = [tag for tag in self.image.tags if tag in self.names]
        bereft = _repositories(tags) - _repositories(set(self.image.tags) - set(tags))
        lost = (name for name in self.image.digests if name in self.names or Reference.parse(name).name in bereft)
        return (*tags, *lost)

    @property
    def left(self) -> tuple[str, ...]:
        return tuple(name for name in self.image.names if name not in self.names)


def _repositories(names: t.Iterable[str]) -> set[str]:
    return {Reference.parse(name).name for name in names}


@dataclass(frozen=True)
class Verdict:
    """`going`: in this order. `kept`: name, or short id -> why it stays, for all that the rule concerns."""

    going: tuple[Removal, ...] = ()
    kept: t.Mapping[str, str] = field(default_factory=dict)


def judge(images: t.Iterable[Stored], used: t.Mapping[str, t.Collection[str]], rule: Rule) -> Verdict:
    """What goes by `rule`: children before the images they were built on, then the youngest first.

    `used`: image id -> names of the containers that use it (stopped ones too); these stay with all their names. An
    image without names goes only when every image that was built on it goes; when it is itself the layer cache of such
    a build (an intermediate image), it goes with the last of them, whatever `rule` says of it, as it does when the
    engine prunes.

    Where the engine differs, it is this that a second run finds nothing to do: the engine takes all but one of the
    names of an image that a container uses, and of dangling images that stand on each other only the topmost when the
    lower is known by its digest.
    """
    lineage, children = _lineage(images)
    last = newest(lineage, rule.keep_last)
    going: dict[str, Removal] = {}
    kept: dict[str, str] = {}
    for image in reversed(lineage):
        offspring = children.get(image.id, ())
        alone = all(child.id in going and going[child.id].whole for child in offspring)
        use = _use(used.get(image.id, ()))
        if offspring and not image.names:
            if alone and not use:
                going[image.id] = Removal(image, (), whole=True)
            continue
        fates = _fates(image, use, alone, rule, last)
        free = tuple(called for called, mercy in fates.items() if not mercy)
        kept.update((called, mercy) for called, mercy in fates.items() if mercy)
        if free:
            going[image.id] = Removal(image, free if image.names else (), alone and len(free) == len(image.called))
    return Verdict(tuple(going.values()), kept)


def _lineage(images: t.Iterable[Stored]) -> tuple[list[Stored], dict[str, list[Stored]]]:
    """All images, parents before their children, and the children of each."""
    stored = {image.id: image for image in images}
    children: dict[str, list[Stored]] = {}
    for image in stored.values():
        children.setdefault(image.parent if image.parent in stored else "", []).append(image)
    lineage = sorted(children.get("", ()), key=lambda image: (image.created, image.id))
    for image in lineage:  # grows as it is walked
        lineage.extend(children.get(image.id, ()))
    return lineage, children


def _fates(image: Stored, use: str, alone: bool, rule: Rule, last: t.Collection[Reference]) -> dict[str, str]:
    """What an image is called -> why that stays, or empty; without what the rule does not concern."""
    fates: dict[str, str] = {}
    for called in image.called:
        name = Reference.parse(called) if image.names else None
        if rule.concerns(image, name):
            mercy = use or rule.mercy(image, name, last)
            fates[called] = mercy or ("" if alone or not rule.dangling else "images that stay are built on it")
    return fates


def _use(containers: t.Collection[str]) -> str:
    more = " and %d more" % (len(containers) - 1) if len(containers) > 1 else ""
    return "used by container %s%s" % (min(containers), more) if containers else ""


def newest(images: t.Iterable[Stored], count: int) -> frozenset[Reference]:
    """The tags of the last `count` images of each repository: an image counts once, however many tags of the
    repository it has. Of images created in the same second the one with the higher tag is the later, with the numbers
    in tags taken by their value (`v10` is higher than `v9`)."""
    repositories: dict[str, dict[str, tuple[int, list[Reference]]]] = {}
    for image in images if count else ():
        for tag in map(Reference.parse, image.tags):
            _created, tags = repositories.setdefault(tag.name, {}).setdefault(image.id, (image.created, []))
            tags.append(tag)
    kept: set[Reference] = set()
    for holders in repositories.values():
        order = sorted(holders.values(), key=lambda held: (held[0], max(map(_rank, held[1]))), reverse=True)
        kept.update(tag for _created, tags in order[:count] for tag in tags)
    return frozenset(kept)


def _rank(name: Reference) -> tuple[list[str | int], str]:
    pieces = re.split("([0-9]+)", name.tag)
    return [int(piece) if place % 2 else piece for place, piece in enumerate(pieces)], name.tag
