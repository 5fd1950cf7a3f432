# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which images a build starts from, and what is known of them before and after it."""

from __future__ import annotations

import typing as t

from ansible_collections.slipway.images.plugins.module_utils.disk.buildrecord import BASE, REGISTRYS
from ansible_collections.slipway.images.plugins.module_utils.engine import images
from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.errors import SlipwayError, UsageError
from ansible_collections.slipway.images.plugins.module_utils.image import contexts
from ansible_collections.slipway.images.plugins.module_utils.image.buildrequest import BuildRequest
from ansible_collections.slipway.images.plugins.module_utils.image.dockerfile import Dockerfile
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference

if t.TYPE_CHECKING:
    from ansible_collections.slipway.images.plugins.module_utils.engine.registries import Registries


def bases(dockerfile: Dockerfile, request: BuildRequest) -> tuple[Reference, ...]:
    """The images it starts from, as far as they can be told: the engine is the judge of a Dockerfile."""
    found = []
    names = dockerfile.bases(request.defined(), request.options.get("target"))
    for name in (*(name for name in names if name not in request.contexts), *contexts.images(request.contexts)):
        try:
            found.append(Reference.parse(name).with_default_tag())
        except UsageError:
            continue
    return tuple(found)


def ids(engine: Engine, bases: t.Iterable[Reference]) -> dict[str, str]:
    """The ids of base images, `""` for one that is not here."""
    return {BASE + str(base): images.inspect(engine, base.lookup).get("Id", "") for base in bases}


def digests(engine: Engine, bases: t.Iterable[Reference]) -> dict[str, str]:
    """What the registries have under the names of base images now, `""` where nobody can tell."""
    from ansible_collections.slipway.images.plugins.module_utils.engine.registries import Registries

    with Registries(engine, engine.transport.timeout) as asked:
        return {REGISTRYS + str(base): _digest(asked, base) for base in bases if not base.digest}


def _digest(asked: Registries, base: Reference) -> str:
    try:
        return asked.look(base, {}).digest
    except SlipwayError:
        # Podman has mirrors, names and logins of its own for a registry: that it is closed to us says nothing.
        if asked.engine.podman:
            return ""
        raise
