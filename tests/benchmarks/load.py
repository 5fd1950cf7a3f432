# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Loading an archive of 500 MB of which the engine has everything."""

from __future__ import annotations

import typing as t

import meter
import relay
import table
from setting import MB, Setting

ROUNDS = 5
OURS, THEIRS = "slipway.images.image_load", "community.docker.docker_image_load"


def measure(setting: Setting) -> t.Iterator[table.Row]:
    archive = setting.directory("load") / "image.tar"
    name = setting.image("bench/load", 500 * MB)
    archive.write_bytes(setting.request("GET", f"/images/{name}/get"))
    ours = setting.module(OURS, path=[str(archive)])
    theirs = setting.module(THEIRS, path=str(archive))
    one, other = map(meter.median, meter.interleaved(ROUNDS, ours.run, theirs.run))
    yield table.at_most("load of 500 MB that is there: wall", 0.25, one.wall, other.wall, "s")
    # Counting costs time, so it is done apart.
    uploads = []
    for module, path in ((OURS, [str(archive)]), (THEIRS, str(archive))):
        with relay.counting(setting.engine, archive.parent) as counted:
            setting.module(module, at=counted.address, path=path).run()
        loads = [request for request in counted.requests if request.endswith("/images/load") or "/load?" in request]
        uploads.append(counted.sent if loads else 0)
    yield table.amount("  bytes uploaded", 0, uploads[0], uploads[1])
    archive.unlink()
