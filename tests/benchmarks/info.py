# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Telling of all images of an engine that has 200 more than before."""

from __future__ import annotations

import typing as t

import meter
import table
from setting import Setting

ROUNDS = 7
IMAGES = 200
OURS, THEIRS = "slipway.images.image_info", "community.docker.docker_image_info"


def measure(setting: Setting) -> t.Iterator[table.Row]:
    names = [setting.image(f"bench/info-{number}", number) for number in range(1, IMAGES + 1)]
    ours, theirs = setting.module(OURS), setting.module(THEIRS)
    told = [{image["Id"] for image in subject.result()[1]["images"]} for subject in (ours, theirs)]
    if told[0] != told[1] or len(told[0]) < IMAGES:
        raise RuntimeError(f"of {IMAGES} images and more, ours tells of {len(told[0])}, the rival of {len(told[1])}")
    one, other = map(meter.median, meter.interleaved(ROUNDS, ours.run, theirs.run))
    yield table.at_most(f"info of {IMAGES} images: wall", 0.5, one.wall, other.wall, "s")
    for name in names:
        setting.request("DELETE", f"/images/{name}")
