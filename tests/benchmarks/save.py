# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Saving an image of 500 MB to an archive that holds it, and to none."""

from __future__ import annotations

import typing as t
from functools import partial
from pathlib import Path

import meter
import payload
import table
from setting import MB, Setting

ROUNDS = 5
OURS, THEIRS = "slipway.images.image_save", "community.docker.docker_image_export"


def measure(setting: Setting) -> t.Iterator[table.Row]:
    large, little = setting.directory("save"), setting.directory("save-little")
    name = setting.image("bench/save", 500 * MB)
    ours, theirs = subjects = _subjects(setting, name, large)
    forced = setting.module(THEIRS, name=name, path=f"{large}/forced", force=True)
    held, unforced, rewritten = map(meter.median, meter.interleaved(ROUNDS, ours.run, theirs.run, forced.run))
    yield table.at_most("save of 500 MB that is there: wall", 0.25, held.wall, rewritten.wall, "s")
    yield table.at_most("  against the rival's without force", 1.0, held.wall, unforced.wall, "s")
    one, other = _afresh(large, subjects)
    least, their_least = _afresh(little, _subjects(setting, setting.image("bench/save-little", 1000), little))
    yield table.remark("save of 500 MB: wall", one.wall, other.wall, "s")
    yield table.amount("  peak memory above 1 kB's", 5 * MB, one.peak - least.peak, other.peak - their_least.peak)
    _empty(large)


def _subjects(setting: Setting, name: str, directory: Path) -> tuple[payload.Payload, payload.Payload]:
    ours = setting.module(OURS, name=[name], path=f"{directory}/ours")
    return ours, setting.module(THEIRS, name=name, path=f"{directory}/theirs")


def _afresh(directory: Path, subjects: t.Iterable[payload.Payload]) -> list[meter.Cost]:
    """To where there is no archive."""

    def run(subject: payload.Payload) -> meter.Cost:
        _empty(directory)
        return subject.run()

    return [meter.median(costs) for costs in meter.interleaved(3, *(partial(run, subject) for subject in subjects))]


def _empty(directory: Path) -> None:
    for file in directory.iterdir():
        file.unlink()
