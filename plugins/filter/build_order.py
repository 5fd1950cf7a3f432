# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In which order images of a list are built, when some start from others."""

from __future__ import annotations

DOCUMENTATION = r"""
name: build_order
short_description: Order images so that each is built after those that it builds on
version_added: 0.1.0
author: the slipway.images authors (@slipway-images)
description:
  - Takes a list of images, and says in which order to build them and which of the list each one needs.
  - Of images that could go at the same time, the one that is listed earlier goes first.
positional: dockerfiles
options:
  _input:
    description:
      - The images, each with a C(name), and as far as it has them C(tags) and C(push) (further names), C(needs) (names
        of images of the list), C(args) and C(target) (which decide what a Dockerfile starts from).
    type: list
    elements: dict
    required: true
  dockerfiles:
    description: The text of the Dockerfile of each image that has one, by the image's name.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: The base goes first
  ansible.builtin.debug:
    msg: "{{ (images | slipway.images.build_order(dockerfiles)).order | map(attribute='name') }}"
  vars:
    images: [{name: "shop/app:1"}, {name: "shop/base:1"}]
    dockerfiles:
      shop/app:1: |
        FROM shop/base:1
"""

RETURN = r"""
_value:
  description: The order, or why there is none.
  type: dict
  contains:
    order:
      description: The images as they were given, in order, each with all that it C(needs) of the list.
      type: list
      elements: dict
    problems:
      description: One line for each reason why the list cannot be built, such as a circle. Then there is no C(order).
      type: list
      elements: str
"""

import typing as t
from graphlib import CycleError, TopologicalSorter

from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError
from ansible_collections.slipway.images.plugins.module_utils.image.dockerfile import Dockerfile
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference

Image = t.Mapping[str, t.Any]


def build_order(images: t.Sequence[Image], dockerfiles: t.Mapping[str, str] | None = None) -> dict[str, t.Any]:
    names = [image["name"] for image in images]
    problems = [f"{name} is in the list twice" for name in dict.fromkeys(names) if names.count(name) > 1]
    owners = _owners(images, problems)
    needs = {image["name"]: _needs(image, owners, (dockerfiles or {}).get(image["name"], "")) for image in images}
    for name, needed in needs.items():
        problems += [f"{name} needs {other}, which is not in the list" for other in needed if other not in needs]
    try:
        order = tuple(_ordered(needs))
    except CycleError as exc:
        # graphlib names each one before what needs it; people say who needs whom.
        problems.append("these images need each other: %s" % " -> ".join(reversed(exc.args[1])))
    if problems:
        return {"order": [], "problems": problems}
    given = {image["name"]: image for image in images}
    return {"order": [{**given[name], "needs": needs[name]} for name in order], "problems": []}


def _ordered(needs: t.Mapping[str, t.Sequence[str]]) -> t.Iterator[str]:
    """`graphlib` alone would order those that are ready by who named them first."""
    sorter = TopologicalSorter(needs)
    sorter.prepare()
    places = {name: place for place, name in enumerate(needs)}
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=lambda name: places.get(name, -1))
        yield from ready
        sorter.done(*ready)


def _owners(images: t.Sequence[Image], problems: list[str]) -> dict[Reference, str]:
    """Which image of the list gets a name. No two may get the same: who is built last would win."""
    owners: dict[Reference, str] = {}
    for image in images:
        for name in (image["name"], *(image.get("tags") or ()), *(image.get("push") or ())):
            reference = _reference(name, problems)
            owner = owners.setdefault(reference, image["name"]) if reference else image["name"]
            if owner != image["name"]:
                problems.append(f"{owner} and {image['name']} both want the name {name}")
    return owners


def _needs(image: Image, owners: t.Mapping[Reference, str], dockerfile: str) -> list[str]:
    """What it says that it needs, and what of the list its Dockerfile starts from, copies from or mounts. An image may
    start from its own last build."""
    needed = []
    for name in image.get("needs") or ():
        reference = _reference(name)
        needed.append(owners.get(reference, name) if reference else name)
    args = {name: str(value) for name, value in (image.get("args") or {}).items() if value is not None}
    for base in Dockerfile.parse(dockerfile).bases(args, image.get("target")):
        reference = _reference(base)
        owner = owners.get(reference, image["name"]) if reference else image["name"]
        if owner != image["name"]:
            needed.append(owner)
    return list(dict.fromkeys(needed))


def _reference(name: str, problems: list[str] | None = None) -> Reference | None:
    try:
        return Reference.parse(name).with_default_tag()
    except UsageError as exc:
        if problems is not None:
            problems.append(str(exc))
        return None


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"build_order": build_order}
