# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A build of what is built already: what it costs to see that, and to read a context whose files were only touched."""

from __future__ import annotations

import os
import shutil
import subprocess
import typing as t
from pathlib import Path

import context
import meter
import payload
import table
from setting import Setting

ROUNDS = 7
DOCKERFILE = "FROM scratch\nCOPY . /\n"
BUILDX = Path(__file__).parents[1] / "support/buildx.sh"


def measure(setting: Setting) -> t.Iterator[table.Row]:
    small = _context(setting, "unchanged-small")
    for number in range(9):
        (small / str(number)).write_text("small")
    few = _ours(setting, small)
    for what, fill in context.CONTEXTS.items():
        path = _context(setting, "unchanged" + fill.__name__.replace("_", "-"))
        fill(path)
        yield from _rows(what, path, few, _ours(setting, path), _theirs(setting, path))
        shutil.rmtree(path)


def _rows(
    what: str, path: Path, few: payload.Payload, ours: payload.Payload, theirs: payload.Payload
) -> t.Iterator[table.Row]:
    least, mine, other = map(meter.median, meter.interleaved(ROUNDS, few.run, ours.run, theirs.run))
    yield table.at_most(f"unchanged build, {what}: wall, beside 10 files", 1.15, mine.wall, least.wall, "s")
    yield table.at_most("  beside docker_image_build, rebuild=always", 0.6, mine.wall, other.wall, "s")
    touched, summed = map(meter.median, meter.interleaved(3, lambda: _touched(path, ours), lambda: _summed(path)))
    hashing = touched.wall - least.wall
    yield table.at_most("  all touched: wall above 10 files, beside sha256sum", 2, hashing, summed.wall, "s")


def _ours(setting: Setting, path: Path) -> payload.Payload:
    """Built, and looked at once more: files that were young when they went in are read again."""
    module = setting.module("slipway.images.image_build", name=f"bench/{path.name}", path=str(path))
    module.run()
    module.run()
    if module.result()[1]["actions"]:
        raise RuntimeError(f"{path} is built already")
    return module


def _theirs(setting: Setting, path: Path) -> payload.Payload:
    options = {"name": f"bench/theirs-{path.name}", "path": str(path), "rebuild": "always"}
    where = {"docker_host": setting.engine}
    module = payload.build("community.docker.docker_image_build", {**where, **options}, setting.scratch)
    subprocess.run([BUILDX, module.home / ".docker"], check=True)
    return module


def _touched(path: Path, module: payload.Payload) -> meter.Cost:
    for directory, _directories, files in os.walk(path):
        for file in files:
            os.utime(f"{directory}/{file}")
    cost, result = module.result()
    if result["actions"]:
        raise RuntimeError("touched is not changed")
    return cost


def _summed(path: Path) -> meter.Cost:
    return meter.run(["find", str(path), "-type", "f", "-exec", "sha256sum", "{}", "+"], os.environ)[0]


def _context(setting: Setting, name: str) -> Path:
    path = setting.directory(name)
    (path / "Dockerfile").write_text(DOCKERFILE)
    return path
