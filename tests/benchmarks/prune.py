# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Foretelling what of 200 images, builds of 20 repositories upon one base, goes when the last 5 of each are kept."""

from __future__ import annotations

import datetime
import typing as t

import archives
import meter
import table
from setting import Setting

ROUNDS = 9
REPOSITORIES, TAGS, KEPT = 20, 10, 5
IMAGES = REPOSITORIES * TAGS
PRUNE = "slipway.images.image_prune"
RULE = {"repositories": ["bench/prune-*"], "keep_last": KEPT}
LIMIT = 0.3  # seconds


def measure(setting: Setting) -> t.Iterator[table.Row]:
    setting.request("POST", "/images/load", archives.tar(archives.legacy(*map(_image, range(IMAGES)))))
    idle = setting.module(PRUNE, images=False)
    preview = setting.module(PRUNE, _ansible_check_mode=True, **RULE)
    told = preview.result()[1]
    if len(told["deleted"]) != IMAGES - REPOSITORIES * KEPT or len(told["kept"]) != REPOSITORIES * KEPT:
        raise RuntimeError(f"of {IMAGES} images {len(told['deleted'])} go and {len(told['kept'])} stay")
    nothing, ours = map(meter.median, meter.interleaved(ROUNDS, idle.run, preview.run))
    yield table.within(f"prune, preview of {IMAGES} images: wall above start-up", LIMIT, ours.wall - nothing.wall, "s")
    setting.module(PRUNE, dangling=False, repositories=RULE["repositories"]).run()


def _image(number: int) -> archives.Image:
    created = datetime.datetime(2026, 1, 1) + datetime.timedelta(hours=number)
    return archives.Image(
        names=(f"bench/prune-{number % REPOSITORIES}:{number // REPOSITORIES}",),
        texts=("the base", f"build {number}"),
        created=f"{created.isoformat()}Z",
    )
