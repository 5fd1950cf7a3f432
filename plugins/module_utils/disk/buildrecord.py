# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a build was made of, written down on the target, so that an unchanged one need not be asked for again.

One small JSON file for each engine and image name under the user's cache directory. Losing it only costs time: a
record that is missing, cut short, or written by another version of this file is no record.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import typing as t
from dataclasses import dataclass

from ansible_collections.slipway.images.plugins.module_utils.image.reference import is_id

VERSION = 1


@dataclass(frozen=True)
class BuildRecord:
    """The image `id` came out of these `inputs` (name -> value, none of them secret)."""

    id: str
    inputs: t.Mapping[str, str]

    def differs(self, now: t.Mapping[str, str]) -> list[str]:
        """The names of inputs that changed. What is not known now (`""`) does not count as changed."""
        gone = [name for name in self.inputs if name not in now and not name.startswith((BASE, REGISTRYS))]
        return sorted(gone + [name for name, value in now.items() if value and value != self.inputs.get(name)])


BASE, REGISTRYS = "base image ", "registry's "
"""How inputs begin that are looked for only when they can be: a base image's id here, its digest in the registry."""


def directory() -> str:
    """`/slipway-images/builds`, by default below `~/.cache`."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(cache, "slipway-images", "builds")


def path(engine: str, name: str) -> str:
    key = hashlib.sha256(("%s\n%s" % (engine, name)).encode("utf-8", "surrogateescape")).hexdigest()
    return os.path.join(directory(), "%s.json" % key[:32])


def read(file: str) -> BuildRecord | None:
    try:
        with open(file, encoding="utf-8") as stream:
            data = json.load(stream)
        if data["version"] != VERSION or not is_id(data["id"]):
            return None
        return BuildRecord(data["id"], {str(name): str(value) for name, value in data["inputs"].items()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def write(file: str, record: BuildRecord) -> str:
    """Put `record` in place at once, so that nobody reads half of it. Gives a warning where it cannot, else `""`."""
    folder = os.path.dirname(file)
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        handle, beside = tempfile.mkstemp(dir=folder, prefix=".build-")
        try:
            with open(handle, "w", encoding="utf-8") as stream:
                json.dump({"version": VERSION, "id": record.id, "inputs": dict(record.inputs)}, stream, indent=1)
            os.replace(beside, file)
        except BaseException:
            os.unlink(beside)
            raise
    except OSError as error:
        return "cannot keep a record of this build in %s, so the next run asks the builder again: %s" % (folder, error)
    return ""
