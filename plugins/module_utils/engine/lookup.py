# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image that a person means, by name or by id."""

from __future__ import annotations

import typing as t

from ansible_collections.slipway.images.plugins.module_utils.engine import images
from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.engine.images import Attrs
from ansible_collections.slipway.images.plugins.module_utils.image import shortid
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference, is_id


def find_each(engine: Engine, texts: t.Iterable[str]) -> list[Attrs]:
    """`find` of several."""
    texts = list(texts)
    found = images.inspect_each(engine, map(_exact, texts))
    return [attrs or (find(engine, text) if shortid.digits(text) else {}) for text, attrs in zip(texts, found)]


def find(engine: Engine, text: str) -> Attrs:
    """The attrs of the image that `text` means: a name, a full id or a short one. `{}` when there is none.

    `UsageError` when a short id is that of several: an engine says of them, as of none, that there is no such image.
    A name is asked for with its tag, because an engine takes `a` for the beginning of an id when no image is called so.
    """
    named = images.inspect(engine, _exact(text))
    if named or not shortid.digits(text):
        return named
    id = shortid.resolve(text, (row["Id"] for row in images.listed(engine, everything=True)))
    return images.inspect(engine, id) if id else {}


def _exact(text: str) -> str:
    return text if is_id(text) else Reference.parse(text).with_default_tag().lookup
