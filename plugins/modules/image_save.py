#!/usr/bin/python
# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: image_save
short_description: Save images to an archive
version_added: 0.1.0
author: the slipway.images authors (@slipway-images)
description:
  - Makes sure that a file on the target is an archive of exactly these images, as the engine has them now, under
    these names. What C(docker load) and M(slipway.images.image_load) take.
  - Reads the manifest of the archive that is there first. When it holds the same images under the same names, nothing
    is asked of the engine but what it has, and the file is not touched.
  - The archive is written beside its place, looked through, and only then given its name. When the task fails, or is
    stopped on the way, the file that was there is as it was, and nothing is left of the new one.
extends_documentation_fragment:
  - slipway.images.engine
options:
  name:
    description:
      - What to save, one or several. Names, or ids of images, in full or the beginning of one.
      - A name without a tag means V(latest). It stands in the archive with its tag.
      - An image that is asked for by its id or by a digest, and under no name, has no name in the archive.
    type: list
    elements: str
    required: true
    aliases: [names]
  path:
    description:
      - The archive on the target. Its directory must be there.
      - A file that is empty, or the beginning of an archive of images, as an interrupted save leaves it, is replaced.
        Any other file that is no archive of images is not, and the task fails. Remove it first if you mean it.
      - When this is a symbolic link, the file that it points to is replaced.
    type: path
    required: true
  platform:
    description:
      - Of an image for several platforms, save what is for this one, such as V(linux/arm64) or V(linux/arm/v7).
      - Without it, the containerd image store saves what it has of an image for all platforms. Whether it has got or
        lost some of them since is not looked at.
      - Needs an engine that speaks API 1.48 or newer.
    type: str
  compression:
    description:
      - How to compress the archive. Its name does not matter. A file with another compression is a change.
      - V(zst) needs Python 3.14, the Python library C(zstandard), or the program C(zstd) on the target.
    type: str
    choices: [none, gz, xz, zst]
    default: none
  level:
    description:
      - "How hard to compress: 1 to 9 with V(gz) (usually 6), 0 to 9 with V(xz) (6), 1 to 19 with V(zst) (3)."
      - A file does not tell its level, so another one alone is not a change.
    type: int
  mode:
    description:
      - The permissions of the file, V('0644') or V(u=rw,g=r,o=r), as in M(ansible.builtin.file).
      - If it is not given, a file keeps what it has, and a new one gets what the umask leaves.
    type: raw
  owner:
    description:
      - The user that owns the file, by name or number. If it is not given, a file keeps what it has.
    type: str
  group:
    description:
      - The group that owns the file, by name or number. If it is not given, a file keeps what it has.
    type: str
notes:
  - Engines do not write the same archive twice, so no checksum of it is returned. M(ansible.builtin.stat) has one.
seealso:
  - module: slipway.images.image_load
"""

EXAMPLES = r"""
- name: The archive holds what the engine has under this name now
  slipway.images.image_save:
    name: registry.example.com/shop/app:1.4
    path: /srv/images/shop-1.4.tar

- name: Two images in one compressed archive that the web server may read
  slipway.images.image_save:
    name:
      - registry.example.com/shop/app:1.4
      - redis:7
    path: /srv/images/shop-1.4.tar.zst
    compression: zst
    level: 10
    group: www-data
    mode: "0640"

- name: What has no name
  slipway.images.image_save:
    name: sha256:{{ image_digits }}
    path: /srv/images/unnamed.tar.gz
    compression: gz
"""

RETURN = r"""
actions:
  description: What was done (in check mode, what a run would do), in order.
  returned: always
  type: list
  elements: str
  sample: ["save redis:7 to /srv/images/redis.tar.zst"]
image:
  description: The first image, as the engine's inspect gives it.
  returned: always
  type: dict
images:
  description: All images of the task, in the order of O(name).
  returned: always
  type: list
  elements: dict
ansible_facts:
  description: Facts.
  returned: always
  type: dict
  contains:
    slipway_images:
      description: Each of O(name), as it was written, with the image it means.
      type: dict
diff:
  description:
    - Of the file, before and after, the images in it (name, or the id of one that has none, and id), the compression,
      and those of O(mode), O(owner) and O(group) that were given.
  returned: always
  type: dict
  sample:
    before: {"/srv/images/redis.tar": absent}
    after: {"/srv/images/redis.tar": {images: {"redis:7": "sha256:1d34..."}, compression: none}}
path:
  description: Where the archive is, links followed.
  returned: success
  type: str
size:
  description: The bytes of the file.
  returned: success, in check mode only when it would not be written
  type: int
error:
  description: Why it failed, for programs.
  returned: on failure
  type: dict
  contains:
    kind:
      description: Whose fault it is, for example V(engine.not_found) for an image that the engine does not have.
      type: str
"""

import os
import typing as t
from dataclasses import dataclass

from ansible_collections.slipway.images.plugins.module_utils import startup  # noqa: F401  # pylint: disable=unused-import
from ansible_collections.slipway.images.plugins.module_utils.disk import archive, compressor, permissions, replacement
from ansible_collections.slipway.images.plugins.module_utils.disk.archive import Archive
from ansible_collections.slipway.images.plugins.module_utils.disk.permissions import Permissions
from ansible_collections.slipway.images.plugins.module_utils.engine import archives, images, lookup
from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.errors import (
    FormatError,
    NotFound,
    RequirementError,
    StreamError,
    UsageError,
)
from ansible_collections.slipway.images.plugins.module_utils.image import platform as platforms
from ansible_collections.slipway.images.plugins.module_utils.image.platform import Platform
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference, is_id
from ansible_collections.slipway.images.plugins.module_utils.task.plan import ABSENT, Attrs, Outcome, Plan
from ansible_collections.slipway.images.plugins.module_utils.task.run import run
from ansible_collections.slipway.images.plugins.module_utils.task.spec import ENGINE, Spec

SPEC = ENGINE + Spec(
    {
        "name": {"type": "list", "elements": "str", "required": True, "aliases": ["names"]},
        "path": {"type": "path", "required": True},
        "platform": {"type": "str"},
        "compression": {"type": "str", "choices": ["none", "gz", "xz", "zst"], "default": "none"},
        "level": {"type": "int"},
        "mode": {"type": "raw"},
        "owner": {"type": "str"},
        "group": {"type": "str"},
    }
)

BROKEN = "(not a whole archive)"


@dataclass(frozen=True)
class Wanted:
    """An image to be saved: `id` is what it goes by in an archive, which for one platform of several is not its own.

    `name` is what it is called there, `""` for nothing.
    """

    text: str
    name: str
    id: str
    attrs: Attrs

    @property
    def asked(self) -> str:
        """What to ask the engine for. It knows a platform's part only by the whole."""
        return self.name or str(self.attrs["Id"])


@dataclass(frozen=True)
class Seen:
    """`held`: the archive that is at `target`, `None` for none; `begun` is a file there that is none yet."""

    wanted: tuple[Wanted, ...]
    target: str
    held: Archive | None
    begun: bool
    permissions: Permissions
    wanted_permissions: Permissions


@dataclass(frozen=True)
class Save:
    """Write the archive. `insist`: an owner was asked for."""

    wanted: tuple[Wanted, ...]
    target: str
    platform: Platform | None
    compression: str
    level: int | None
    permissions: Permissions
    insist: bool

    def __str__(self) -> str:
        return "save %s to %s" % (", ".join(dict.fromkeys(image.asked for image in self.wanted)), self.target)


@dataclass(frozen=True)
class Permit:
    """Leave the archive and change who may do what with it."""

    target: str
    permissions: Permissions

    def __str__(self) -> str:
        return "set permissions of %s to %s" % (self.target, self.permissions)


def observe(engine: Engine, params: t.Mapping[str, t.Any]) -> Seen:
    compressor.check(params["compression"], params["level"])
    platform = Platform.parse(params["platform"]) if params["platform"] else None
    if platform and engine.api < (1, 48):
        raise RequirementError("platform needs an engine that speaks API 1.48 or newer, such as Docker 28", api="1.48")
    wanted = [_wanted(engine, text, platform) for text in dict.fromkeys(params["name"])]
    if not wanted:
        raise UsageError("name is empty: say which images to save", option="name")
    target = os.path.realpath(params["path"])
    held, begun = _there(target)
    replacement.check(target)
    now = permissions.of(target)
    then = permissions.wanted(now, params["mode"], params["owner"], params["group"])
    return Seen(_named_once(wanted), target, held, begun, now, then)


def _wanted(engine: Engine, text: str, platform: Platform | None) -> Wanted:
    attrs = lookup.find(engine, text)
    if not attrs:
        raise NotFound("there is no image %s on the engine to save" % text, name=text)
    name = "" if is_id(text) else str(Reference.parse(text).with_default_tag())
    tags = [str(Reference.parse(tag)) for tag in attrs.get("RepoTags") or ()]
    return Wanted(text, name if name in tags else "", _id(engine, text, attrs, platform), attrs)


def _id(engine: Engine, text: str, attrs: Attrs, platform: Platform | None) -> str:
    """The id that the archive will tell: of a platform alone it is the digest of that platform's manifest."""
    if not platform:
        return str(attrs["Id"])
    here = {
        row["Descriptor"]["digest"]: platforms.of_manifest(row)
        for row in images.manifests(engine, attrs["Id"])
        if row["Kind"] == "image" and row["Available"]
    } or {attrs["Id"]: platforms.of_image(attrs)}
    for digest, have in here.items():
        if have and platforms.matches(platform, have):
            return str(digest)
    have_all = ", ".join(sorted(map(str, here.values())))
    raise NotFound("%s is not here for %s, only for %s" % (text, platform, have_all), name=text)


def _named_once(wanted: t.Sequence[Wanted]) -> tuple[Wanted, ...]:
    """An engine gives an image that is asked for by name and by id its name only."""
    names = {image.id: image.name for image in wanted if image.name}
    return tuple(Wanted(i.text, i.name or names.get(i.id, ""), i.id, i.attrs) for i in wanted)


def _there(target: str) -> tuple[Archive | None, bool]:
    """The archive at `target`, and whether what is there is the beginning of one. `UsageError` for another file."""
    if not os.path.exists(target):
        return None, False
    try:
        return archive.read(target), False
    except FormatError as error:
        if archive.begun(target):
            return None, True
        raise UsageError("%s; remove it first, if an archive is to take its place" % error, path=target) from error


def plan(params: t.Mapping[str, t.Any], seen: Seen) -> Plan:
    there: t.Any = BROKEN if seen.begun else ABSENT
    if seen.held:
        there = _file(params, _inside(seen.held, seen.wanted), seen.held.compression, seen.permissions)
    compression = compressor.DETECTED[params["compression"]]
    then = _file(params, _outside(seen.wanted), compression, seen.wanted_permissions)
    insist = not (params["owner"] is None and params["group"] is None)
    platform = Platform.parse(params["platform"]) if params["platform"] else None
    action: Save | Permit = Save(
        *(seen.wanted, seen.target, platform, params["compression"], params["level"]),
        *(seen.wanted_permissions, insist),
    )
    if seen.held and (there["images"], there["compression"]) == (then["images"], then["compression"]):
        action = Permit(seen.target, seen.wanted_permissions)
    changes = there != then
    kept = {"size": seen.held.stamp[2]} if seen.held and not isinstance(action, Save) else {}
    return Plan(
        before={seen.target: there},
        after={seen.target: then},
        actions=(action,) if changes else (),
        images={image.text: image.attrs for image in seen.wanted},
        results={"path": seen.target, **kept},
    )


def _file(params: t.Mapping[str, t.Any], inside: t.Mapping[str, str], compression: str, who: Permissions) -> Attrs:
    """A side of the diff. Of the permissions it tells what was asked for."""
    told = {"mode": "%04o" % who.mode, "owner": who.owner, "group": who.group}
    asked = {key: value for key, value in told.items() if params[key] is not None}
    return {"images": dict(inside), "compression": compression, **asked}


def _outside(wanted: t.Iterable[Wanted]) -> dict[str, str]:
    """Name, or id of an image without one -> id."""
    return {image.name or image.id: image.id for image in wanted}


def _inside(held: Archive, wanted: t.Iterable[Wanted]) -> dict[str, str]:
    """The same of an archive. Which of an image's digests is its id, the engine alone knows."""
    ids = {image.id for image in wanted}
    found: dict[str, str] = {}
    for image in held.images:
        id = next(iter(image.ids & ids), image.index_digest or image.config_digest)
        found.update({str(Reference.parse(name).with_default_tag()): id for name in image.names} or {id: id})
    return found


def apply(engine: Engine, todo: Plan) -> Outcome:
    (action,) = todo.actions
    if isinstance(action, Save):
        size = _save(engine, action)
    else:
        size = os.path.getsize(action.target)
        permissions.change(action.target, action.permissions)
    return Outcome(todo.after, todo.actions, todo.images, {**todo.results, "size": size})


def _save(engine: Engine, save: Save) -> int:
    platform = platforms.encoded(save.platform) if save.platform else None
    names = dict.fromkeys(image.asked for image in save.wanted)
    with replacement.of(save.target) as beside:
        with compressor.opened(beside.file, save.compression, save.level) as stream:
            for block in archives.save(engine, names, platform):
                stream.write(block)
        beside.file.flush()
        _check(beside.path, save)
        permissions.give(beside.file.fileno(), save.permissions, save.insist)
        return os.path.getsize(beside.path)


def _check(path: str, save: Save) -> None:
    """An engine may break off without a word; then what was written is not what was asked for."""
    what = "saving %s" % save.target
    try:
        inside = _inside(archive.read(path), save.wanted)
    except FormatError as error:
        said = str(error).replace(path, "what the engine sent")
        raise StreamError("%s: the engine reported no error, and yet %s" % (what, said)) from error
    if inside != _outside(save.wanted):
        said = ", ".join(sorted(inside))
        raise StreamError("%s: the engine reported no error, and yet what it sent is %s" % (what, said))


def main() -> None:
    run(SPEC, observe, plan, apply)


if __name__ == "__main__":
    main()
