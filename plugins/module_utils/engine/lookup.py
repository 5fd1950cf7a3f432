# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image that a person means, by name or by id."""

from __future__ import annotations

from ansible_collections.slipway.images.plugins.module_utils.engine import images
from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.engine.images import Attrs
from ansible_collections.slipway.images.plugins.module_utils.image import shortid
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference, is_id


def find(engine: Engine, text: str) -> Attrs:
    """The attrs of the image that `text` means: a name, a full id or a short one. `{}` when there is none.

    `UsageError` when a short id is that of several: an engine says of them, as of none, that there is no such image.
    A name is asked for with its tag, because an engine takes `a` for the beginning of an id when no image is called so.
    """
    if is_id(text):
        return images.inspect(engine, text)
    named = images.inspect(engine, Reference.parse(text).with_default_tag().lookup)
    if named or not shortid.digits(text):
        return named
    id = shortid.resolve(text, (row["Id"] for row in images.listed(engine, everything=True)))
    return images.inspect(engine, id) if id else {}
