# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pushing an image that the registry has already."""

from __future__ import annotations

import typing as t

import meter
import relay
import table
from setting import MB, Setting

ROUNDS = 11
OURS, THEIRS = "slipway.images.image_push", "community.docker.docker_image_push"


def measure(setting: Setting) -> t.Iterator[table.Row]:
    name = setting.image(f"{setting.registry}/bench/push", MB)
    arguments = ((OURS, {"name": [name]}), (THEIRS, {"name": name}))
    ours, theirs = (setting.module(module, **options) for module, options in arguments)
    ours.run()
    one, other = map(meter.median, meter.interleaved(ROUNDS, ours.run, theirs.run))
    yield table.at_most("push of what is there: wall", 0.8, one.wall, other.wall, "s")
    transfers = []
    for module, options in arguments:
        with relay.counting(setting.engine, setting.scratch) as counted:
            setting.module(module, at=counted.address, **options).run()
        transfers.append(sum(request.startswith("POST ") for request in counted.requests))
    yield table.amount("  transfers begun", 0, transfers[0], transfers[1], "requests")
