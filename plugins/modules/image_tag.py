#!/usr/bin/python
# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: image_tag
short_description: Give further names to an image
version_added: 0.1.0
author: the slipway.images authors (@slipway-images)
description:
  - Makes sure that names point to an image that is on the engine. No byte is copied.
  - The image must be there, in check mode too.
extends_documentation_fragment:
  - slipway.images.engine
options:
  name:
    description:
      - "The image: V(repo), V(repo:tag), V(repo@digest), an image id, or the beginning of one (at least 4 hex digits)."
      - What may be a name and an id is taken for the name. The beginning of several ids is an error.
    type: str
  targets:
    description:
      - "The names that it shall bear: V(repo:tag), or V(repo), which means the tag V(latest)."
    type: list
    elements: str
  images:
    description:
      - Several images in one task, each with the names that it shall bear, in place of O(name) and O(targets). All must
        be there, or no target is touched.
      - Each is the one that its name means before the task.
    type: list
    elements: dict
    suboptions:
      name:
        description: As O(name).
        type: str
        required: true
      targets:
        description: As O(targets).
        type: list
        elements: str
        required: true
  existing:
    description:
      - With a target that names another image, V(overwrite) makes it name this one, V(keep) leaves it alone.
      - V(fail) fails the task when there is such a target, and then no target is touched.
    type: str
    choices: [overwrite, keep, fail]
    default: overwrite
seealso:
  - module: slipway.images.image_push
  - module: slipway.images.image_remove
"""

EXAMPLES = r"""
- name: The image is called by its version and as the latest in the registry
  slipway.images.image_tag:
    name: shop/app:build
    targets:
      - registry.example.com/shop/app:1.4
      - registry.example.com/shop/app:latest

- name: A release never moves
  slipway.images.image_tag:
    name: sha256:{{ app_image_id }}
    targets: registry.example.com/shop/app:1.4
    existing: fail

- name: Several images, each with further names of its own
  slipway.images.image_tag:
    images:
      - name: shop/app:build
        targets: [registry.example.com/shop/app:candidate, shop/app:candidate]
      - name: registry.example.com/shop/app:1.4
        targets: registry.example.com/shop/app:stable
"""

RETURN = r"""
actions:
  description: What was done (in check mode, what a run would do), in order.
  returned: always
  type: list
  elements: str
  sample: ["tag 1d34ffeaf190 as registry.example.com/shop/app:1.4"]
image:
  description: The image O(name), or the first of O(images), as the engine's inspect gives it.
  returned: always
  type: dict
images:
  description: The image O(name), and those that O(targets) name, in their order; with O(images), all of these.
  returned: always
  type: list
  elements: dict
ansible_facts:
  description: Facts.
  returned: always
  type: dict
  contains:
    slipway_images:
      description: Each name and target, as they were written, with the image they name now.
      type: dict
diff:
  description: The id that each target points to, before and after.
  returned: always
  type: dict
  sample: {before: {"app:1.4": absent}, after: {"app:1.4": "sha256:1d34..."}}
error:
  description: Why it failed, for programs.
  returned: on failure
  type: dict
  contains:
    kind:
      description: Whose fault it is, for example V(engine.not_found) for an image that is not there.
      type: str
    targets:
      description: The targets that name another image, with its id, where O(existing=fail).
      type: dict
"""

import contextlib
import typing as t
from dataclasses import dataclass

from ansible_collections.slipway.images.plugins.module_utils import startup  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.slipway.images.plugins.module_utils.engine import images
from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.engine.lookup import find_each
from ansible_collections.slipway.images.plugins.module_utils.errors import (
    Conflict,
    NotFound,
    SlipwayError,
    UsageError,
)
from ansible_collections.slipway.images.plugins.module_utils.image.digest import short
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference
from ansible_collections.slipway.images.plugins.module_utils.image.tagging import Tag
from ansible_collections.slipway.images.plugins.module_utils.task.plan import ABSENT, Attrs, Outcome, Plan
from ansible_collections.slipway.images.plugins.module_utils.task.run import run
from ansible_collections.slipway.images.plugins.module_utils.task.spec import ENGINE, Spec

if t.TYPE_CHECKING:
    from ansible_collections.slipway.images.plugins.module_utils.engine.foretelling import Foretelling

ENTRY: t.Mapping[str, t.Mapping[str, t.Any]] = {
    "name": {"type": "str", "required": True},
    "targets": {"type": "list", "elements": "str", "required": True},
}
SPEC = ENGINE + Spec(
    {
        **{option: {**spec, "required": False} for option, spec in ENTRY.items()},
        "images": {"type": "list", "elements": "dict", "options": ENTRY},
        "existing": {"type": "str", "choices": ["overwrite", "keep", "fail"], "default": "overwrite"},
    },
    {
        "required_one_of": [["name", "images"]],
        "mutually_exclusive": [["name", "images"], ["targets", "images"]],
        "required_together": [["name", "targets"]],
    },
)


@dataclass(frozen=True)
class Seen:
    """`wanted`: each image that is to be named, by its name as it was written; `targets`: each target likewise, and
    which of those names it is to mean; `here`: the image that a target names now."""

    wanted: t.Mapping[str, Attrs]
    targets: t.Mapping[str, tuple[Reference, str]]
    here: t.Mapping[str, Attrs]


def observe(engine: Engine, params: t.Mapping[str, t.Any]) -> Seen:
    entries = [{option: params[option] for option in ENTRY}] if params["images"] is None else params["images"]
    targets = dict(_targets(entries))
    wanted = dict.fromkeys(entry["name"] for entry in entries)
    here = images.inspect_each(engine, [str(name) for name, _image in targets.values()])
    return Seen(dict(zip(wanted, find_each(engine, wanted))), targets, dict(zip(targets, here)))


def _targets(entries: t.Iterable[t.Mapping[str, t.Any]]) -> t.Iterator[tuple[str, tuple[Reference, str]]]:
    owners: dict[Reference, str] = {}
    for entry in entries:
        for text in entry["targets"]:
            target = _target(text)
            owner = owners.setdefault(target, entry["name"])
            if owner != entry["name"]:
                told = (target, owner, entry["name"])
                raise UsageError("%s cannot name %s and %s: a name means one image" % told, option="images")
            yield text, (target, owner)


def _target(text: str) -> Reference:
    reference = Reference.parse(text)
    if reference.digest:
        raise UsageError("a target is a name and a tag, and %s has a digest: leave it out" % text, option="targets")
    return reference.with_default_tag()


def plan(params: t.Mapping[str, t.Any], seen: Seen) -> Plan:
    for name, attrs in seen.wanted.items():
        if not attrs:
            raise NotFound("%s is not on the engine" % name, name=name)
    meant = {text: seen.wanted[name]["Id"] for text, (_target, name) in seen.targets.items()}
    before = {text: attrs.get("Id", ABSENT) for text, attrs in seen.here.items()}
    others = {text: other for text, other in before.items() if other not in (meant[text], ABSENT)}
    if others and params["existing"] == "fail":
        told = ", ".join("%s (%s)" % (text, short(other)) for text, other in others.items())
        raise Conflict("existing is fail, and other images bear these names: %s" % told, targets=others)
    kept = others if params["existing"] == "keep" else {}
    moved = [text for text in before if before[text] != meant[text] and text not in kept]
    return Plan(
        before=before,
        after={**before, **{text: meant[text] for text in moved}},
        # Two ways to write one name are one action.
        actions=tuple(Tag(id, name) for name, id in {seen.targets[text][0]: meant[text] for text in moved}.items()),
        images={
            **seen.wanted,
            **{text: seen.here[text] if text in kept else seen.wanted[seen.targets[text][1]] for text in before},
        },
    )


def apply(engine: Engine, todo: Plan) -> Outcome:
    done: list[Tag] = []
    try:
        for tag in todo.actions:
            images.tag(engine, tag.id, tag.name.name, tag.name.tag)
            done.append(tag)
    except SlipwayError as error:
        with contextlib.suppress(SlipwayError):
            error.outcome = _halfway(engine, todo, done)
        raise
    return _left(engine, todo)


def _halfway(engine: Engine, todo: Plan, done: t.Iterable[Tag]) -> Outcome:
    here = {text: images.inspect(engine, str(_target(text))) for text in todo.before}
    return Outcome({text: attrs.get("Id", ABSENT) for text, attrs in here.items()}, tuple(done), here)


def foretell(engine: Foretelling, todo: Plan) -> Outcome:
    for tag in todo.actions:
        engine.world.point(tag.name, tag.id)
    return _left(engine, todo)


def _left(engine: Engine, todo: Plan) -> Outcome:
    now = {id: images.inspect(engine, id) for id in {attrs["Id"] for attrs in todo.images.values()}}
    return todo.foretold()._replace(images={text: now[attrs["Id"]] for text, attrs in todo.images.items()})


def main() -> None:
    run(SPEC, observe, plan, apply, foretell)


if __name__ == "__main__":
    main()
