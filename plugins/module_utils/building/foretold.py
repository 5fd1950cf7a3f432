# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A build that a run in check mode only foretells: what it would leave, and whether a later one would build again."""

from __future__ import annotations

import hashlib
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.building import choice, inputs
from ansible_collections.slipway.images.plugins.module_utils.building.build import Build
from ansible_collections.slipway.images.plugins.module_utils.disk import stamps
from ansible_collections.slipway.images.plugins.module_utils.disk.buildrecord import BASE, BuildRecord
from ansible_collections.slipway.images.plugins.module_utils.disk.stamps import NEVER
from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.engine.foretelling import Foretelling
from ansible_collections.slipway.images.plugins.module_utils.image.platform import Platform

CONTEXT, BUILDER = "context", "option builder"


def tell(engine: Foretelling, build: Build) -> None:
    """What `build` would do to the engine."""
    for base in build.bases:
        if build.builder == choice.CLASSIC and not build.inputs[BASE + str(base)]:
            engine.make("pull", [base])  # BuildKit keeps its own to itself
    if build.request.export:  # the names, if any, are written into an archive: the engine has none of them
        return
    went_in = {**_inputs(build), BUILDER: build.builder, **inputs.ids(engine, build.brought())}
    id = engine.make("build", build.request.names, _shown(engine, build.request.platforms))
    if build.recording:
        engine.world.record(id, went_in)


def _shown(engine: Foretelling, asked: tuple[Platform, ...]) -> Platform | None:
    """That which inspect tells of: of several the engine's own, else the first."""
    own = engine.own() if len(asked) > 1 else None
    return own if own in asked else next(iter(asked), None)


def compare(engine: Engine, build: Build, id: str) -> tuple[BuildRecord, tuple[str, ...]] | None:
    """What the image that goes by this foretold `id` would have been built of, and which of that is another now."""
    # Nobody else gives such ids.
    went_in = t.cast(Foretelling, engine).world.inputs(id)
    if not went_in or not build.recording:
        return None
    record = BuildRecord(id, went_in)
    return record, tuple(record.differs(_inputs(build)))


def _inputs(build: Build) -> dict[str, str]:
    """With the context as it can be told without reading its files: time will not have passed over it unnoticed."""
    found = build.source.look({}) if build.source else {}
    plain = {name: stamp._replace(ctime=NEVER) for name, stamp in found.items()}
    return {**build.inputs, CONTEXT: hashlib.sha256(stamps.pack(plain)).hexdigest()}
