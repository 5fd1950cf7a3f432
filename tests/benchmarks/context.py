# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sending a build context to the classic builder: the whole module, with nothing for the builder to do but to read."""

from __future__ import annotations

import os
import shutil
import typing as t
from pathlib import Path

import meter
import table
from setting import MB, Setting

ROUNDS = 5
DOCKERFILE = "FROM scratch\nCOPY Dockerfile /\n"


def measure(setting: Setting) -> t.Iterator[table.Row]:
    least, their_least = _costs(setting, _context(setting, "empty"))
    for what, fill in CONTEXTS.items():
        path = _context(setting, fill.__name__)
        fill(path)
        ours, theirs = _costs(setting, path)
        shutil.rmtree(path)
        yield table.at_most(f"context of {what}: client CPU", 0.35, ours.cpu, theirs.cpu, "s")
        yield table.remark("  above an empty context's", ours.cpu - least.cpu, theirs.cpu - their_least.cpu, "s")
        yield table.amount("  temporary bytes", 0, ours.written - least.written, theirs.written - their_least.written)
        grown, theirs_grown = ours.peak - least.peak, theirs.peak - their_least.peak
        yield table.amount("  peak memory above an empty context's", 5 * MB, grown, theirs_grown)


def _costs(setting: Setting, path: Path) -> tuple[meter.Cost, meter.Cost]:
    name = f"bench/{path.name}".replace("_", "")
    ours = setting.module("slipway.images.image_build", name=name, path=str(path), builder="classic", rebuild="always")
    theirs = setting.module(
        "community.docker.docker_image", name=name, source="build", force_source=True, build={"path": str(path)}
    )
    one, other = map(meter.median, meter.interleaved(ROUNDS, ours.run, theirs.run))
    return one, other


def _context(setting: Setting, name: str) -> Path:
    path = setting.directory(name)
    (path / "Dockerfile").write_text(DOCKERFILE)
    return path


def _many(path: Path) -> None:
    content = os.urandom(20_000)
    for directory in range(50):
        (path / f"{directory}").mkdir()
        for file in range(100):
            (path / f"{directory}/{file}").write_bytes(b"%d/%d" % (directory, file) + content)


def _one(path: Path) -> None:
    block = os.urandom(MB)
    with open(path / "data", "wb") as file:
        for number in range(1000):
            file.write(number.to_bytes(4, "big") + block[4:])


CONTEXTS: dict[str, t.Callable[[Path], None]] = {"5,000 files, 100 MB": _many, "1 file of 1 GB": _one}
"""Ways to fill a directory."""
