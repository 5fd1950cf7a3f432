#!/usr/bin/python
# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: image_remove
short_description: Remove images and names of images
version_added: 0.1.0
author: the slipway.images authors (@slipway-images)
description:
  - Makes sure that names and images are not on the engine.
  - A name goes alone as long as the image has others. With its last name the image goes too, unless other images were
    built on it. Check mode foretells which, and also when the engine will refuse.
  - When some cannot be removed, the others are still, and the failure names each that is left.
extends_documentation_fragment:
  - slipway.images.engine
options:
  name:
    description:
      - "What to remove, one or a list: a name (V(repo), which means the tag V(latest), V(repo:tag) or V(repo@digest)),
        an image id, or the beginning of one (at least 4 hex digits)."
      - An id removes the image with its name. If it has several, that needs O(force).
      - What may be a name and an id is taken for the name. The beginning of several ids is an error.
      - The beginning of an id that is of no image is an error, too, when it can be nothing else, which is so from 12
        digits on and after V(sha256:), since what was meant cannot be told. A task that is to run twice is better off
        with a name or a full id, which are well when they are not there. Shorter ones are taken for a name.
    type: list
    elements: str
  patterns:
    description:
      - "Remove all names that match one of these, such as V(shop/*) or V(*:old-*)."
      - A name is what the engine lists it as, with its tag, and matches with the tag or without it. C(*) stands for
        anything, also with C(/) or C(:) in it, C(?) for one character, C([ab]) for one of these.
      - An image without a tag is known by its digest (V(repo@sha256:...)).
    type: list
    elements: str
    aliases: [names]
  force:
    description:
      - Remove an image although a stopped container uses it, and by its id although it has several names.
      - When a running container uses the image, its last name is removed, and the image stays. On the containerd image
        store, it does so for a stopped container, too; there, say the id.
      - Podman removes a stopped container together with its image.
    type: bool
    default: false
  noprune:
    description: Keep the nameless images that a removed one was built on. Podman cannot do that.
    type: bool
    default: false
  platforms:
    description:
      - Remove only what an image has for these platforms, such as V(linux/arm64). Its names stay.
      - Needs an engine with API 1.50 (Docker 28.2) and the containerd image store.
    type: list
    elements: str
seealso:
  - module: slipway.images.image_prune
  - module: slipway.images.image_tag
"""

EXAMPLES = r"""
- name: This name is not on the engine
  slipway.images.image_remove:
    name: shop/app:1.3

- name: Nor are those of the last release, nor any of the trial builds
  slipway.images.image_remove:
    patterns: ["registry.example.com/shop/*:1.3-*", "shop/trial-*"]

- name: This image goes with all of its names, though stopped containers use it
  slipway.images.image_remove:
    name: sha256:{{ app_image_id }}
    force: true
"""

RETURN = r"""
actions:
  description: What was done (in check mode, what a run would do), in order.
  returned: always
  type: list
  elements: str
  sample: ["remove shop/app:1.3 (image 1d34ffeaf190)"]
deleted:
  description: Ids of the images removed, sorted. With O(platforms), digests of what was removed of them.
  returned: always
  type: list
  elements: str
untagged:
  description: Names removed, sorted.
  returned: always
  type: list
  elements: str
image:
  description: The first image of the task, as it was before. Empty when there was none.
  returned: always
  type: dict
images:
  description: The images of the task, as they were before.
  returned: always
  type: list
  elements: dict
ansible_facts:
  description: Facts.
  returned: always
  type: dict
  contains:
    slipway_images:
      description: Each O(name), as it was written, and each name that a pattern found, with the image that it named.
      type: dict
diff:
  description: What was there of that which goes, names and ids.
  returned: always
  type: dict
  sample: {before: {"app:1": "sha256:1d34..."}, after: {"app:1": absent}}
error:
  description: Why it failed, for programs.
  returned: on failure
  type: dict
  contains:
    kind:
      description: Whose fault it is, for example V(engine.conflict) for an image that is in use.
      type: str
    failed:
      description: What could not be removed, each with the reason, when there was more than one to remove.
      type: dict
"""

import typing as t
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from ansible_collections.slipway.images.plugins.module_utils import startup  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.slipway.images.plugins.module_utils.engine import containers, images
from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.errors import (
    Conflict,
    NotFound,
    RequirementError,
    SlipwayError,
    UsageError,
)
from ansible_collections.slipway.images.plugins.module_utils.image import contentremoval, platform, removal, shortid
from ansible_collections.slipway.images.plugins.module_utils.image.batch import gathered
from ansible_collections.slipway.images.plugins.module_utils.image.digest import short
from ansible_collections.slipway.images.plugins.module_utils.image.platform import Platform
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference, is_id
from ansible_collections.slipway.images.plugins.module_utils.image.removal import Gone, Store, Target
from ansible_collections.slipway.images.plugins.module_utils.task.plan import ABSENT, Attrs, Outcome, Plan
from ansible_collections.slipway.images.plugins.module_utils.task.run import run
from ansible_collections.slipway.images.plugins.module_utils.task.spec import ENGINE, Spec

if t.TYPE_CHECKING:
    from ansible_collections.slipway.images.plugins.module_utils.engine.foretelling import Foretelling

SPEC = ENGINE + Spec(
    {
        "name": {"type": "list", "elements": "str"},
        "patterns": {"type": "list", "elements": "str", "aliases": ["names"]},
        "force": {"type": "bool", "default": False},
        "noprune": {"type": "bool", "default": False},
        "platforms": {"type": "list", "elements": "str"},
    },
    {"required_one_of": [["name", "patterns"]]},
)

PLATFORMS_SINCE = (1, 50)


@dataclass(frozen=True)
class Seen:
    """`targets`: each name, as it was written or a pattern found it, with what it means; `None` where nothing is
    called so. `parts`: for each of them what the image has for the platforms, with its digest."""

    store: Store
    targets: t.Mapping[str, Target | None]
    here: t.Mapping[str, Attrs]
    parts: t.Mapping[str, t.Mapping[Platform, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Remove:
    text: str
    target: Target
    gone: Gone
    force: bool
    noprune: bool

    @property
    def was(self) -> dict[str, str]:
        """The names and ids that it takes away, with the ids they stood for."""
        return {**dict.fromkeys(self.gone.untagged, self.target.id), **{id: id for id in self.gone.deleted}}

    def __str__(self) -> str:
        if self.target.id not in self.gone.deleted:
            return "untag %s (image %s stays)" % (self.target.name, short(self.target.id))
        named = self.target.name or ", ".join(self.gone.untagged)
        more = len(self.gone.deleted) - 1
        said = "image %s%s" % (short(self.target.id), " and %d that it was built on" % more if more else "")
        return "remove %s (%s)" % (named, said) if named else "remove %s" % said


@dataclass(frozen=True)
class RemoveParts:
    """Of an image only what it has for some platforms (-> the digest of its manifest)."""

    text: str
    target: Target
    parts: t.Mapping[Platform, str]
    force: bool

    @property
    def was(self) -> dict[str, str]:
        return {"%s for %s" % (self.text, one): digest for one, digest in self.parts.items()}

    def __str__(self) -> str:
        return "remove what %s has for %s" % (self.text, ", ".join(map(str, self.parts)))


@dataclass(frozen=True)
class Removals(Plan):
    """`failures`: what the engine will not remove, of `total`. `known`: what may be told of as deleted; the engine
    calls layers that go so, too."""

    failures: t.Mapping[str, SlipwayError] = field(default_factory=dict)
    total: int = 0
    known: frozenset[str] = frozenset()


def observe(engine: Engine, params: t.Mapping[str, t.Any]) -> Seen:
    wanted = [Platform.parse(text) for text in params["platforms"] or ()]
    if wanted and engine.api < PLATFORMS_SINCE:
        speaks = "platforms needs an engine with API 1.50 (Docker 28.2), and we speak %d.%d with this one" % engine.api
        raise RequirementError(speaks, option="platforms")
    if params["noprune"] and engine.podman:
        raise RequirementError("Podman has no noprune: with an image it removes the nameless ones that it was built on")
    references = {text: None if is_id(text) else Reference.parse(text) for text in params["name"] or ()}
    if "" in (params["patterns"] or ()):
        raise UsageError("a pattern is empty: write one such as shop/*", option="patterns")
    rows, users = images.listed(engine, everything=True), containers.listed(engine)
    store = Store.of(rows, users, containerd=not images.by_config(engine))
    named = store.names()
    targets = {text: _target(store, named, text, reference) for text, reference in references.items()}
    for name, target in _matching(store, params["patterns"] or ()).items():
        targets.setdefault(name, target)
    there = {id: images.inspect(engine, id) for id in {target.id: None for target in targets.values() if target}}
    here = {text: there[target.id] if target else {} for text, target in targets.items()}
    parts = {text: _parts(engine, text, target, wanted) for text, target in targets.items() if target and wanted}
    return Seen(store, targets, here, parts)


def _target(store: Store, named: t.Mapping[Reference, Target], text: str, reference: Reference | None) -> Target | None:
    if reference is None:
        id = text if text in store.images else "sha256:%s" % text.rpartition(":")[2]
        return Target(id) if id in store.images else None
    target = named.get(Reference.parse(reference.with_default_tag().lookup))
    if target:
        return target
    id = shortid.resolve(text, store.images)
    if not id and shortid.certain(text):
        said = "no image has an id that begins with %s, nor is one called so: give its full id or a name with its tag"
        raise NotFound(said % text, name=text)
    return Target(id) if id else None


def _matching(store: Store, patterns: t.Sequence[str]) -> dict[str, Target]:
    """By `Stored.names`: the digests that go with a tag of their repository are not asked for by themselves."""
    named = sorted((name, image.id) for image in store.images.values() for name in image.names)
    return {
        name: Target(id, name)
        for name, id in named
        if any(fnmatchcase(form, pattern) for form in (name, Reference.parse(name).name) for pattern in patterns)
    }


def _parts(engine: Engine, text: str, target: Target, wanted: t.Sequence[Platform]) -> dict[Platform, str]:
    manifests = images.manifests(engine, target.name or target.id)
    if not manifests:
        raise RequirementError(
            "platforms needs the containerd image store: this engine keeps %s for one platform only" % text,
            option="platforms",
        )
    have = {platform.of_manifest(manifest): manifest["ID"] for manifest in manifests if manifest.get("Available")}
    return {one: digest for one in wanted for other, digest in have.items() if platform.matches(one, other)}


def plan(params: t.Mapping[str, t.Any], seen: Seen) -> Removals:
    actions, failures = _foreseen(params, seen)
    absent = [text for text, target in seen.targets.items() if target is None]
    stays = {text: target.id for text, target in seen.targets.items() if target and text in failures}
    was = {key: id for action in actions for key, id in action.was.items()}
    untagged = {name for action in actions if isinstance(action, Remove) for name in action.gone.untagged}
    deleted = {id for key, id in was.items() if key not in untagged}
    unclear = "nothing is called %s, nor does the id of an image begin so"
    return Removals(
        before={**dict.fromkeys(absent, ABSENT), **stays, **was},
        after={**dict.fromkeys((*absent, *was), ABSENT), **stays},
        actions=tuple(actions),
        images=seen.here,
        results=_results(deleted, untagged),
        warnings=tuple(unclear % text for text in absent if shortid.digits(text)),
        failure=gathered(failures, len(seen.targets), "were not removed"),
        failures=failures,
        total=len(seen.targets),
        known=frozenset({*seen.store.images, *deleted}),
    )


def _foreseen(params: t.Mapping[str, t.Any], seen: Seen) -> tuple[list[Remove | RemoveParts], dict[str, SlipwayError]]:
    """What the engine will do, one thing after the other, and what it will refuse."""
    store = seen.store
    remove = contentremoval.remove if store.containerd else removal.remove
    there = [(text, target) for text, target in seen.targets.items() if target]
    actions: list[Remove | RemoveParts] = []
    failures: dict[str, SlipwayError] = {}
    # What was built on others goes first, and names before ids: then the rest can go.
    for text, target in sorted(there, key=lambda item: (-store.depth(item[1].id), not item[1].name)):
        if text in seen.parts:
            actions.extend(RemoveParts(text, target, parts, params["force"]) for parts in [seen.parts[text]] if parts)
            continue
        # What the containerd store makes up of a tag is still understood when a name by the same digest has gone.
        while text not in failures and store.has(target):
            try:
                store, gone = remove(store, target, params["force"], params["noprune"])
                actions.append(Remove(text, target, gone, params["force"], params["noprune"]))
            except Conflict as error:
                failures[text] = error
    return actions, failures


def _results(deleted: t.Iterable[str], untagged: t.Iterable[str]) -> dict[str, t.Any]:
    return {"deleted": sorted(deleted), "untagged": sorted(untagged)}


def apply(engine: Engine, todo: Removals) -> Outcome:
    done: list[Remove | RemoveParts] = []
    said: list[Attrs] = []
    failures = dict(todo.failures)
    for action in todo.actions:
        try:
            said.extend(_remove(engine, action))
            done.append(action)
        except NotFound:
            engine.warnings.append("%s was removed by somebody else in the meantime" % action.text)
        except SlipwayError as error:
            failures[action.text] = error
    untagged = {record["Untagged"] for record in said if "Untagged" in record}
    deleted = {record["Deleted"] for record in said if "Deleted" in record} & todo.known
    deleted -= {id for id in deleted.intersection(_staying(done)) if images.inspect(engine, id)}
    after = {text: ABSENT if text in untagged or id in deleted else id for text, id in todo.before.items()}
    outcome = Outcome(after, tuple(done), todo.images, _results(deleted, untagged))
    failure = gathered(failures, todo.total, "were not removed")
    if failure:
        failure.outcome = outcome
        raise failure
    return outcome


def _staying(done: t.Iterable[Remove | RemoveParts]) -> set[str]:
    """What loses its name alone: the containerd store says of a base of others that it is deleted all the same."""
    return {one.target.id for one in done if isinstance(one, Remove) and one.target.id not in one.gone.deleted}


def _remove(engine: Engine, action: Remove | RemoveParts) -> list[dict[str, t.Any]]:
    name = action.target.name or action.target.id
    if isinstance(action, Remove):
        return images.remove(engine, name, action.force, action.noprune)
    return images.remove(engine, name, action.force, platforms=[platform.encoded(one) for one in action.parts])


def foretell(engine: Foretelling, todo: Plan) -> Outcome:
    engine.world.drop(todo.results["untagged"], todo.results["deleted"])
    return todo.foretold()


def main() -> None:
    run(SPEC, observe, plan, apply, foretell)


if __name__ == "__main__":
    main()
