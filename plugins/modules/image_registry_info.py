#!/usr/bin/python
# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: image_registry_info
short_description: Tell what a registry has under a name
version_added: 0.1.0
author: the slipway.images authors (@slipway-images)
description:
  - Tells the digest that a name has in its registry, for which platforms there is an image, and (when asked) what its
    manifest and config say and which tags its repository has. Nothing is pulled.
  - A name that the registry does not have is no error, RV(registry.exists) is V(false) then. A registry that denies
    access, or does not answer, is one. Some registries deny what they do not have.
extends_documentation_fragment:
  - slipway.images.engine
  - slipway.images.registry
options:
  name:
    description:
      - "What to ask for: V(repo), V(repo:tag), V(repo@digest) or V(repo:tag@digest), one or a list."
    type: list
    elements: str
    required: true
  tag:
    description: The tag for each O(name) that has neither a tag nor a digest.
    type: str
    default: latest
  platform:
    description:
      - Whether there is an image for this platform, such as V(linux/arm64) or V(linux/arm/v7), is told in
        RV(registry.has_platform).
      - O(manifest) and O(config) are about this platform then, else about the engine's own (with O(via=registry), the
        target's).
    type: str
  manifest:
    description: Tell RV(registry.manifest), RV(registry.annotations), RV(registry.platform_digest) and
      RV(registry.layers_size) as well.
    type: bool
    default: false
  config:
    description: Tell RV(registry.config), RV(registry.labels) and RV(registry.created) as well.
    type: bool
    default: false
  tags:
    description: Tell RV(registry.tags) as well, all tags of the repository.
    type: bool
    default: false
  referrers:
    description: Tell RV(registry.referrers) as well, such as signatures and SBOMs.
    type: bool
    default: false
  via:
    description:
      - V(engine) asks through the engine, with its mirrors, insecure registries and certificates. It knows of the
        digest and the platforms only, and Podman cannot be asked at all.
      - V(registry) asks the registry itself, from the target. Certificates are looked for below C(/etc/docker/certs.d)
        and C(/etc/containers/certs.d) as engines do, and proxies are taken from the environment. Plain HTTP is spoken
        only to a registry on the target itself. No engine is asked, and the target needs none.
      - V(auto) asks through the engine for what it can tell, and for the rest the registry itself, which may also be
        one that the engine holds for insecure.
    type: str
    choices: [auto, engine, registry]
    default: auto
seealso:
  - module: slipway.images.image_info
  - module: slipway.images.image_pull
"""

EXAMPLES = r"""
- name: What does the registry have under this name now?
  slipway.images.image_registry_info:
    name: registry.example.com/shop/app:1.4
  register: current

- name: Say it so that it stays the same
  ansible.builtin.debug:
    msg: "registry.example.com/shop/app:1.4@{{ current.registry.digest }}"

- name: Is there an image for this host's architecture?
  slipway.images.image_registry_info:
    name: registry.example.com/shop/app:1.4
    platform: "{{ ansible_facts.architecture }}"
  register: app
  failed_when: not app.registry.exists or not app.registry.has_platform

- name: All tags of a repository
  slipway.images.image_registry_info:
    name: registry.example.com/shop/app
    tags: true
  register: repository

- name: Labels and download size of the image, without pulling it
  slipway.images.image_registry_info:
    name: redis:7
    manifest: true
    config: true
  register: redis

- name: Show them
  ansible.builtin.debug:
    msg: "{{ redis.registry.layers_size }} bytes, built on {{ redis.registry.created }}"
"""

RETURN = r"""
registry:
  description: What the registry has under the first O(name).
  returned: always
  type: dict
  contains:
    name:
      description: The name as it was written.
      type: str
    exists:
      description: Whether the registry has it. If not, all else is empty.
      type: bool
    digest:
      description: The digest of the manifest, or of the index where there is one.
      type: str
    media_type:
      description: The type of what RV(registry.digest) is of.
      type: str
    size:
      description: Bytes of what RV(registry.digest) is of, not of the image.
      type: int
    platforms:
      description: The platforms for which there is an image, normalized (V(x86_64) is V(linux/amd64)). Attestations
        count for none.
      type: list
      elements: str
      sample: [linux/amd64, linux/arm/v7, linux/arm64]
    has_platform:
      description: Whether there is an image for O(platform). It is V(null) where only the engine could be asked, which
        does not tell of a single image that has an OCI manifest.
      returned: with O(platform)
      type: bool
    via:
      description: Who told, V(engine) or V(registry).
      type: str
    manifest:
      description: The manifest or index that the name stands for, as the registry gives it.
      returned: with O(manifest)
      type: dict
    annotations:
      description: Annotations of the platform's manifest and of the index, whose word counts where both speak.
      returned: with O(manifest)
      type: dict
    platform_digest:
      description: The digest of the platform's own manifest, empty when there is none for it.
      returned: with O(manifest)
      type: str
    layers_size:
      description: Bytes of the platform's layers, compressed as they are in the registry.
      returned: with O(manifest)
      type: int
    config:
      description: The platform's image config, as the registry gives it.
      returned: with O(config)
      type: dict
    labels:
      description: Labels of the image.
      returned: with O(config)
      type: dict
    created:
      description: When the image was built.
      returned: with O(config)
      type: str
    tags:
      description: All tags of the repository, sorted. Also where the tag of O(name) is not among them.
      returned: with O(tags)
      type: list
      elements: str
    referrers:
      description: Descriptors of what refers to RV(registry.digest), as the registry gives them.
      returned: with O(referrers)
      type: list
      elements: dict
registries:
  description: The same for every name, in the order of O(name).
  returned: always
  type: list
  elements: dict
actions:
  description: Always empty.
  returned: always
  type: list
  elements: str
image:
  description: Always empty, as nothing here is about images on the engine.
  returned: always
  type: dict
images:
  description: Always empty.
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
  description: Empty on both sides.
  returned: always
  type: dict
error:
  description: Why it failed, for programs. What other names have is in RV(registries) all the same.
  returned: on failure
  type: dict
  contains:
    kind:
      description: Whose fault it is, for example V(engine.denied), V(engine.rate_limited), V(transport), or V(format)
        for a registry whose content does not have its digest.
      type: str
    retry_after:
      description: With V(engine.rate_limited), seconds to wait, where the registry says so.
      type: int
    failed:
      description: The names that could not be asked for, each with the reason, when several were given.
      type: dict
"""

import contextlib
import os
import typing as t
from dataclasses import dataclass, replace

from ansible_collections.slipway.images.plugins.module_utils import startup  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.engine.parallel import each
from ansible_collections.slipway.images.plugins.module_utils.engine.registries import Registries
from ansible_collections.slipway.images.plugins.module_utils.engine.registry import distribution
from ansible_collections.slipway.images.plugins.module_utils.errors import (
    NotFound,
    RequirementError,
    SlipwayError,
    UsageError,
)
from ansible_collections.slipway.images.plugins.module_utils.image import manifest as manifests
from ansible_collections.slipway.images.plugins.module_utils.image import platform as platforms
from ansible_collections.slipway.images.plugins.module_utils.image.batch import (
    check_one_registry,
    gathered,
    references,
)
from ansible_collections.slipway.images.plugins.module_utils.image.manifest import Descriptor, Document
from ansible_collections.slipway.images.plugins.module_utils.image.platform import Platform
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference
from ansible_collections.slipway.images.plugins.module_utils.registry import contents
from ansible_collections.slipway.images.plugins.module_utils.task.plan import Outcome, Plan
from ansible_collections.slipway.images.plugins.module_utils.task.run import run
from ansible_collections.slipway.images.plugins.module_utils.task.spec import ENGINE, REGISTRY, Spec

SPEC = (
    ENGINE
    + REGISTRY
    + Spec(
        {
            "name": {"type": "list", "elements": "str", "required": True},
            "tag": {"type": "str", "default": "latest"},
            "platform": {"type": "str"},
            "manifest": {"type": "bool", "default": False},
            "config": {"type": "bool", "default": False},
            "tags": {"type": "bool", "default": False},
            "referrers": {"type": "bool", "default": False},
            "via": {"type": "str", "choices": ["auto", "engine", "registry"], "default": "auto"},
        }
    )
)
BEYOND = ("manifest", "config", "referrers")
"""What no engine tells of a registry; nor does it of `tags`, which have nothing to do with one name's digest."""
AT_A_TIME = 4


@dataclass(frozen=True)
class Found:
    """What was learned of one name. `top`: what it points to, `None` when the registry does not have it; `document`:
    the manifest or index itself. `chosen`, `manifest` and `config` are of one platform, empty where there is none."""

    text: str
    via: str
    top: Descriptor | None = None
    platforms: tuple[Platform, ...] = ()
    document: Document | None = None
    chosen: str = ""
    manifest: Document | None = None
    config: Document | None = None
    tags: t.Sequence[str] = ()
    referrers: t.Sequence[Document] = ()
    error: SlipwayError | None = None


def observe(engine: Engine, params: t.Mapping[str, t.Any]) -> list[Found]:
    names = references(params["name"], params["tag"], False)
    if params["registry_username"] or params["registry_token"]:
        check_one_registry(names.values())
    via = _way(engine, params)
    wanted = Platform.parse(params["platform"]) if params["platform"] else None
    if not wanted and _any(params, "manifest", "config"):
        wanted = _own(engine, params)

    def find(item: tuple[str, Reference]) -> Found:
        text, reference = item
        found = Found(text, via)
        try:
            found = _found(found, registries, params, reference, wanted)
            if params["tags"]:
                found = replace(found, tags=_tags(registries, reference))
        except SlipwayError as error:
            return replace(found, error=error)
        return found

    with Registries(engine, params["timeout"], alone=_alone(params)) as registries:
        return each(find, names.items(), AT_A_TIME)


def _alone(params: t.Mapping[str, t.Any]) -> bool:
    return bool(params["via"] == "registry")


def _own(engine: Engine, params: t.Mapping[str, t.Any]) -> Platform:
    """The platform that things are for when nobody says."""
    if _alone(params):
        return Platform.parse("linux/%s" % os.uname().machine)
    version = engine.get("/version")
    return Platform.parse("%s/%s" % (version["Os"], version["Arch"]))


def _any(params: t.Mapping[str, t.Any], *options: str) -> bool:
    return any(params[option] for option in options)


def _way(engine: Engine, params: t.Mapping[str, t.Any]) -> str:
    if params["via"] == "engine":
        beyond = [option for option in (*BEYOND, "tags") if params[option]]
        if beyond:
            raise UsageError("no engine tells a registry's %s: leave via at auto" % ", ".join(beyond), option="via")
        if engine.podman:
            raise RequirementError("Podman cannot be asked what a registry has: leave via at auto")
    if params["via"] == "registry" or engine.podman or _any(params, *BEYOND):
        return "registry"
    return "engine"


def _found(
    found: Found, registries: Registries, params: t.Mapping[str, t.Any], reference: Reference, wanted: Platform | None
) -> Found:
    try:
        if found.via == "registry":
            return _directly(found, registries, params, reference, wanted)
        asked = distribution(registries.engine, reference) or {}
    except NotFound:
        return found
    have = manifests.real(asked.get("Platforms") or ())
    found = replace(found, top=Descriptor.read(asked["Descriptor"]), platforms=have)
    if not have and params["via"] == "auto":
        # Of one image that has an OCI manifest, as the containerd store pushes them, engines tell no platform.
        with contextlib.suppress(SlipwayError):
            return _directly(replace(found, via="registry"), registries, params, reference, wanted)
    return found


def _directly(
    found: Found, registries: Registries, params: t.Mapping[str, t.Any], reference: Reference, wanted: Platform | None
) -> Found:
    registry, repository = registries.at(reference.registry), reference.repository
    top = contents.fetch(registry, repository, reference.digest or reference.tag)
    found = replace(found, top=Descriptor(top.digest, top.media_type, top.size), document=top.document)
    if params["referrers"]:
        found = replace(found, referrers=contents.referrers(registry, repository, top.digest))
    if manifests.is_index(top.document):
        listed = [entry.platform for entry in manifests.entries(top.document) if entry.platform]
        found = replace(found, platforms=tuple(dict.fromkeys(listed)))
        entry = manifests.choose(top.document, wanted) if wanted and _any(params, "manifest", "config") else None
        if not entry:
            return found
        manifest = contents.fetch(registry, repository, entry.digest)
        config = manifests.config(manifest.document) if params["config"] else None
    else:
        manifest, config = top, manifests.config(top.document)
    content = contents.blob(registry, repository, config.digest) if config else {}
    if manifest is top:  # a manifest says nothing of its platform, its config does
        have = manifests.real([content] if content else ())
        found = replace(found, platforms=have)
        if params["platform"] and wanted and not any(platforms.matches(wanted, one) for one in have):
            return found
    return replace(found, chosen=manifest.digest, manifest=manifest.document, config=content)


def _tags(registries: Registries, reference: Reference) -> list[str]:
    try:
        return contents.tags(registries.at(reference.registry), reference.repository)
    except NotFound:
        return []


def plan(params: t.Mapping[str, t.Any], seen: t.Sequence[Found]) -> Plan:
    rows = {found.text: _row(params, found) for found in seen if not found.error}
    failures = {found.text: found.error for found in seen if found.error}
    return Plan(
        before={},
        after={},
        results={"registry": rows.get(seen[0].text, {}) if seen else {}, "registries": list(rows.values())},
        failure=gathered(failures, len(seen), "could not be asked for"),
    )


def _row(params: t.Mapping[str, t.Any], found: Found) -> dict[str, t.Any]:
    top = found.top or Descriptor("", "", 0)
    row: dict[str, t.Any] = {
        "name": found.text,
        "exists": bool(found.top),
        "digest": top.digest,
        "media_type": top.media_type,
        "size": top.size,
        "platforms": list(map(str, found.platforms)),
        "via": found.via,
    }
    if params["platform"]:
        wanted = Platform.parse(params["platform"])
        untold = found.top and found.via == "engine" and not found.platforms
        row["has_platform"] = None if untold else any(platforms.matches(wanted, have) for have in found.platforms)
    manifest, document = found.manifest or {}, found.document or {}
    if params["manifest"]:
        row["manifest"] = dict(document)
        row["annotations"] = {**(manifest.get("annotations") or {}), **(document.get("annotations") or {})}
        row["platform_digest"] = found.chosen
        row["layers_size"] = sum(layer.size for layer in manifests.layers(manifest))
    if params["config"]:
        config = found.config or {}
        row["config"] = dict(config)
        row["labels"] = (config.get("config") or {}).get("Labels") or {}
        row["created"] = config.get("created") or ""
    row.update({key: list(getattr(found, key)) for key in ("tags", "referrers") if params[key]})
    return row


def apply(engine: Engine, todo: Plan) -> Outcome:
    """Never called: there is nothing to do."""
    return todo.foretold()


def main() -> None:
    run(SPEC, observe, plan, apply, needless=_alone)


if __name__ == "__main__":
    main()
