# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module takes before and after its work: here there is none but one look at an image that is there."""

from __future__ import annotations

import typing as t

import meter
import payload
import table
from setting import MB, Setting

ROUNDS = 15


def measure(setting: Setting) -> t.Iterator[table.Row]:
    name = setting.image("bench/startup", MB)
    ping = payload.build("ansible.builtin.ping", {}, setting.scratch)
    ours = setting.module("slipway.images.image_info", name=[name])
    theirs = setting.module("community.docker.docker_image_info", name=[name])
    pull = setting.module("slipway.images.image_pull", name=[name], pull="missing")
    subjects = (ping.run, ours.run, theirs.run, pull.run)
    least, one, other, pulled = map(meter.median, meter.interleaved(ROUNDS, *subjects))
    yield table.at_most("start-up above ping: CPU", 0.7, one.cpu - least.cpu, other.cpu - least.cpu, "s")
    yield table.at_most("  wall", 0.7, one.wall - least.wall, other.wall - least.wall, "s")
    yield table.remark("  CPU, of image_pull on our side", pulled.cpu - least.cpu, other.cpu - least.cpu, "s")
