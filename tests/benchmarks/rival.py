# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""community.docker as PyPI has it: in the `ansible` bundle, of which only what it needs is kept."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

BUNDLE = "ansible~=12.0"  # the one of ansible-core 2.19
WANTED = ("ansible_collections/community/docker/", "ansible_collections/community/library_inventory_filtering_v1/")


def fetch(cache: Path) -> Path:
    """A root for `ANSIBLE_COLLECTIONS_PATH`, fetched (54 MB) when it is not in the cache yet."""
    root = cache / "rival"
    if not root.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as unpacked:
            pip = [sys.executable, "-m", "pip", "download", "-qq", "--disable-pip-version-check", "--no-deps"]
            subprocess.run([*pip, "--dest", unpacked, BUNDLE], check=True)
            [wheel] = Path(unpacked).glob("ansible-*.whl")
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(f"{unpacked}/root", [name for name in archive.namelist() if name.startswith(WANTED)])
            Path(unpacked, "root").rename(root)
    return root


def version(root: Path) -> str:
    manifest = root / "ansible_collections/community/docker/MANIFEST.json"
    return str(json.loads(manifest.read_text())["collection_info"]["version"])
