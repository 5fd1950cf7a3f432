# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a build makes instead of an image on the engine: files on the target."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference

LOCAL, TAR = "local", "tar"
IMAGE, DOCKER = "image", "docker"
_NAMELESS = (LOCAL, TAR)


class Export(t.NamedTuple):
    """`kind` is BuildKit's exporter: `local` (the files, into a directory), `tar` (the files), `oci` or `docker` (the
    image, as an archive). `dest` is the path on the target."""

    kind: str
    dest: str

    @classmethod
    def of(cls, outputs: t.Sequence[t.Mapping[str, t.Any]], names: t.Sequence[Reference]) -> Export | None:
        """From the options; `None` for an image on the engine. `UsageError` for what cannot be."""
        if len(outputs) > 1:
            raise UsageError("outputs: an engine gives one for a build; write a task for each", option="outputs")
        kind, dest = (outputs[0]["type"], outputs[0]["dest"]) if outputs else (IMAGE, None)
        if kind == IMAGE:
            if dest:
                raise UsageError("outputs: an image is on the engine, and has no dest", option="outputs")
            if not names:
                raise UsageError("name is missing: the image needs one", option="name")
            return None
        if not dest:
            raise UsageError("outputs: say with dest where the %s goes" % kind, option="outputs")
        if names and kind in _NAMELESS:
            raise UsageError("outputs: %s makes no image that could bear a name; leave out name" % kind, option="name")
        return cls(kind, dest)

    @property
    def directory(self) -> bool:
        return self.kind == LOCAL

    @property
    def image(self) -> bool:
        """Does the file hold an image? Else it is what is in one."""
        return self.kind not in _NAMELESS

    def query(self, names: t.Sequence[Reference]) -> str:
        """The engine's parameter `outputs`; an archive of an image tells its names."""
        attrs = {"name": ",".join(map(str, names))} if names else {}
        return json.dumps([{"Type": self.kind, "Attrs": attrs}])
