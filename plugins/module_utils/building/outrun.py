# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Of two builds that give a name at the same moment, the containerd store fails one. It is as good as one that came a
moment later."""

from __future__ import annotations

import re
import typing as t
from dataclasses import replace

from ansible_collections.slipway.images.plugins.module_utils.building.build import Build, Taken

if t.TYPE_CHECKING:
    from ansible_collections.slipway.images.plugins.module_utils.image.buildlog import BuildLog

_OUTRUN = re.compile(r'image "[^"]+": already exists')
"""What the later one hears: there was nothing in the way of the name, or it was taken away, and then something was
(BuildKit's `containerimage` exporter; `createOrReplaceImage` in moby's `daemon/containerd`)."""

Ask = t.Callable[[Build], "tuple[BuildLog, Taken]"]


def made(ask: Ask, build: Build) -> tuple[BuildLog, Taken]:
    """Told once more, it finds all in the cache, and the name there to be moved."""
    log, taken = ask(build)
    once_more = replace(build, request=build.request._replace(conduct={**build.request.conduct, "nocache": "0"}))
    for _name in build.request.names:
        if _OUTRUN.search(log.error):
            again, taken = ask(once_more)
            log = replace(log, id=again.id, error=again.error)
    return log, taken
