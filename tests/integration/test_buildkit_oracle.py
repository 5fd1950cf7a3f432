# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What our session serves, against what docker's own client serves: BuildKit's cache is the judge.

The same Dockerfile over the same files has the same key for each step, and then it is the same image, whoever brought
the files: a path, mode, link or byte that differed, or an entry more or less, would make another. So random trees are
built by buildx first, with random ignore files and sources of `COPY`, and then by us.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import typing as t
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.disk import tree
from ansible_collections.slipway.images.plugins.module_utils.disk.context import Context
from ansible_collections.slipway.images.tests.integration.test_buildkit_engine import Engine
from ansible_collections.slipway.images.tests.integration.test_context_oracle import (
    SUPPORT,
    WILD,
    ignore_file,
    plant,
)

TREES = 15
ODD = "[]{}|^+ \\"  # characters that mean something in a pattern
STARS = [wild for wild in WILD if wild not in ("**", "[[:alpha:]]", "[!a]")]

Buildx = t.Callable[[Path], str]
"""The id of what comes of a directory, `""` when nothing does."""


@pytest.fixture
def engine(docker_host: str) -> Engine:
    return Engine(docker_host)


@pytest.fixture(scope="module")
def buildx(docker_host: str) -> Buildx:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "slipway-buildx"
    subprocess.run([str(SUPPORT / "buildx.sh"), str(cache)], check=True)
    env = {**os.environ, "DOCKER_CONFIG": str(cache), "DOCKER_HOST": docker_host}

    def build(root: Path) -> str:
        command = ["docker", "buildx", "build", "--quiet", "--tag", f"oracle/{root.name}:1", str(root)]
        return subprocess.run(command, env=env, check=False, capture_output=True, text=True).stdout.strip()

    return build


def sources(dice: random.Random, kept: t.Sequence[tree.Entry]) -> list[str]:
    """For `COPY`: some that are there, and some with wildcards, which may match nothing."""
    plain = [entry.path for entry in kept if not set(entry.path) & set(ODD) and entry.kind != tree.SYMLINK]
    folders = [".", *(entry.path for entry in kept if entry.kind == tree.DIRECTORY and entry.path in plain)]
    chosen = dice.sample(plain, min(len(plain), dice.randint(0, 3)))
    return ["anchor", *chosen, *(f"{dice.choice(folders)}/{dice.choice(STARS)}" for _turn in range(dice.randint(0, 2)))]


@pytest.mark.parametrize("seed", range(4))
def test_ours_is_the_image_of_buildx(seed: int, tmp_path: Path, engine: Engine, buildx: Buildx) -> None:
    """Not every Dockerfile that the dice write can be built; then neither does it."""
    dice, built = random.Random(seed), 0
    for number in range(TREES):
        # buildx tells directories apart by their last names alone (its `build/build.go`: `filepath.Base`): with equal
        # ones, a file of equal size and time is taken for the one that the engine has of another directory.
        root = tmp_path / f"seed{seed}tree{number}"
        root.mkdir()
        plant(root, dice)
        (root / "anchor").write_text("anchor")
        (root / "Dockerfile").write_text("FROM scratch\n")
        (root / ".dockerignore").write_text(ignore_file(dice, root, wild_exceptions=True) + "!anchor\n")
        kept = list(Context.open(str(root)).entries())
        copies = [["."]] if dice.random() < 0.3 else [sources(dice, kept) for _turn in range(dice.randint(1, 2))]
        lines = [f"COPY {json.dumps([*copy, f'/{at}/'])}" for at, copy in enumerate(copies)]
        (root / "Dockerfile").write_text("\n".join(["FROM scratch", *lines, ""]))
        theirs, log = buildx(root), engine.build(str(root))
        shown = (root / "Dockerfile").read_text() + (root / ".dockerignore").read_text()
        assert log.id == theirs, shown + log.error
        if theirs:
            built += 1
            assert {step.state for step in log.steps} == {"cached"}, shown
    assert built > TREES // 2
