#!/usr/bin/python
# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: image_search
short_description: Search Docker Hub, or another registry, for images
version_added: 0.1.0
author: the slipway.images authors (@slipway-images)
description:
  - Lets the engine search Docker Hub, or a registry that speaks the v1 search API, for images by a word.
  - Fails with the engine's words when it reaches no registry, or when the registry cannot be searched, as most other
    than Docker Hub cannot. For what a registry knows of one name there is M(slipway.images.image_registry_info).
  - Reads only, so it does the same in check mode.
extends_documentation_fragment:
  - slipway.images.engine
options:
  term:
    description: What to search for. V(registry.example.com/term) searches that registry instead of Docker Hub.
    type: str
    required: true
  limit:
    description: How many results at most, from 1 to 100. The engine gives up to 25 when it is not told.
    type: int
  official:
    description: V(true) for Docker's official images only, V(false) for others only.
    type: bool
  stars:
    description: Only images with at least so many stars.
    type: int
  docker_config:
    description:
      - Directory on the target that holds C(config.json) with the login for the registry, if it wants one.
      - If it is not given, the environment variable E(DOCKER_CONFIG) is used, else C(~/.docker).
    type: path
seealso:
  - module: slipway.images.image_registry_info
  - module: slipway.images.image_info
"""

EXAMPLES = r"""
- name: Which images of nginx are official ones?
  slipway.images.image_search:
    term: nginx
    official: true
    limit: 10
  register: found

- name: Their names
  ansible.builtin.debug:
    msg: "{{ found.results | map(attribute='name') }}"
"""

RETURN = r"""
results:
  description: What was found, as the engine gives it, in its order.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The name of the image, without a tag.
      type: str
    description:
      description: What its owner says of it.
      type: str
    is_official:
      description: Whether it is one of Docker's official images.
      type: bool
    star_count:
      description: How many people gave it a star.
      type: int
actions:
  description: Always empty.
  returned: always
  type: list
  elements: str
image:
  description: Always empty, as what was found is not on the engine.
  returned: always
  type: dict
images:
  description: Always empty, as what was found is not on the engine.
  returned: always
  type: list
  elements: dict
ansible_facts:
  description: Facts.
  returned: always
  type: dict
  contains:
    slipway_images:
      description: Always empty.
      type: dict
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
      description: Whose fault it is, for example V(engine) when it reaches no registry.
      type: str
"""

import typing as t

from ansible_collections.slipway.images.plugins.module_utils import startup  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.slipway.images.plugins.module_utils.engine import search
from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError
from ansible_collections.slipway.images.plugins.module_utils.task.plan import Outcome, Plan
from ansible_collections.slipway.images.plugins.module_utils.task.run import run
from ansible_collections.slipway.images.plugins.module_utils.task.spec import ENGINE, REGISTRY, Spec

SPEC = ENGINE + Spec(
    {
        "term": {"type": "str", "required": True},
        "limit": {"type": "int"},
        "official": {"type": "bool"},
        "stars": {"type": "int"},
        "docker_config": REGISTRY.options["docker_config"],
    }
)


def observe(engine: Engine, params: t.Mapping[str, t.Any]) -> list[search.Found]:
    if not params["term"].strip():
        raise UsageError("the term is empty: write what to search for", option="term")
    filters: dict[str, list[str]] = {}
    if params["official"] is not None:
        filters["is-official"] = [str(params["official"]).lower()]
    if params["stars"] is not None:
        filters["stars"] = [str(params["stars"])]
    return search.search(engine, params["term"], params["limit"], filters)


def plan(params: t.Mapping[str, t.Any], seen: list[search.Found]) -> Plan:
    return Plan({}, {}, results={"results": seen})


def apply(engine: Engine, todo: Plan) -> Outcome:
    return todo.foretold()


def main() -> None:
    run(SPEC, observe, plan, apply)


if __name__ == "__main__":
    main()
