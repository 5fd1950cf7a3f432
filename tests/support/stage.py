# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring a copy of the checkout to where `ansible-test` accepts it, and link to it from `.cache/staged`.

It wants a real directory (no symlink) named `ansible_collections/NAMESPACE/NAME`, and outside the checkout: below it,
git calls everything ignored and ansible-test would check nothing. The copy holds what git tracks or would track, and
is brought up to date in place, so that tools' caches keyed on mtime stay warm.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


def stage() -> Path:
    """Gives the root to put on `ANSIBLE_COLLECTIONS_PATH`."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    root = cache / "slipway-ac" / hashlib.sha256(bytes(CHECKOUT)).hexdigest()[:12]
    copy = root / "ansible_collections" / "slipway" / "images"
    git = ["git", "-C", str(CHECKOUT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(git, check=True, capture_output=True, text=True).stdout
    wanted = {name for name in listed.split("\0") if name and os.path.lexists(CHECKOUT / name)}
    for directory, _dirs, names in os.walk(copy, topdown=False):
        here = Path(directory)
        for name in names:
            if str((here / name).relative_to(copy)) not in wanted:
                (here / name).unlink()
        if not any(here.iterdir()):
            here.rmdir()
    for name in wanted:
        source, target = CHECKOUT / name, copy / name
        if not os.path.lexists(target) or _looks(source) != _looks(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)  # nothing is copied over a link
            shutil.copy2(source, target, follow_symlinks=False)
    return root


def _looks(path: Path) -> tuple[int, int, int]:
    found = path.lstat()
    return found.st_size, found.st_mtime_ns, found.st_mode


if __name__ == "__main__":
    link = CHECKOUT / ".cache" / "staged"
    root = stage()
    if not link.is_symlink() or link.readlink() != root:
        link.unlink(missing_ok=True)
        link.parent.mkdir(exist_ok=True)
        link.symlink_to(root)
