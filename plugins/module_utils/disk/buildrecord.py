# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a build was made of, written down on the target, so that an unchanged one need not be asked for again."""

from __future__ import annotations

import typing as t

from ansible_collections.slipway.images.plugins.module_utils.disk import stampfile
from ansible_collections.slipway.images.plugins.module_utils.disk.selection import ALL, Ask
from ansible_collections.slipway.images.plugins.module_utils.disk.stamps import Stamp
from ansible_collections.slipway.images.plugins.module_utils.image.reference import is_id


class BuildRecord(t.NamedTuple):
    """The image `id` came out of these `inputs` (name -> value, none of them secret) and of what was `asked` for of the
    context; `stamps` are what that was."""

    id: str
    inputs: t.Mapping[str, str]
    stamps: t.Mapping[str, Stamp] = {}
    asked: tuple[Ask, ...] = ALL

    def differs(self, now: t.Mapping[str, str]) -> list[str]:
        """The names of inputs that changed. What is not known now (`""`) does not count as changed."""
        gone = [name for name in self.inputs if name not in now and not name.startswith((BASE, REGISTRYS))]
        return sorted(gone + [name for name, value in now.items() if value and value != self.inputs.get(name)])


path, forget = stampfile.path, stampfile.forget

BASE, REGISTRYS = "base image ", "registry's "
"""How inputs begin that are looked for only when they can be: a base image's id here, its digest in the registry."""


def read(file: str) -> BuildRecord | None:
    found = stampfile.read(file)
    try:
        if not found or not is_id(found[0]["id"]):
            return None
        header, stamps = found
        inputs = {str(name): str(value) for name, value in header["inputs"].items()}
        asked = tuple(Ask(name, tuple(follow), tuple(include)) for name, follow, include in header["asked"])
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    return BuildRecord(header["id"], inputs, stamps, asked)


def write(file: str, record: BuildRecord) -> str:
    """Gives a warning where it cannot, else `""`."""
    said = stampfile.write(file, {"id": record.id, "inputs": dict(record.inputs), "asked": record.asked}, record.stamps)
    stampfile.sweep()
    if not said:
        return ""
    return "cannot keep a record of this build in %s, so the next run asks the builder again: %s" % (
        stampfile.directory(),
        said,
    )
