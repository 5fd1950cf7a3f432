# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes when an image is removed: the engine's own rules, so that they can be foretold.

They are those of `ImageDelete` in moby (`daemon/images/image_delete.go`), the same from 19.03 to 28. An engine with the
containerd image store goes by others: see `image/contentremoval.py`.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from ansible_collections.slipway.images.plugins.module_utils.errors import Conflict
from ansible_collections.slipway.images.plugins.module_utils.image.digest import short
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference
from ansible_collections.slipway.images.plugins.module_utils.image.retention import Stored

RUNNING = frozenset({"running", "paused", "restarting"})
"""The states of a container (`State` in `GET /containers/json`) in which the engine takes it for running."""

LAST = "%s is the last name of image %s, and container %s uses it"
RUNS = "it is in use by container %s, which is running"
RESTS = "it is in use by container %s, which is stopped; force removes it nevertheless"
SEVERAL = "it has several names (%s); force removes them all"


@dataclass(frozen=True)
class Container:
    """`image` is the id of the one it was made from."""

    name: str
    image: str
    running: bool

    @classmethod
    def of(cls, row: t.Mapping[str, t.Any]) -> Container:
        names = row.get("Names") or [row["Id"][:12]]
        return cls(names[0].lstrip("/"), row["ImageID"], row.get("State") in RUNNING)


@dataclass(frozen=True)
class Target:
    """An image to remove by one of its names or, when `name` is `""`, by its id and with all of its names."""

    id: str
    name: str = ""


@dataclass(frozen=True)
class Store:
    """All images of an engine, intermediate ones too, by id, and all containers, stopped ones too. `containerd`: they
    are in the containerd image store."""

    images: t.Mapping[str, Stored]
    containers: tuple[Container, ...] = ()
    containerd: bool = False

    @classmethod
    def of(
        cls,
        images: t.Iterable[t.Mapping[str, t.Any]],
        containers: t.Iterable[t.Mapping[str, t.Any]],
        containerd: bool = False,
    ) -> Store:
        """From the rows of the engine's two lists."""
        stored = map(Stored.of, images)
        return cls({image.id: image for image in stored}, tuple(map(Container.of, containers)), containerd)

    def names(self) -> dict[Reference, Target]:
        """All names, tags and digests, with what they mean."""
        every = ((image.id, name) for image in self.images.values() for name in self._bears(image))
        return {Reference.parse(name): Target(id, name) for id, name in every}

    def has(self, target: Target) -> bool:
        image = self.images.get(target.id)
        return image is not None and (not target.name or target.name in self._bears(image))

    def _bears(self, image: Stored) -> tuple[str, ...]:
        """The containerd store understands a repository that has a tag of the image together with its id, too."""
        more = {"%s@%s" % (tag.rpartition(":")[0], image.id) for tag in image.tags if self.containerd}
        return (*image.tags, *image.digests, *more.difference(image.digests))

    def user(self, id: str, running: t.Collection[bool] = (True, False)) -> str:
        """The first container, by name, that uses this image; `""` when none does."""
        used = (held.name for held in self.containers if held.image == id and held.running in running)
        return min(used, default="")

    def depth(self, id: str) -> int:
        """How many images it was built on, one on the other."""
        image = self.images.get(id)
        return 1 + self.depth(image.parent) if image and image.parent else 0


@dataclass(frozen=True)
class Gone:
    """Names and ids, in the order in which they went."""

    untagged: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()


def remove(store: Store, target: Target, force: bool = False, noprune: bool = False) -> tuple[Store, Gone]:
    """What is left, and what went. `Conflict` says why the engine will not do it.

    A name goes alone while the image has others. With its last name the image goes, unless images were built on it or
    a running container uses it (with `force`: the name goes all the same). With an image go those nameless ones that
    it was built on and that nothing else needs, unless `noprune`.
    """
    image = store.images[target.id]
    if target.name:
        user = "" if force else store.user(image.id)
        if user and alone(image):
            raise Conflict(LAST % (target.name, short(image.id), user), container=user)
        image, untagged = without_name(image, Reference.parse(target.name))
        store = with_image(store, image)
        if image.tags or image.digests or _hindrance(store, image, force):
            return store, Gone(untagged)
    else:
        untagged = (*image.tags, *image.digests)
        hindrance = _hindrance(store, replace(image, tags=(), digests=()) if alone(image) else image, force)
        if hindrance:
            raise Conflict("cannot remove image %s: %s" % (short(image.id), hindrance), id=image.id)
    store, deleted = _deleted(store, image, noprune)
    return store, Gone(untagged, deleted)


def _hindrance(store: Store, image: Stored, force: bool) -> str:
    """What keeps an image from being deleted, in the order in which the engine looks."""
    child = min((other.id for other in store.images.values() if other.parent == image.id), default="")
    if child:
        return "it has dependent images (%s is built on it)" % short(child)
    running = store.user(image.id, (True,))
    if running:
        return RUNS % running
    if force:
        return ""
    if image.tags or image.digests:
        return SEVERAL % ", ".join((*image.tags, *image.digests))
    stopped = store.user(image.id)
    return RESTS % stopped if stopped else ""


def alone(image: Stored) -> bool:
    """Does the engine take all of its names for one? A tag and digests of one repository it does."""
    if len(image.tags) + len(image.digests) < 2:
        return True
    digested = {Reference.parse(digest).name for digest in image.digests}
    return len(image.tags) < 2 and len(digested | {Reference.parse(tag).name for tag in image.tags}) == 1


def without_name(image: Stored, name: Reference) -> tuple[Stored, tuple[str, ...]]:
    """The image without a name, and with it the digests of a repository whose last tag that was."""
    tags = tuple(tag for tag in image.tags if Reference.parse(tag) != name)
    digests = tuple(digest for digest in image.digests if Reference.parse(digest) != name)
    if not name.digest and name.name not in {Reference.parse(tag).name for tag in tags}:
        digests = tuple(digest for digest in digests if Reference.parse(digest).name != name.name)
    gone = sorted({*image.tags, *image.digests} - {*tags, *digests}, key=lambda gone: (gone in image.digests, gone))
    return replace(image, tags=tags, digests=digests), tuple(gone)


def _deleted(store: Store, image: Stored, noprune: bool) -> tuple[Store, tuple[str, ...]]:
    deleted = [image.id]
    store = without_image(store, image.id)
    parent = store.images.get(image.parent)
    while parent and not noprune and not _hindrance(store, parent, force=False):
        deleted.append(parent.id)
        store = without_image(store, parent.id)
        parent = store.images.get(parent.parent)
    return store, tuple(deleted)


def with_image(store: Store, image: Stored) -> Store:
    return replace(store, images={**store.images, image.id: image})


def without_image(store: Store, id: str) -> Store:
    return replace(store, images={other: image for other, image in store.images.items() if other != id})
