#!/usr/bin/python
# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: image_load
short_description: Load images from an archive into the engine
version_added: 0.1.0
author: the slipway.images authors (@slipway-images)
description:
  - Makes sure that the images of an archive are on the engine, under the names that the archive gives them.
  - Reads the archive's own manifest first. When the engine has all of it, nothing is uploaded.
  - Takes what C(docker save), C(podman save) and C(skopeo copy) write, in the docker-archive and in the OCI layout,
    and decompresses it on the target, so that it does not matter which compression the engine knows.
extends_documentation_fragment:
  - slipway.images.engine
options:
  path:
    description:
      - The archive on the target, one or a list. Plain or compressed (gz, bz2, xz, zst), whatever its name.
      - zst needs Python 3.14, the Python library C(zstandard), or the program C(zstd) on the target.
    type: list
    elements: path
    required: true
seealso:
  - module: slipway.images.image_pull
"""

EXAMPLES = r"""
- name: The images of this archive are on the engine
  slipway.images.image_load:
    path: /srv/images/shop-1.4.tar.zst

- name: Load several, and say what came
  slipway.images.image_load:
    path:
      - /srv/images/shop-1.4.tar.zst
      - /srv/images/tools.tar
  register: loaded

- name: Their names
  ansible.builtin.debug:
    msg: "{{ loaded.ansible_facts.slipway_images.keys() }}"
"""

RETURN = r"""
actions:
  description: What was done (in check mode, what a run would do), in order.
  returned: always
  type: list
  elements: str
  sample: ["load shop/app:1.4 from /srv/images/shop-1.4.tar.zst"]
image:
  description: The first image, as the engine's inspect gives it. Empty when it is not there.
  returned: always
  type: dict
images:
  description: All images of the archives.
  returned: always
  type: list
  elements: dict
ansible_facts:
  description: Facts.
  returned: always
  type: dict
  contains:
    slipway_images:
      description: Each name in the archives (for an image without one, its id) with the image it names now.
      type: dict
diff:
  description: The id that each name points to, before and after.
  returned: always
  type: dict
  sample: {before: {"shop/app:1.4": absent}, after: {"shop/app:1.4": "sha256:1d34..."}}
error:
  description: Why it failed, for programs.
  returned: on failure
  type: dict
  contains:
    kind:
      description: Whose fault it is, for example V(format) for an archive that is none.
      type: str
"""

import contextlib
import typing as t
from dataclasses import dataclass

from ansible_collections.slipway.images.plugins.module_utils import startup  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.slipway.images.plugins.module_utils.disk import archive
from ansible_collections.slipway.images.plugins.module_utils.disk.archive import Archive
from ansible_collections.slipway.images.plugins.module_utils.disk.layout import ArchivedImage
from ansible_collections.slipway.images.plugins.module_utils.engine import images, transfer
from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.errors import SlipwayError, StreamError, UsageError
from ansible_collections.slipway.images.plugins.module_utils.image.digest import is_foretold
from ansible_collections.slipway.images.plugins.module_utils.image.platform import Platform
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference, is_id
from ansible_collections.slipway.images.plugins.module_utils.image.tagging import Tag
from ansible_collections.slipway.images.plugins.module_utils.task.plan import ABSENT, Attrs, Outcome, Plan
from ansible_collections.slipway.images.plugins.module_utils.task.run import run
from ansible_collections.slipway.images.plugins.module_utils.task.spec import ENGINE, Spec

if t.TYPE_CHECKING:
    from ansible_collections.slipway.images.plugins.module_utils.engine.foretelling import Foretelling

SPEC = ENGINE + Spec({"path": {"type": "list", "elements": "path", "required": True}})

UNKNOWN = "(known after load)"


@dataclass(frozen=True)
class Promise:
    """What an archive says of one name: it points to the image that engines call by one of `ids`.

    `id` is the one that this engine will call it by, as far as that can be told, and not `sure` where the engine makes
    it up. A nameless image is called by that, else by the digest of its config.
    """

    name: str
    ids: frozenset[str]
    id: str
    sure: bool = True


@dataclass(frozen=True)
class Load:
    """`images`: those of the archive that this engine has room for."""

    archive: Archive
    images: tuple[ArchivedImage, ...]
    promises: tuple[Promise, ...]

    def __str__(self) -> str:
        names = dict.fromkeys(promise.name for promise in self.promises)
        return "load %s from %s" % (", ".join(names), self.archive.path)


@dataclass(frozen=True)
class Seen:
    """`loads`: each archive with all that it promises. `stored`: for each image (its `ids`) that the engine has, under
    whatever name, the id it has it by."""

    loads: tuple[Load, ...]
    here: t.Mapping[str, Attrs]
    stored: t.Mapping[frozenset[str], str]


def observe(engine: Engine, params: t.Mapping[str, t.Any]) -> Seen:
    archives = [archive.read(path) for path in dict.fromkeys(params["path"])]
    by_config = images.by_config(engine)
    loads = []
    for found in archives:
        chosen = _chosen(engine, found) if by_config else found.images
        loads.append(Load(found, chosen, tuple(_promises(chosen, by_config))))
    every = [promise for load in loads for promise in load.promises]
    here = {promise.name: images.inspect(engine, promise.name) for promise in every}
    stored: dict[frozenset[str], str] = {}
    for promise in every:
        stored[promise.ids] = stored.get(promise.ids) or _stored(engine, promise, here[promise.name])
    return Seen(tuple(loads), here, {ids: id for ids, id in stored.items() if id})


def _chosen(engine: Engine, found: Archive) -> tuple[ArchivedImage, ...]:
    """A graph driver keeps one platform of an image; the containerd store keeps all."""
    if len(found.images) < 2:
        return found.images
    version = engine.get("/version")
    platform = Platform.parse("%s/%s" % (version["Os"], version["Arch"]))
    chosen = archive.chosen(found, platform)
    lost = {image.index_digest for image in found.images} - {image.index_digest for image in chosen}
    if lost:
        foreign = [image for image in found.images if image.index_digest in lost]
        names = ", ".join(dict.fromkeys(name for image in foreign for name in image.names)) or "image"
        there = ", ".join(sorted({str(image.platform) for image in foreign}))
        raise UsageError("%s has no %s for %s, only for %s" % (found.path, names, platform, there), path=found.path)
    return chosen


def _promises(chosen: t.Iterable[ArchivedImage], by_config: bool) -> t.Iterator[Promise]:
    for image in chosen:
        told = image.config_digest if by_config else image.index_digest or image.manifest_digest
        id = told or image.expected_digest or UNKNOWN
        for name in image.names:
            yield Promise(str(Reference.parse(name).with_default_tag()), image.ids, id, bool(told))
        if not image.names:
            yield Promise(told or image.config_digest, image.ids, id, bool(told))


def _stored(engine: Engine, promise: Promise, here: Attrs) -> str:
    id = str(here.get("Id", ""))
    if id in promise.ids or (is_foretold(id) and promise.ids & t.cast("Foretelling", engine).world.inputs(id).keys()):
        return id
    return next(filter(None, (images.inspect(engine, id).get("Id", "") for id in sorted(promise.ids))), "")


def plan(params: t.Mapping[str, t.Any], seen: Seen) -> Plan:
    before = {name: attrs.get("Id", ABSENT) for name, attrs in seen.here.items()}
    after, stored = dict(before), dict(seen.stored)
    actions: list[Load | Tag] = []
    # Where one name is given to different images, the last one has it, as if all were loaded one by one.
    wanted = {promise.name: promise for load in seen.loads for promise in load.promises}
    for load in seen.loads:
        if any(promise.ids not in stored and promise.ids == wanted[promise.name].ids for promise in load.promises):
            actions.append(load)
            after.update({promise.name: stored.get(promise.ids, promise.id) for promise in load.promises})
            stored.update({promise.ids: promise.id for promise in load.promises if promise.sure})
    for name, promise in wanted.items():
        id = stored.get(promise.ids, promise.id)
        if after[name] != id and name not in promise.ids:
            actions.append(Tag(id, Reference.parse(name), "which is here already"))
        after[name] = id
    return Plan(before, after, tuple(actions), seen.here)


def apply(engine: Engine, todo: Plan) -> Outcome:
    done: list[Load | Tag] = []
    called: dict[str, str] = {}
    try:
        for action in todo.actions:
            if isinstance(action, Tag):
                images.tag(engine, action.id, action.name.name, action.name.tag)
            else:
                called.update(_load(engine, action))
            done.append(action)
    except SlipwayError as error:
        # Also of an archive that broke off, some images may be here now.
        with contextlib.suppress(SlipwayError):
            error.outcome = _left(engine, todo, done, called)
        raise
    return _left(engine, todo, done, called)


def foretell(engine: Foretelling, todo: Plan) -> Outcome:
    after = dict(todo.after)
    loads = [action for action in todo.actions if isinstance(action, Load)]
    ids = {promise.name: promise.ids for load in loads for promise in load.promises}
    made: dict[frozenset[str], str] = {}
    for name, id in todo.after.items():
        names = [] if is_id(name) else [Reference.parse(name)]
        if id == UNKNOWN and names:
            made[ids[name]] = after[name] = engine.make("load", names, id=made.get(ids[name], ""))
            engine.world.record(after[name], dict.fromkeys(ids[name], "in an archive"))
        elif id not in (UNKNOWN, todo.before[name]):
            engine.make("load", names, id=id)
    here = {name: images.inspect(engine, id) if is_id(id) else {} for name, id in after.items()}
    return Outcome(after, todo.actions, here)


def _left(engine: Engine, todo: Plan, done: t.Iterable[Load | Tag], called: t.Mapping[str, str]) -> Outcome:
    here = {name: images.inspect(engine, called.get(name, name)) for name in todo.before}
    return Outcome({name: attrs.get("Id", ABSENT) for name, attrs in here.items()}, tuple(done), here)


def _load(engine: Engine, load: Load) -> dict[str, str]:
    """Gives what the engine calls those nameless images of which the archive could not tell: config digest -> id."""
    from ansible_collections.slipway.images.plugins.module_utils.image.progress import fold

    what = "loading %s" % load.archive.path
    told = fold(transfer.load(engine, archive.blocks(load.archive, load.images)))
    told.check(what)
    unknown = [promise.name for promise in load.promises if not promise.sure and promise.name in promise.ids]
    called = dict(zip(unknown, filter(is_id, told.loaded)))
    for name, promise in {promise.name: promise for promise in load.promises}.items():
        id = images.inspect(engine, called.get(name, name)).get("Id") or _named(engine, promise)
        # An engine that makes a manifest of its own for the image calls it by an id that no archive can tell.
        if id not in promise.ids and not (id and not promise.sure):
            raise StreamError("%s: the engine reported no error, and yet %s is not there" % (what, name))
    return called


def _named(engine: Engine, promise: Promise) -> str | None:
    """The containerd store keeps the short name that an OCI layout gives to an image, and then looks for a long one."""
    here = (images.inspect(engine, id).get("Id") for id in sorted(promise.ids))
    id = None if is_id(promise.name) else next(filter(None, here), None)
    if id:
        name = Reference.parse(promise.name)
        images.tag(engine, id, name.name, name.tag)
    return id


def main() -> None:
    run(SPEC, observe, plan, apply, foretell)


if __name__ == "__main__":
    main()
