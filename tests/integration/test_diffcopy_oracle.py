# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What our session answers an engine, against what docker's own client answers: random trees, and random asks.

No engine takes part: both are asked by a stand-in, for paths to follow, patterns to include and to exclude, as a build
asks that has those sources of `COPY` and that ignore file. All of each entry's stat must agree, and the files' bytes.
`SLIPWAY_DIFFCOPY_TREES` is how many trees; with it there are other ones each time.
"""

from __future__ import annotations

import contextlib
import os
import posixpath
import random
import shutil
import socket
import subprocess
import typing as t
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.buildkit import filesync
from ansible_collections.slipway.images.plugins.module_utils.buildkit.carriage import carried
from ansible_collections.slipway.images.plugins.module_utils.buildkit.sources import Directory, Wanted
from ansible_collections.slipway.images.plugins.module_utils.errors import TransportError
from ansible_collections.slipway.images.plugins.module_utils.grpc.client import Client
from ansible_collections.slipway.images.plugins.module_utils.grpc.server import Server
from ansible_collections.slipway.images.plugins.module_utils.wire.stream import Stream
from ansible_collections.slipway.images.tests.integration.test_context_oracle import (
    SUPPORT,
    ignore_file,
    pattern,
    plant,
)
from ansible_collections.slipway.images.tests.support import standin

TREES = int(os.environ.get("SLIPWAY_DIFFCOPY_TREES", "60"))
SEED = random.randrange(1 << 32) if "SLIPWAY_DIFFCOPY_TREES" in os.environ else 0
AT_ONCE = 60  # trees that one client serves
ASKS = 6  # of each tree
FETCH = 5  # each so manieth file is read, too


@pytest.fixture(scope="module")
def config() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "slipway-buildx"
    subprocess.run([str(SUPPORT / "buildx.sh"), str(cache)], check=True)
    return cache


@contextlib.contextmanager
def ours(trees: t.Mapping[str, Path]) -> t.Iterator[Client]:
    served = filesync.service({name: Directory(str(root)) for name, root in trees.items()}, any_name=True)
    server, client = Server(served, lambda failure: None), Client()
    one, other = (Stream(end, lambda exc: TransportError(str(exc))) for end in socket.socketpair())
    with carried(server, one, "server", lambda failure: None), carried(client, other, "client", lambda failure: None):
        yield client


def entangle(root: Path, dice: random.Random) -> None:
    """More links than `plant` plants: to directories, from the root, out of it, in a circle, one behind another."""
    paths = [path.relative_to(root) for path in sorted(root.rglob("*"))]
    folders = [root, *(root / path for path in paths if (root / path).is_dir() and not (root / path).is_symlink())]
    for number in range(dice.randint(0, 4)):
        target = dice.choice(["", "/", "./", "../", "../../"]) + str(dice.choice([*paths, "l0", "l1"]))
        link = dice.choice(folders) / f"l{number}"
        if not os.path.lexists(link):
            link.symlink_to(target + dice.choice(["", "", "/", "/.", "/.."]))


def asked(dice: random.Random, root: Path) -> Wanted:
    """As the sources of a `COPY`, and the lines of an ignore file, reach a client."""
    paths = [str(path.relative_to(root)) for path in sorted(root.rglob("*"))]
    follow = [
        _winding(pattern(dice, paths, dice.random() < 0.6), dice) for _turn in range(dice.choice([0, 1, 1, 2, 3]))
    ]
    include = [pattern(dice, paths).lstrip("/") for _turn in range(dice.choice([0, 0, 0, 1, 2]))]
    lines = ignore_file(dice, root, wild_exceptions=True) if dice.random() < 0.6 else ""
    return Wanted(tuple(follow), tuple(include), tuple(_excluded(lines)))


def _excluded(text: str) -> t.Iterator[str]:
    """The lines of an ignore file, as the engine reads them before it sends them on."""
    for line in text.removeprefix("\ufeff").splitlines():
        sign, path = ("!", line[1:].strip()) if line.startswith("!") else ("", line.strip())
        if path and not line.startswith("#"):
            clean = posixpath.normpath(path)
            yield sign + (clean.lstrip("/") or "/")


def _winding(path: str, dice: random.Random) -> str:
    """The same path, or nearly so, as somebody may write it; and as BuildKit reads it."""
    parts = path.split("/")
    for _turn in range(dice.choice([0, 0, 0, 1, 2])):
        parts.insert(dice.randint(0, len(parts)), dice.choice(["..", ".", "l0", "l1", "a", "", "a/.."]))
    return posixpath.normpath("/" + "/".join(parts).lstrip("/"))


def files(here: standin.Told, there: standin.Told) -> dict[int, bytes]:
    """Our contents, empty where theirs are: its sender takes some for excluded (`emptied` in test_context_oracle)."""
    return {number: data if there.contents[number] else b"" for number, data in here.contents.items()}


def test_ours_is_the_answer_of_buildx(config: Path, tmp_path: Path) -> None:
    dice, equal, refused = random.Random(SEED), 0, 0
    for begun in range(0, TREES, AT_ONCE):
        scratch = tmp_path / str(begun)
        trees = {f"t{number}": scratch / f"t{number}" for number in range(min(AT_ONCE, TREES - begun))}
        for root in trees.values():
            root.mkdir(parents=True)
            plant(root, dice)
            entangle(root, dice)
        with standin.buildx(config, trees, scratch) as theirs, ours(trees) as mine:
            for name, root in trees.items():
                for _turn in range(ASKS):
                    wanted = asked(dice, root)
                    here, there = (standin.ask(client, name, wanted, FETCH) for client in (mine, theirs))
                    said = f"{wanted} of {root} (seed {SEED}, {equal} were equal)"
                    assert (here and here.entries) == (there and there.entries), said
                    assert not (here and there) or files(here, there) == there.contents, said
                    equal, refused = equal + 1, refused + (here is None)
        shutil.rmtree(scratch)
    print(f"{TREES} trees, {equal} asks, {refused} of them refused (seed {SEED})")
    assert refused < equal // 4
