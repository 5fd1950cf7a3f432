# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A build by BuildKit: what travels, and how long it takes, beside docker's own client and the module that runs it."""

from __future__ import annotations

import itertools
import os
import subprocess
import typing as t
from functools import partial
from pathlib import Path

import meter
import payload
import relay
import table
from setting import MB, Setting

ROUNDS = 9
DOCKERFILE = "FROM scratch\nCOPY src /src\n"
BUILDX = Path(__file__).parents[1] / "support/buildx.sh"
FILES, SIZE, LARGE = 5_000, 20_000, 105_000  # bytes of a file

Subject = t.Callable[[], meter.Cost]


def measure(setting: Setting) -> t.Iterator[table.Row]:
    config = setting.directory("buildx")
    subprocess.run([BUILDX, config], check=True)
    path = _context(setting, "changing", FILES, SIZE)
    ours, theirs, client = _module(setting, path), _rival(setting, path, config), _client(setting, path, config)
    edits = itertools.count()
    subjects = (partial(_edited, path, edits, subject) for subject in (ours.run, theirs.run, client))
    one, other, docker = map(meter.median, meter.interleaved(ROUNDS, *subjects))
    yield table.amount("1 of 5,000 files changed: bytes sent", FILES * SIZE // 100, _sent(setting, path, edits), None)
    yield table.at_most("  wall, beside buildx alone", 1.1, one.wall, docker.wall, "s")
    yield table.at_most("  wall, beside docker_image_build", 0.8, one.wall, other.wall, "s")
    one, other = map(meter.median, meter.interleaved(ROUNDS, ours.run, theirs.run))
    yield table.at_most("nothing changed, asked anyway: wall", 1.0, one.wall, other.wall, "s")
    yield from _cold(setting)


def _cold(setting: Setting) -> t.Iterator[table.Row]:
    """Each time another directory, of which the engine knows nothing."""
    costs = []
    for number in range(3):
        path = _context(setting, f"cold{number}", 2_000, LARGE)
        costs.append(_module(setting, path).run())
    cost = meter.median(costs)
    yield table.within("cold context of 210 MB: client CPU", 1.2, cost.cpu, "s")
    yield table.amount("  peak memory", 60 * MB, cost.peak, None)


def _sent(setting: Setting, path: Path, edits: t.Iterator[int]) -> int:
    with relay.counting(setting.engine, setting.scratch) as counted:
        module = _module(setting, path, at=counted.address)
        _edited(path, edits, module.run)
        counted.sent = 0
        _edited(path, edits, module.run)
        return counted.sent


def _edited(path: Path, edits: t.Iterator[int], subject: Subject) -> meter.Cost:
    """Its cost, after one file became another of the same size."""
    content = b"%20d" % next(edits)
    (path / "src/7/7").write_bytes(content + os.urandom(SIZE - len(content)))
    return subject()


def _module(setting: Setting, path: Path, at: str | None = None) -> payload.Payload:
    name = f"bench/{path.name}"
    module = "slipway.images.image_build"
    return setting.module(module, at, name=name, path=str(path), builder="buildkit", rebuild="always")


def _rival(setting: Setting, path: Path, config: Path) -> payload.Payload:
    options = {"name": f"bench/theirs-{path.name}", "path": str(path), "rebuild": "always"}
    module = payload.build(
        "community.docker.docker_image_build", {"docker_host": setting.engine, **options}, setting.scratch
    )
    (module.home / ".docker").symlink_to(config)
    return module


def _client(setting: Setting, path: Path, config: Path) -> Subject:
    environment = {**os.environ, "DOCKER_CONFIG": str(config), "DOCKER_HOST": setting.engine}
    command = ["docker", "buildx", "build", "--quiet", "--tag", f"bench/client-{path.name}", str(path)]
    return lambda: meter.run(command, environment)[0]


def _context(setting: Setting, name: str, files: int, size: int) -> Path:
    path = setting.directory(name)
    (path / "Dockerfile").write_text(DOCKERFILE)
    for number in range(files):
        file = path / f"src/{number % 50}/{number // 50}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(os.urandom(size))
    return path
