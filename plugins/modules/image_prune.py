#!/usr/bin/python
# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: image_prune
short_description: Remove images and build cache that nothing uses
version_added: 0.1.0
author: the slipway.images authors (@slipway-images)
description:
  - Removes images that no container uses, and records of BuildKit's cache.
  - The list of what goes is computed from what the engine has, and a run removes exactly what is on it, so check mode
    shows what a run would remove and how much space that frees.
  - Images that a container uses stay with all their names, also when the container is stopped.
  - Of an image with several names only those go that the options mean; the image stays while it has one left, or while
    images that stay are built on it.
  - With several negated labels an image stays if it bears any of them. (The engine's own prune keeps only what bears
    all of them.)
extends_documentation_fragment:
  - slipway.images.engine
options:
  images:
    description: Whether to remove images. V(false) to prune the O(build_cache) alone.
    type: bool
    default: true
  dangling:
    description:
      - V(true) removes only images without a tag, which is what is left of a name that now points to another image.
      - V(false) removes every image that no container uses, as far as the other options let it.
      - V(true) by default, but V(false) with O(keep_last), which is about tags.
    type: bool
  keep_last:
    description:
      - Keep the last so many images of each repository, by the time they were created, with all tags that they have in
        it. Several tags of one image count as one, so that the same build tagged V(1.7) and V(latest) does not take the
        place of an older one.
      - Of images created in the same second the one with the higher tag is the later. Numbers in tags count by their
        value, so V(v10) is higher than V(v9). This is what decides among images without a true time, such as those of
        reproducible builds.
      - All images of a repository are counted, also those that stay for another reason. What has only a digest left
        of a repository, because its tag moved on, is not, and goes.
      - Without O(repositories) it holds for every repository, and images without any name go as well.
    type: int
  repositories:
    description:
      - Only names in repositories that match one of these, such as V(registry.example.com/shop/*) or V(shop/app). Other
        names of the same images stay, and so do images without any name, which are of no repository. (A task without
        options removes those.)
      - A repository is called what the engine lists it as, without a tag. V(*) stands for anything, also with V(/) in
        it, V(?) for one character, V([ab]) for one of these. Docker Hub's are V(busybox) and V(bitnami/redis), and
        a pattern that begins with V(docker.io/) or V(library/) matches their full names.
      - This alone removes what has only a digest left of these repositories. With O(dangling=false) it removes their
        tags, with O(keep_last) those that are not among the last.
    type: list
    elements: str
  protect:
    description:
      - Names that stay, whatever the other options say, such as V(*:stable) or V(shop/base). Patterns are as in
        O(repositories), and match a name with its tag (or digest) or without it.
    type: list
    elements: str
    default: []
  until:
    description:
      - "Only images created before this: an age such as V(24h) or V(1h30m), a date such as V(2026-01-31), a time
        such as V(2026-01-31T12:00:00Z), or a Unix time."
      - With O(keep_last), what goes is older than this and not among the last.
      - A date or time without a zone is read in UTC. Fractions of a second do not count.
    type: str
  labels:
    description:
      - "Only images that match all of these: V(key), V(key=value), V(!key), V(!key=value)."
    type: list
    elements: str
    default: []
  build_cache:
    description:
      - Prune BuildKit's cache too. An empty dictionary removes all of it that is not in use.
      - What a removed image and the cache share becomes the cache's alone with the image, and only then can it go.
        How much that is only the engine can tell, so check mode says so instead.
    type: dict
    suboptions:
      keep_storage:
        description:
          - Keep this much, the most used records, as in V(10GB) (powers of 1024). What images share does not count.
          - With O(build_cache.all), in the containerd image store, more can turn out to be free once some has gone, and
            check mode says so.
        type: str
      until:
        description: Keep what was used within this time, as in V(24h).
        type: str
      all:
        description: Also remove records that images share, and those of BuildKit's own frontends.
        type: bool
        default: false
seealso:
  - module: slipway.images.image_build
"""

EXAMPLES = r"""
- name: Remove what rebuilding left without a name
  slipway.images.image_prune:

- name: Remove all images that no container uses and that are older than a week, but those with the label keep
  slipway.images.image_prune:
    dangling: false
    until: 168h
    labels: ["!keep"]

- name: On a build server, every night, keep the last five builds of each of our images, and all of this week's
  slipway.images.image_prune:
    repositories: ["registry.example.com/shop/*"]
    keep_last: 5
    until: 168h
    protect: ["*:stable", "*/shop/base"]
    build_cache:
      keep_storage: 20GB

- name: Keep 10 GB of build cache, and touch no image
  slipway.images.image_prune:
    images: false
    build_cache:
      keep_storage: 10GB
"""

RETURN = r"""
actions:
  description: What was done (in check mode, what a run would do), in order.
  returned: always
  type: list
  elements: str
  sample: ["remove dangling image 1d34ffeaf190 (12.3MB)"]
deleted:
  description: Ids of the images removed, sorted.
  returned: success
  type: list
  elements: str
untagged:
  description: Names removed, sorted.
  returned: success
  type: list
  elements: str
cache_deleted:
  description: Ids of the build cache records removed, sorted.
  returned: success
  type: list
  elements: str
kept:
  description:
    - Why that which stays does so, name by name; an image without any is told of by its short id.
    - "Of what the task is about only: not of names outside of O(repositories), and not of tagged images when only those
      without a tag were meant."
  returned: success
  type: dict
  sample:
    shop/app:1.7: among the last 3 of shop/app
    shop/app:1.2: used by container web
    shop/app:stable: protected by *:stable
space_reclaimed:
  description:
    - Bytes that this frees. Layers that other images share are not counted.
    - In the containerd image store, of images these are the layers as they are unpacked. Their compressed copies go as
      well, and what the build cache has of them stays until that is pruned.
  returned: success
  type: int
image:
  description: Always empty, as the images are gone.
  returned: always
  type: dict
images:
  description: Always empty, as the images are gone.
  returned: always
  type: list
  elements: dict
ansible_facts:
  description: Facts.
  returned: always
  type: dict
  contains:
    slipway_images:
      description: Always empty, as the images are gone.
      type: dict
diff:
  description: What was there of that which goes, by its name with its short id, or by the short id alone.
  returned: always
  type: dict
  sample: {before: {"app:1": "1d34ffeaf190", "9c2b1f0a77de": "dangling"}, after: {}}
error:
  description: Why it failed, for programs.
  returned: on failure
  type: dict
  contains:
    kind:
      description: Whose fault it is, for example V(engine.denied).
      type: str
"""

import time
import typing as t
from dataclasses import dataclass, field

from ansible_collections.slipway.images.plugins.module_utils import startup  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.slipway.images.plugins.module_utils.engine import builder, images, layers
from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.errors import (
    Conflict,
    NotFound,
    SlipwayError,
    UsageError,
)
from ansible_collections.slipway.images.plugins.module_utils.image import buildcache, filters, retention, size, weight
from ansible_collections.slipway.images.plugins.module_utils.image.buildcache import Limit, Record
from ansible_collections.slipway.images.plugins.module_utils.image.digest import short
from ansible_collections.slipway.images.plugins.module_utils.image.pattern import Pattern
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference
from ansible_collections.slipway.images.plugins.module_utils.image.retention import Removal, Rule, Stored
from ansible_collections.slipway.images.plugins.module_utils.image.weight import Layer
from ansible_collections.slipway.images.plugins.module_utils.task.plan import Outcome, Plan
from ansible_collections.slipway.images.plugins.module_utils.task.run import run
from ansible_collections.slipway.images.plugins.module_utils.task.spec import ENGINE, Spec

if t.TYPE_CHECKING:
    from ansible_collections.slipway.images.plugins.module_utils.engine.foretelling import Foretelling

SPEC = ENGINE + Spec(
    {
        "images": {"type": "bool", "default": True},
        "dangling": {"type": "bool"},
        "keep_last": {"type": "int"},
        "repositories": {"type": "list", "elements": "str"},
        "protect": {"type": "list", "elements": "str", "default": []},
        "until": {"type": "str"},
        "labels": {"type": "list", "elements": "str", "default": []},
        "build_cache": {
            "type": "dict",
            "options": {
                "keep_storage": {"type": "str"},
                "until": {"type": "str"},
                "all": {"type": "bool", "default": False},
            },
        },
    }
)

CACHE = "build cache"
DANGLING = "dangling"
UNKNOWN = "(known after prune)"

Said = t.Mapping[str, t.Any]
"""One of the engine's records of what went: `Untagged`, `Deleted`, or `CachesDeleted` with `SpaceReclaimed`."""


@dataclass(frozen=True)
class Seen:
    """`layers`: of the images that go, with sizes; `stacks`: of those that stay. Both without the images whose layers
    are among those of another. `limit` is `None` where the cache is none of the task's business. `fickle`: in this
    engine records lose what they share with images by going, and by others'."""

    going: tuple[Removal, ...] = ()
    layers: t.Mapping[str, t.Sequence[Layer]] = field(default_factory=dict)
    stacks: tuple[t.Sequence[str], ...] = ()
    cache: tuple[Record, ...] = ()
    limit: Limit | None = None
    kept: t.Mapping[str, str] = field(default_factory=dict)
    fickle: bool = False


@dataclass(frozen=True)
class RemoveImage:
    removal: Removal

    def __str__(self) -> str:
        image = self.removal.image
        if not self.removal.whole:
            reason = " as %s" % ", ".join(self.removal.left) if self.removal.left else ", it is in use"
            return "untag %s (image %s stays%s)" % (", ".join(self.removal.names), short(image.id), reason)
        large = size.show(image.size)
        if image.tags:
            return "remove %s (image %s, %s)" % (", ".join(image.tags), short(image.id), large)
        repositories = sorted({Reference.parse(digest).name for digest in image.digests})
        of = " of %s" % ", ".join(repositories) if repositories else ""
        return "remove dangling image %s%s (%s)" % (short(image.id), of, large)


@dataclass(frozen=True)
class PruneCache:
    """`ids` is `None` when only the engine can tell, once the images are gone, what `limit` covers."""

    limit: Limit
    ids: tuple[str, ...] | None

    def __str__(self) -> str:
        keep = self.limit.keep
        return "prune the build cache" + (", keeping %s" % size.show(keep) if keep else "")


@dataclass(frozen=True)
class Prune(Plan):
    seen: Seen = Seen()


def observe(engine: Engine, params: t.Mapping[str, t.Any]) -> Seen:
    now = time.time()
    rule, limit = _rule(params, now), _limit_of(params, now)
    cache = () if limit is None else _cached(engine)
    fickle = bool(limit and limit.keep and limit.everything) and _fickle(engine, cache)
    if not params["images"]:
        return Seen(cache=cache, limit=limit, fickle=fickle)
    rows = map(Stored.of, images.listed(engine, everything=True))
    stored = sorted(rows, key=lambda image: (image.created, image.id))  # engines list those of one second in any order
    verdict = retention.judge(stored, images.used(engine), rule)
    leaving = {removal.image.id for removal in verdict.going if removal.whole}
    if not leaving:
        return Seen(verdict.going, cache=cache, limit=limit, kept=verdict.kept, fickle=fickle)
    outermost = weight.outermost(stored, leaving)
    leaves = {id: _layers(engine, id) for id in outermost if id in leaving}
    staying = tuple(_stack(engine, id) for id in outermost if id not in leaving)
    return Seen(verdict.going, leaves, staying, cache, limit, verdict.kept, fickle)


def _cached(engine: Engine) -> tuple[Record, ...]:
    return tuple(Record.of(row) for row in builder.cache(engine))


def _fickle(engine: Engine, cache: t.Iterable[Record]) -> bool:
    """In the containerd store of Docker 28 what lies under a record that goes is no more called shared."""
    return any(record.shared for record in cache) and not images.by_config(engine)


def _stack(engine: Engine, id: str) -> t.Sequence[str]:
    return layers.stack(images.inspect(engine, id))


def _layers(engine: Engine, id: str) -> t.Sequence[Layer]:
    attrs = images.inspect(engine, id)
    return layers.layers(engine, attrs, images.history(engine, id)) if attrs else ()


def _rule(params: t.Mapping[str, t.Any], now: float) -> Rule:
    dangling, keep_last, repositories = params["dangling"], params["keep_last"], params["repositories"]
    if keep_last is not None and keep_last < 1:
        wanted = "write 1 or more, or dangling: false instead to keep none"
        raise UsageError("keep_last is %d: %s" % (keep_last, wanted), option="keep_last")
    if keep_last and dangling:
        raise UsageError("keep_last is about tags, which dangling: true leaves alone: omit either", option="keep_last")
    if repositories == []:
        raise UsageError(
            "repositories is empty: name some, such as shop/*, or omit it for all of them", option="repositories"
        )
    return Rule(
        dangling=not keep_last if dangling is None else dangling,
        until=filters.until(params["until"], now) if params["until"] else None,
        labels=tuple(filters.Label.parse(text) for text in params["labels"]),
        repositories=tuple(Pattern.of_repositories(text, "repositories") for text in repositories or ()),
        protect=tuple(Pattern.of_names(text, "protect") for text in params["protect"]),
        keep_last=keep_last or 0,
    )


def _limit_of(params: t.Mapping[str, t.Any], now: float) -> Limit | None:
    asked = params["build_cache"]
    if asked is None:
        return None
    return Limit(
        keep=size.parse(asked["keep_storage"]) if asked["keep_storage"] else 0,
        until=filters.until(asked["until"], now) if asked["until"] else None,
        everything=asked["all"],
    )


def plan(params: t.Mapping[str, t.Any], seen: Seen) -> Prune:
    actions: list[RemoveImage | PruneCache] = [RemoveImage(removal) for removal in seen.going]
    before = {called: told for removal in seen.going for called, told in _told(removal).items()}
    after: dict[str, str] = {}
    limit = seen.limit
    free = buildcache.removable(seen.cache, limit) if limit else ()
    hinges = limit is not None and _hinges(seen, limit)
    if limit and (free or hinges):
        actions.append(PruneCache(limit, None if hinges else tuple(record.id for record in free)))
        before[CACHE] = _cache(seen.cache)
        after[CACHE] = UNKNOWN if hinges else _cache(set(seen.cache) - set(free))
    space = weight.reclaimed(seen.layers.values(), seen.stacks) + sum(record.size for record in free)
    results = _results(
        seen.kept,
        deleted=(removal.image.id for removal in seen.going if removal.whole),
        untagged=(name for removal in seen.going for name in removal.untagged),
        cache_deleted=(record.id for record in free),
        space=space,
    )
    return Prune(before, after, tuple(actions), results=results, seen=seen)


def _hinges(seen: Seen, limit: Limit) -> bool:
    """Does it hinge on the images that go what of the cache can? What they share with it, nobody else may hold."""
    counts = limit.keep or not limit.everything
    going = seen.fickle and any(record.shared for record in buildcache.removable(seen.cache, limit))
    return going or bool(seen.layers and counts and any(record.shared for record in seen.cache))


def _cache(records: t.Collection[Record]) -> str:
    return "%d records, %s" % (len(records), size.show(sum(record.size for record in records)))


def _results(
    kept: t.Mapping[str, str],
    deleted: t.Iterable[str],
    untagged: t.Iterable[str],
    cache_deleted: t.Iterable[str],
    space: int,
) -> dict[str, t.Any]:
    return {
        "kept": dict(kept),
        "deleted": sorted(deleted),
        "untagged": sorted(untagged),
        "cache_deleted": sorted(cache_deleted),
        "space_reclaimed": space,
    }


def _told(removal: Removal) -> dict[str, str]:
    """What stands for it in the diff."""
    id = short(removal.image.id)
    return dict.fromkeys(removal.names, id) if removal.names else {id: DANGLING}


def apply(engine: Engine, todo: Prune) -> Outcome:
    said: list[Said] = []
    try:
        for action in todo.actions:
            for record in _carry_out(engine, action):
                said.append(record)
    except SlipwayError as error:
        error.outcome = _outcome(todo, said)
        raise
    return _outcome(todo, said)


def _carry_out(engine: Engine, action: RemoveImage | PruneCache) -> t.Iterator[Said]:
    return _prune_cache(engine, action) if isinstance(action, PruneCache) else _remove(engine, action.removal)


def _remove(engine: Engine, removal: Removal) -> t.Iterator[Said]:
    """Only what is still as it was seen: a name that has moved since, or an image that was given one, stays.

    Without `force`, so that what a container uses since then stays, and without the engine's own pruning of parents:
    those that go are on the list themselves.
    """
    image = removal.image
    attrs = images.inspect(engine, image.id)
    names = _still(attrs, removal)
    # Podman does not leave parents alone: then it has gone with an image that was built on it, and was told of.
    if len(names) < len(removal.names or (image.id,)) and not (engine.podman and not attrs):
        engine.warnings.append("%s was renamed or removed by somebody else since it was looked at" % short(image.id))
    try:
        for name in names:
            for record in images.remove(engine, name, noprune=True):
                # The containerd store says of what others were built on that it is deleted, though its name went alone.
                if not removal.names or record.get("Deleted") != image.id or not images.inspect(engine, image.id):
                    yield record
    except NotFound as error:
        engine.warnings.append("somebody else was faster: %s" % error)
    except Conflict as error:
        engine.warnings.append("kept %s, in use since it was looked at: %s" % (short(image.id), error))


def _still(attrs: images.Attrs, removal: Removal) -> t.Sequence[str]:
    """What it still bears of the names that go; its id for one that never had any."""
    bears = {n for n in [*(attrs.get("RepoTags") or ()), *(attrs.get("RepoDigests") or ())] if retention.NONE not in n}
    if removal.names:
        return [name for name in removal.names if name in bears]
    return [removal.image.id] if attrs and not bears else []


def _prune_cache(engine: Engine, action: PruneCache) -> t.Iterator[Said]:
    """What only the engine can tell it is asked until there is no more: what goes may make more of the rest free."""
    if action.ids is not None:
        yield builder.prune(engine, action.ids, action.limit.everything)
        return
    said: Said = {"CachesDeleted": []}
    yield said
    while ids := tuple(record.id for record in buildcache.removable(_cached(engine), action.limit)):
        said = builder.prune(engine, ids, action.limit.everything)
        yield said
        if not said.get("CachesDeleted"):  # a build uses them by now
            return


def _outcome(todo: Prune, said: t.Sequence[Said]) -> Outcome:
    """What was done, by the engine's own account of it."""
    seen = todo.seen
    untagged = {record["Untagged"] for record in said if "Untagged" in record}
    # The engine names the layers that go as "Deleted", too; only images are images.
    deleted = {removal.image.id for removal in seen.going} & {record.get("Deleted") for record in said}
    pruned = {id for record in said for id in record.get("CachesDeleted") or ()}
    after = dict(todo.before)
    done: list[RemoveImage | PruneCache] = []
    for action in todo.actions:
        if isinstance(action, PruneCache):
            after[CACHE] = _cache([record for record in seen.cache if record.id not in pruned])
            done.extend([action] if any("CachesDeleted" in record for record in said) else ())
            continue
        removal = action.removal
        gone = tuple(name for name in removal.names if name in untagged)
        if removal.image.id in deleted:
            done.append(action)
        elif gone:
            done.append(RemoveImage(Removal(removal.image, gone, whole=False)))
        for called in removal.image.called if removal.image.id in deleted else gone:
            after.pop(called, None)
    freed = [layers for id, layers in seen.layers.items() if id in deleted]
    kept = [[digest for digest, _size in layers] for id, layers in seen.layers.items() if id not in deleted]
    space = weight.reclaimed(freed, [*seen.stacks, *kept]) + sum(r.get("SpaceReclaimed", 0) for r in said)
    return Outcome(after, tuple(done), results=_results(seen.kept, deleted, untagged, pruned, space))


def foretell(engine: Foretelling, todo: Prune) -> Outcome:
    engine.world.drop(todo.results["untagged"], todo.results["deleted"])
    return todo.foretold()


def main() -> None:
    run(SPEC, observe, plan, apply, foretell)


if __name__ == "__main__":
    main()
