#!/usr/bin/python
# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: image_import
short_description: Make an image of a root file system
version_added: 0.1.0
author: the slipway.images authors (@slipway-images)
description:
  - Makes sure that a name stands for an image whose one layer is a given tar, such as C(docker export), C(debootstrap)
    and C(tar) make it, with a given configuration.
  - Engines call a layer by the digest of its plain tar. So the file is read and its digest compared with the layer of
    the image that bears the name now, and its configuration with what O(changes) come to; when both are equal, nothing
    is uploaded. No record is kept, and nothing is added to the image.
extends_documentation_fragment:
  - slipway.images.engine
options:
  name:
    description:
      - What the image is to be called. Without a tag, V(latest) is meant.
    type: str
    required: true
  path:
    description:
      - The tar on the target. Plain or compressed (gz, bz2, xz, zst), whatever its name; it is decompressed on the
        target, so that it does not matter which compression the engine knows.
      - zst needs Python 3.14, the Python library C(zstandard), or the program C(zstd) on the target.
    type: path
    required: true
  changes:
    description:
      - "Dockerfile instructions that give the image its configuration, in this order: C(CMD), C(ENTRYPOINT), C(ENV),
        C(EXPOSE), C(HEALTHCHECK), C(LABEL), C(ONBUILD), C(USER), C(VOLUME), C(WORKDIR), and C(STOPSIGNAL) where the
        engine takes it."
      - They are all that the configuration consists of. An image that was given more or other ones is imported anew.
    type: list
    elements: str
    default: []
  comment:
    description:
      - What C(docker import) calls its message, for inspect to show. If it is not given, an image with any comment will
        do.
    type: str
  platform:
    description:
      - What the file system was made to run on, such as V(linux/arm64). If it is not given, the engine writes down its
        own, and an image for any platform will do.
      - Needs an engine that speaks API 1.42 or newer. Older ones write down their own architecture whatever is asked.
    type: str
seealso:
  - module: slipway.images.image_load
    description: Loads an archive of images, which is another thing than a root file system.
  - module: slipway.images.image_build
"""

EXAMPLES = r"""
- name: A base image out of a root file system
  slipway.images.image_import:
    name: shop/base:bookworm
    path: /srv/rootfs/bookworm.tar.xz

- name: The same with a configuration
  slipway.images.image_import:
    name: shop/shell:1
    path: /srv/rootfs/bookworm.tar.xz
    changes:
      - ENV LANG=C.UTF-8 TZ=Europe/Berlin
      - USER nobody
      - WORKDIR /srv
      - 'ENTRYPOINT ["/bin/bash", "-l"]'
      - LABEL org.opencontainers.image.source=https://git.example.com/shop
    comment: made from the backup of 2026-01-31
"""

RETURN = r"""
actions:
  description: What was done (in check mode, what a run would do), in order.
  returned: always
  type: list
  elements: str
  sample: ["import /srv/rootfs/bookworm.tar.xz as shop/base:bookworm"]
image:
  description: The image that bears the name, as the engine's inspect gives it. Empty when there is none.
  returned: always
  type: dict
images:
  description: A list of it.
  returned: always
  type: list
  elements: dict
ansible_facts:
  description: Facts.
  returned: always
  type: dict
  contains:
    slipway_images:
      description: The name, as it was written, with the image it names now.
      type: dict
diff:
  description: The id that the name points to, before and after. The new one is only known after the import.
  returned: always
  type: dict
  sample: {before: {"shop/base:bookworm": absent}, after: {"shop/base:bookworm": "sha256:1d34..."}}
error:
  description: Why it failed, for programs.
  returned: on failure
  type: dict
  contains:
    kind:
      description: Whose fault it is, for example V(format) for a file that is no whole tar.
      type: str
"""

import typing as t
from dataclasses import dataclass

from ansible_collections.slipway.images.plugins.module_utils import startup  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.slipway.images.plugins.module_utils.disk import rootfs
from ansible_collections.slipway.images.plugins.module_utils.disk.rootfs import RootFs
from ansible_collections.slipway.images.plugins.module_utils.engine import archives, images
from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.errors import RequirementError, StreamError, UsageError
from ansible_collections.slipway.images.plugins.module_utils.image import changes as instructions
from ansible_collections.slipway.images.plugins.module_utils.image import platform as platforms
from ansible_collections.slipway.images.plugins.module_utils.image import progress
from ansible_collections.slipway.images.plugins.module_utils.image.changes import Config
from ansible_collections.slipway.images.plugins.module_utils.image.platform import Platform
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference
from ansible_collections.slipway.images.plugins.module_utils.task.plan import ABSENT, Attrs, Outcome, Plan
from ansible_collections.slipway.images.plugins.module_utils.task.run import run
from ansible_collections.slipway.images.plugins.module_utils.task.spec import ENGINE, Spec

if t.TYPE_CHECKING:
    from ansible_collections.slipway.images.plugins.module_utils.engine.foretelling import Foretelling

SPEC = ENGINE + Spec(
    {
        "name": {"type": "str", "required": True},
        "path": {"type": "path", "required": True},
        "changes": {"type": "list", "elements": "str", "default": []},
        "comment": {"type": "str"},
        "platform": {"type": "str"},
    }
)

UNKNOWN = "(known after import)"


@dataclass(frozen=True)
class Import:
    """`config`: what the engine will make of `changes`, as far as we can read them."""

    text: str
    reference: Reference
    root: RootFs
    changes: tuple[str, ...]
    config: Config
    comment: str | None
    platform: Platform | None

    def __str__(self) -> str:
        return "import %s as %s" % (self.root.path, self.reference)

    def is_done(self, attrs: Attrs) -> bool:
        """Is the image of these attrs what the import would make?"""
        return (
            (attrs.get("RootFS") or {}).get("Layers") == [self.root.diff_id]
            and instructions.same(self.config, attrs)
            and self.comment in (None, attrs.get("Comment"))
            and (not self.platform or platforms.matches(self.platform, platforms.of_image(attrs)))
        )


@dataclass(frozen=True)
class Seen:
    wanted: Import
    attrs: Attrs


def observe(engine: Engine, params: t.Mapping[str, t.Any]) -> Seen:
    reference = Reference.parse(params["name"]).with_default_tag()
    if reference.digest:
        raise UsageError("%s has a digest, which no one can give an image" % reference, option="name")
    platform = Platform.parse(params["platform"]) if params["platform"] else None
    if platform and engine.api < (1, 42):
        raise RequirementError("platform needs an engine that speaks API 1.42 or newer, such as Docker 23", api="1.42")
    changes = tuple(change for change in params["changes"] if change.strip())
    config = instructions.config(changes)
    root = rootfs.read(params["path"])
    wanted = Import(params["name"], reference, root, changes, config, params["comment"], platform)
    return Seen(wanted, images.inspect(engine, str(reference)))


def plan(params: t.Mapping[str, t.Any], seen: Seen) -> Plan:
    name = str(seen.wanted.reference)
    before = {name: seen.attrs.get("Id", ABSENT)}
    here = {seen.wanted.text: seen.attrs}
    if seen.wanted.is_done(seen.attrs):
        return Plan(before, before, images=here)
    return Plan(before, {name: UNKNOWN}, (seen.wanted,), here)


def apply(engine: Engine, todo: Plan) -> Outcome:
    wanted: Import = todo.actions[0]
    name, what = str(wanted.reference), "importing %s" % wanted.root.path
    platform = str(wanted.platform) if wanted.platform else None
    blocks = rootfs.blocks(wanted.root)
    records = archives.create(engine, wanted.reference, blocks, wanted.changes, wanted.comment, platform)
    progress.fold(records).check(what)
    attrs = images.inspect(engine, name)
    if (attrs.get("RootFS") or {}).get("Layers") != [wanted.root.diff_id]:
        raise StreamError("%s: the engine reported no error, and yet %s is not made of it" % (what, name))
    if not wanted.is_done(attrs):
        engine.warnings.append("the engine read the changes otherwise than foretold: the next run will import again")
    return Outcome({name: attrs["Id"]}, todo.actions, {wanted.text: attrs})


def foretell(engine: Foretelling, todo: Plan) -> Outcome:
    wanted: Import = todo.actions[0]
    content: dict[str, t.Any] = {"Config": wanted.config, "RootFS": {"Layers": [wanted.root.diff_id]}}
    id = engine.make("import", [wanted.reference], wanted.platform, Comment=wanted.comment, **content)
    return Outcome({str(wanted.reference): id}, todo.actions, {wanted.text: images.inspect(engine, id)})


def main() -> None:
    run(SPEC, observe, plan, apply, foretell)


if __name__ == "__main__":
    main()
