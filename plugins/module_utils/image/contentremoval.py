# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes when an image is removed from the containerd image store: its own rules, so that they can be foretold.

They are those of `ImageDelete` in moby (`daemon/containerd/image_delete.go`), as observed on 28.5.
"""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.slipway.images.plugins.module_utils.errors import Conflict
from ansible_collections.slipway.images.plugins.module_utils.image import removal
from ansible_collections.slipway.images.plugins.module_utils.image.digest import short
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference
from ansible_collections.slipway.images.plugins.module_utils.image.removal import Gone, Store, Target
from ansible_collections.slipway.images.plugins.module_utils.image.retention import Stored


def remove(store: Store, target: Target, force: bool = False, noprune: bool = False) -> tuple[Store, Gone]:
    """What is left, and what went. `Conflict` says why the engine will not do it.

    Unlike elsewhere, no image is kept by those that were built on it, but for its content; a digest takes the tags of
    its repository along; and of an image that a container uses, running or not, `force` takes the last name alone, if
    it is asked for by that: what the store makes up of a repository and the id is as good as the id.
    """
    image = store.images[target.id]
    names = (*image.tags, *image.digests)
    going = _going(image, Reference.parse(target.name)) if target.name else names
    if len(going) < len(names):
        return removal.with_image(store, _without(image, going)), Gone(going)
    user = store.user(image.id) if target.name in names else ""
    if user and not force:
        raise Conflict(removal.LAST % (target.name, short(image.id), user), container=user)
    if user:
        return removal.with_image(store, _without(image, (target.name,))), Gone((target.name,))
    hindrance = _hindrance(store, image, force) or ("" if target.name or force else _several(image))
    if hindrance:
        raise Conflict("cannot remove image %s: %s" % (short(image.id), hindrance), id=image.id)
    stays = names == (target.name,) and not force and any(other.parent == image.id for other in store.images.values())
    parents = () if noprune or len(names) > 1 else _orphans(store, image)
    deleted = (*(() if stays else (image.id,)), *parents)
    left = removal.with_image(store, _without(image, names))
    for id in deleted:
        left = removal.without_image(left, id)
    return left, Gone(names, deleted)


def _going(image: Stored, name: Reference) -> tuple[str, ...]:
    """With a digest all names of its repository, with the last tag of one its digests."""
    if not name.digest:
        return removal.without_name(image, name)[1]
    return tuple(called for called in (*image.tags, *image.digests) if Reference.parse(called).name == name.name)


def _without(image: Stored, names: tuple[str, ...]) -> Stored:
    tags, digests = (tuple(one for one in had if one not in names) for had in (image.tags, image.digests))
    return replace(image, tags=tags, digests=digests)


def _hindrance(store: Store, image: Stored, force: bool) -> str:
    running, stopped = (store.user(image.id, (state,)) for state in (True, False))
    if running:
        return removal.RUNS % running
    return removal.RESTS % stopped if stopped and not force else ""


def _several(image: Stored) -> str:
    return "" if removal.alone(image) else removal.SEVERAL % ", ".join((*image.tags, *image.digests))


def _orphans(store: Store, image: Stored) -> tuple[str, ...]:
    """The nameless ones that it was built on, up to one that has a name or is used; others may be built on them. When
    one is missing, however far away, the engine gives up and lets all of them be."""
    lineage: list[Stored] = []
    parent = image.parent
    while parent:
        if parent not in store.images:
            return ()
        lineage.append(store.images[parent])
        parent = lineage[-1].parent
    kept = (place for place, one in enumerate(lineage) if one.tags or one.digests or store.user(one.id))
    return tuple(one.id for one in lineage[: next(kept, len(lineage))])
