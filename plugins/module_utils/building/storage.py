# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What BuildKit makes only where the engine keeps images in the containerd store.

Others refuse most of that, too, but some of it when all is built, and none of it in check mode.
"""

from __future__ import annotations

import typing as t

from ansible_collections.slipway.images.plugins.module_utils.engine import images
from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.errors import RequirementError
from ansible_collections.slipway.images.plugins.module_utils.image.buildrequest import BuildRequest

# By option: what it is, and what to do without.
_WANTED = {
    "platform": ("an image for several platforms", "write a task for each, with a name for each"),
    "outputs": ("an archive of an image", "build the image, and save it by image_save"),
    "cache_to": ("a cache outside of the image", "inline goes everywhere"),
}


def check(engine: Engine, request: BuildRequest) -> None:
    """`RequirementError` for what this engine has no room for. It is asked only when there is something to ask."""
    for option in _options(request):
        if images.by_config(engine):
            what, instead = _WANTED[option]
            takes = "takes an engine with the containerd image store (API 1.44 or newer), and this one has another"
            raise RequirementError("%s: %s %s; %s" % (option, what, takes, instead), option=option)


def _options(request: BuildRequest) -> t.Iterator[str]:
    if len(request.platforms) > 1 and request.export is None:
        yield "platform"
    if request.export and request.export.image:
        yield "outputs"
    if "cacheto" in request.conduct:
        yield "cache_to"
