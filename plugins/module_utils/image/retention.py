# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which images may go: the engine's own rules of prune, computed from its lists so that they can be foretold."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

from ansible_collections.slipway.images.plugins.module_utils.image.filters import Label, passes
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


@dataclass(frozen=True)
class Rule:
    """`dangling`: only images without a tag. `until`: only those created before (Unix seconds). `labels`: only
    those that bear, or do not bear, them.

    The engine's list tells the second of an image's creation and no less; its own prune compares nanoseconds. So what
    was made in the very second of `until` counts as later.
    """

    dangling: bool = True
    until: int | None = None
    labels: tuple[Label, ...] = ()

    def covers(self, image: Stored) -> bool:
        if self.dangling and image.tags:
            return False
        if self.until is not None and image.created >= self.until:
            return False
        return passes(self.labels, image.labels)


@dataclass(frozen=True)
class Removal:
    """One image that goes, or (`whole` is false) only loses its names, because an image that stays builds on it."""

    image: Stored
    whole: bool = True


def removals(images: t.Iterable[Stored], used: t.Collection[str], rule: Rule) -> tuple[Removal, ...]:
    """What a prune by `rule` removes, in an order in which the engine takes it: children before their parents.

    `used`: ids of images that containers use (stopped ones too); these stay. An image without names goes only when
    every image that was built on it goes; when it is itself the layer cache of such a build (an intermediate image),
    it goes with the last of them, whatever `rule` says of it, as it does when the engine prunes.

    Where the engine differs, it is this that a second run finds nothing to do: the engine takes all but one of the
    names of an image that a container uses, and of dangling images that stand on each other only the topmost when the
    lower is known by its digest.
    """
    stored = {image.id: image for image in images}
    children: dict[str, list[Stored]] = {}
    for image in stored.values():
        children.setdefault(image.parent if image.parent in stored else "", []).append(image)

    lineage = sorted(children.get("", ()), key=lambda image: (image.created, image.id))
    for image in lineage:  # grows as it is walked: parents before their children
        lineage.extend(children.get(image.id, ()))

    going: dict[str, Removal] = {}
    for image in reversed(lineage):
        offspring = children.get(image.id, ())
        alone = all(child.id in going and going[child.id].whole for child in offspring)
        intermediate = bool(offspring) and not image.names
        covered = rule.covers(image) and (alone or (not rule.dangling and image.names))
        if image.id not in used and (covered or (intermediate and alone)):
            going[image.id] = Removal(image, whole=alone)
    return tuple(going.values())


Layer = tuple[str, int]
"""The digest of a layer's content (diff id) and its size in bytes."""


def reclaimed(going: t.Iterable[t.Sequence[Layer]], staying: t.Iterable[t.Sequence[str]]) -> int:
    """Bytes freed when the images `going` (layers from the bottom up) go and those `staying` stay.

    A layer is stored once for each stack it tops, so two images share it only when all below it is shared too.
    """
    kept = {tuple(layers[: depth + 1]) for layers in staying for depth in range(len(layers))}
    freed: dict[tuple[str, ...], int] = {}
    for layers in going:
        stack = tuple(digest for digest, _size in layers)
        for depth, (_digest, size) in enumerate(layers):
            freed[stack[: depth + 1]] = size
    return sum(size for stack, size in freed.items() if stack not in kept)


def outermost(images: t.Iterable[Stored], leaving: t.Collection[str]) -> tuple[str, ...]:
    """Ids of the images whose layers tell of all others': an image's layers are among those of what is built on it,
    so only one without a child of its own fate (`leaving` or not) has something to add."""
    stored = tuple(images)
    within = {image.parent for image in stored if (image.id in leaving) is (image.parent in leaving)}
    return tuple(image.id for image in stored if image.id not in within)


_NO_LAYER = re.compile(
    r"(.*#\(nop\)\s+)?(ARG|CMD|ENTRYPOINT|ENV|EXPOSE|HEALTHCHECK|LABEL|MAINTAINER|ONBUILD|SHELL|STOPSIGNAL|USER|VOLUME)\b"
)


def steps(history: t.Iterable[t.Mapping[str, t.Any]]) -> list[t.Mapping[str, t.Any]]:
    """The entries of `GET /images/{id}/history`, turned bottom up, that may have made a layer.

    The engine does not tell: an instruction that changes nothing but the configuration makes none, any other makes
    one unless it changed nothing, and one of size 0 when it made only directories or removed files.
    """
    turned = list(history)[::-1]
    return [entry for entry in turned if entry["Size"] or not _NO_LAYER.match(entry.get("CreatedBy") or "")]


def sized(
    digests: t.Sequence[str], size: int, made: t.Iterable[t.Mapping[str, t.Any]], depths: t.Mapping[str, int]
) -> tuple[Layer, ...]:
    """The layers `digests` (bottom up) of an image of `size` bytes, each with its own size, out of its `steps`.

    `depths`, the number of layers of the images that steps ended in, settles which steps of size 0 made a layer,
    where there are more steps than layers and the steps were made here. For an image from elsewhere that has such
    steps of both kinds, those lower down are taken for the makers. When history is missing (images need not have
    it), what it does not account for is put down to the topmost layer.
    """
    makers: list[t.Mapping[str, t.Any]] = []
    for step in made:
        if step["Size"] or depths.get(step["Id"], len(makers) + 1) > len(makers):
            makers.append(step)
    while len(makers) > len(digests):
        empty = [place for place, step in enumerate(makers) if not step["Size"]]
        del makers[empty[-1] if empty else -1]
    sizes = [step["Size"] for step in makers]
    if len(sizes) < len(digests):
        sizes += [0] * (len(digests) - len(sizes) - 1) + [max(0, size - sum(sizes))]
    return tuple(zip(digests, sizes))
