# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Walking a directory by the rules of a `.dockerignore`: our walk, and docker-py's `exclude_paths`."""

from __future__ import annotations

import statistics
import time
import typing as t
from pathlib import Path

import table
from docker.utils.build import exclude_paths
from setting import Setting

ROUNDS = 7
DIRECTORIES = (
    "src",
    "src/api",
    "src/web",
    "docs",
    "test",
    "test/data",
    "build",
    "node_modules/a",
    "node_modules/b/lib",
)
FILES = 110  # in each directory of each of 20 projects: 19,800, and the directories
SUFFIXES = ("py", "js", "txt", "md", "log", "pyc", "json", "o", "css", "tmp", "bak")
PATTERNS = [
    *("**/node_modules", "**/*.pyc", "**/*.o", "**/*.log", "*/build", "**/__pycache__", ".git", ".venv", "**/.cache"),
    *(f"**/*.{suffix}" for suffix in ("tmp", "bak", "swp", "orig", "rej", "class", "jar", "war", "egg", "whl")),
    *(f"project{n}/docs" for n in range(0, 20, 2)),
    *(f"project{n}/test/data/*.json" for n in range(1, 20, 2)),
    *("**/test/data/1?.txt", "project*/src/web/*.css", "**/secret*", "**/id_rsa", "dist", "coverage/**"),
    *(
        "!project1/src/api/*.log",
        "!project2/docs/README.md",
        "!**/keep.tmp",
        "!project5/src/1.log",
        "!project6/docs/1.py",
    ),
]


def measure(setting: Setting) -> t.Iterator[table.Row]:
    from ansible_collections.slipway.images.plugins.module_utils.disk import tree
    from ansible_collections.slipway.images.plugins.module_utils.image.ignore import IgnoreRules

    root = setting.directory("ignore")
    paths = _fill(root)

    def ours() -> set[str]:
        rules = IgnoreRules.parse("\n".join(PATTERNS))
        return {entry.path for entry in tree.walk(str(root), rules) if entry.kind != tree.DIRECTORY}

    def theirs() -> set[str]:
        return {path for path in exclude_paths(str(root), list(PATTERNS)) if not (root / path).is_dir()}

    if ours() != theirs():
        raise RuntimeError(f"they do not agree: {sorted(ours() ^ theirs())[:9]}")
    turns = [(_cpu(ours), _cpu(lambda: exclude_paths(str(root), list(PATTERNS)))) for _turn in range(ROUNDS)]
    one, other = map(statistics.median, zip(*turns))
    yield table.at_most(f"ignore rules, {paths:,} paths, {len(PATTERNS)} patterns: CPU", 0.25, one, other, "s")


def _fill(root: Path) -> int:
    for project in range(20):
        for name in DIRECTORIES:
            directory = root / f"project{project}" / name
            directory.mkdir(parents=True, exist_ok=True)
            for number in range(FILES):
                (directory / f"{number}.{SUFFIXES[number % len(SUFFIXES)]}").touch()
    return sum(1 for _turn in root.rglob("*"))


def _cpu(walk: t.Callable[[], object]) -> float:
    begun = time.process_time()
    walk()
    return time.process_time() - begun
