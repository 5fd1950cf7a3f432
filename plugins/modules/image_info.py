#!/usr/bin/python
# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: image_info
short_description: Tell what images the engine has, and what is known of them
version_added: 0.1.0
author: the slipway.images authors (@slipway-images)
description:
  - Returns what the engine knows of images by their names or ids, or of all that pass some filters.
  - Reads only, so it does the same in check mode.
extends_documentation_fragment:
  - slipway.images.engine
options:
  name:
    description:
      - "The images, one or a list: a name (V(repo), which means the tag V(latest), V(repo:tag), V(repo@digest) or
        V(repo:tag@digest)), an image id, or the beginning of one (at least 4 hex digits)."
      - What may be a name and an id is taken for the name. The beginning of several ids is an error.
      - One that is not there is no error, see RV(missing).
      - If it is not given, all images of the engine that pass O(filters). An empty list asks for none.
    type: list
    elements: str
  filters:
    description: Which images to tell of. They must pass all that are given.
    type: dict
    suboptions:
      dangling:
        description: V(true) for images without a tag only, V(false) for those with one.
        type: bool
      label:
        description:
          - "Images that match all of these: V(key), V(key=value), V(!key), V(!key=value)."
        type: list
        elements: str
        default: []
      before:
        description: Images created before this one, a name or an id.
        type: str
      since:
        description: Images created after this one, a name or an id.
        type: str
      reference:
        description: Images with a name that matches one of these patterns, such as V(shop/*:1.*).
        type: list
        elements: str
        default: []
      until:
        description:
          - "Images created before this: an age such as V(24h) or V(1h30m), a date such as V(2026-01-31), a time such
            as V(2026-01-31T12:00:00Z), or a Unix time."
          - A date or time without a zone is read in UTC.
        type: str
  all:
    description: Without O(name), tell of the intermediate images of the classic builder too.
    type: bool
    default: false
  history:
    description: Return the RV(history) of each image.
    type: bool
    default: false
  layers:
    description: Return the RV(layers) of each image, with their sizes.
    type: bool
    default: false
  in_use_by:
    description: Return which containers use each image, see RV(in_use_by).
    type: bool
    default: false
seealso:
  - module: slipway.images.image_search
"""

EXAMPLES = r"""
- name: Is the image here?
  slipway.images.image_info:
    name: registry.example.com/shop/app:1.4
  register: app

- name: Say so
  ansible.builtin.debug:
    msg: "{{ 'not here' if app.missing else app.image.Config.Labels }}"

- name: What the shop's images are made of, and who uses them
  slipway.images.image_info:
    filters:
      reference: ["registry.example.com/shop/*"]
      until: 168h
    layers: true
    in_use_by: true
  register: shop

- name: Those that no container uses
  ansible.builtin.debug:
    msg: "{{ shop.images | rejectattr('Id', 'in', used) | map(attribute='RepoTags') | flatten }}"
  vars:
    used: "{{ shop.in_use_by | dict2items | selectattr('value') | map(attribute='key') }}"
"""

RETURN = r"""
image:
  description: The first image, as the engine's inspect gives it. Empty when there is none.
  returned: always
  type: dict
images:
  description:
    - The images, as the engine's inspect gives them. Those of O(name) in its order; without it, each image once.
    - What an engine leaves out of C(Config) because it is empty is there, with an empty value.
  returned: always
  type: list
  elements: dict
missing:
  description: Those of O(name) that are not there, as they were written.
  returned: success
  type: list
  elements: str
history:
  description: For each image, by its id, the instructions that made it, as the engine gives them, the newest first.
  returned: when O(history=true)
  type: dict
  sample:
    "sha256:1d34...":
      - {Comment: "", Created: 1767225600, CreatedBy: "CMD [\"app\"]", Id: "<missing>", Size: 0, Tags: ["app:1"]}
layers:
  description:
    - For each image, by its id, its layers from the bottom up, with their sizes in bytes.
    - The digest is that of the layer's content, as in C(RootFS). The size is computed from the history.
  returned: when O(layers=true)
  type: dict
  sample:
    "sha256:1d34...":
      - {digest: "sha256:9a0c...", size: 1982256}
in_use_by:
  description: For each image, by its id, the names of the containers that use it, stopped ones too, sorted.
  returned: when O(in_use_by=true)
  type: dict
  sample: {"sha256:1d34...": [shop], "sha256:77fe...": []}
ansible_facts:
  description: Facts.
  returned: always
  type: dict
  contains:
    slipway_images:
      description:
        - Each of O(name), as it was written, with the image that it names, empty when it is not there.
        - Empty without O(name), as nobody wrote a name; the images are in RV(images).
      type: dict
actions:
  description: Always empty.
  returned: always
  type: list
  elements: str
diff:
  description: Always empty on both sides.
  returned: always
  type: dict
  sample: {before: {}, after: {}}
error:
  description: Why it failed, for programs.
  returned: on failure
  type: dict
  contains:
    kind:
      description: Whose fault it is, for example V(engine.not_found) when there is no image O(filters.before).
      type: str
"""

import time
import typing as t

from ansible_collections.slipway.images.plugins.module_utils import startup  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.slipway.images.plugins.module_utils.engine import images, lookup
from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.image import facts
from ansible_collections.slipway.images.plugins.module_utils.task.plan import Attrs, Outcome, Plan
from ansible_collections.slipway.images.plugins.module_utils.task.run import run
from ansible_collections.slipway.images.plugins.module_utils.task.spec import ENGINE, Spec

if t.TYPE_CHECKING:
    from ansible_collections.slipway.images.plugins.module_utils.image.filters import Label
    from ansible_collections.slipway.images.plugins.module_utils.image.weight import Layer

SPEC = ENGINE + Spec(
    {
        "name": {"type": "list", "elements": "str"},
        "filters": {
            "type": "dict",
            "options": {
                "dangling": {"type": "bool"},
                "label": {"type": "list", "elements": "str", "default": []},
                "before": {"type": "str"},
                "since": {"type": "str"},
                "reference": {"type": "list", "elements": "str", "default": []},
                "until": {"type": "str"},
            },
        },
        "all": {"type": "bool", "default": False},
        "history": {"type": "bool", "default": False},
        "layers": {"type": "bool", "default": False},
        "in_use_by": {"type": "bool", "default": False},
    },
    {"mutually_exclusive": [["name", "filters"]]},
)

SIDE_BY_SIDE = 4
"""Requests at once: the engine takes as long over one as we do."""


class Known(t.NamedTuple):
    """One image: its attrs (`{}` when it is not there), and what else was asked of it."""

    attrs: Attrs
    history: t.Sequence[Attrs] = ()
    layers: t.Sequence[Layer] = ()


class Seen(t.NamedTuple):
    """`named`: each of the names, or without names each id, with its image. `users`: image id -> container names."""

    named: t.Mapping[str, Known]
    users: t.Mapping[str, t.Sequence[str]] = {}


def observe(engine: Engine, params: t.Mapping[str, t.Any]) -> Seen:
    names = params["name"]
    find_each = images.inspect_each if names is None else lookup.find_each
    asked = dict.fromkeys(_listed(engine, params["filters"] or {}, params["all"]) if names is None else names)
    known = _known(engine, find_each(engine, asked), params["history"], params["layers"])
    return Seen(dict(zip(asked, known)), images.used(engine) if params["in_use_by"] else {})


def _listed(engine: Engine, asked: t.Mapping[str, t.Any], everything: bool) -> t.Iterator[str]:
    """The ids that pass. Not every engine's list knows `until` and negated labels, so these are judged here."""
    if not asked:
        yield from (row["Id"] for row in images.listed(engine, everything=everything))
        return
    from ansible_collections.slipway.images.plugins.module_utils.image import filters as chosen

    until = chosen.until(asked["until"], time.time()) if asked.get("until") else None
    labels = [chosen.Label.parse(text) for text in asked.get("label", ())]
    negated = [label for label in labels if label.negated]
    for row in images.listed(engine, _query(asked, labels), everything):
        if (until is None or row["Created"] < until) and chosen.passes(negated, row.get("Labels")):
            yield row["Id"]


def _query(asked: t.Mapping[str, t.Any], labels: t.Iterable[Label]) -> dict[str, list[str]]:
    """What the engine judges."""
    query = {
        "dangling": [] if asked.get("dangling") is None else [str(asked["dangling"]).lower()],
        "label": [str(label) for label in labels if not label.negated],
        "reference": asked.get("reference", []),
        **{key: [asked[key]] for key in ("before", "since") if asked.get(key)},
    }
    return {key: values for key, values in query.items() if values}


def _known(engine: Engine, found: t.Iterable[Attrs], history: bool, sizes: bool) -> t.Sequence[Known]:
    known = [Known(facts.complete(attrs)) for attrs in found]
    if not (history or sizes):
        return known
    from ansible_collections.slipway.images.plugins.module_utils.engine.parallel import each

    return each(lambda one: _know(engine, one.attrs, sizes) if one.attrs else one, known, SIDE_BY_SIDE)


def _know(engine: Engine, attrs: Attrs, sizes: bool) -> Known:
    steps = images.history(engine, attrs["Id"])
    if not steps and not images.inspect(engine, attrs["Id"]):  # gone in between; an image may have no history, too
        return Known({})
    if not sizes:
        return Known(attrs, steps)
    from ansible_collections.slipway.images.plugins.module_utils.engine.layers import layers

    return Known(attrs, steps, layers(engine, attrs, steps))


def plan(params: t.Mapping[str, t.Any], seen: Seen) -> Plan:
    """Nothing to do but tell: a name that is not there is missed, an image that went in between is passed over."""
    there = [known for known in seen.named.values() if known.attrs]
    by_id = {known.attrs["Id"]: known for known in there}
    results: dict[str, t.Any] = {"missing": []}
    if params["history"]:
        results["history"] = {id: known.history for id, known in by_id.items()}
    if params["layers"]:
        results["layers"] = {
            id: [{"digest": digest, "size": size} for digest, size in known.layers] for id, known in by_id.items()
        }
    if params["in_use_by"]:
        results["in_use_by"] = {id: sorted(seen.users.get(id, ())) for id in by_id}
    if params["name"] is None:
        every = [known.attrs for known in there]
        return Plan({}, {}, results={**results, "images": every, "image": next(iter(every), {})})
    results["missing"] = [text for text, known in seen.named.items() if not known.attrs]
    return Plan({}, {}, images={text: known.attrs for text, known in seen.named.items()}, results=results)


def apply(engine: Engine, todo: Plan) -> Outcome:
    return todo.foretold()


def main() -> None:
    run(SPEC, observe, plan, apply)


if __name__ == "__main__":
    main()
