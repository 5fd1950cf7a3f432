# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Short ids: the first hex digits of an image's id, which a person copies from a list."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError
from ansible_collections.slipway.images.plugins.module_utils.image.digest import is_foretold, short
from ansible_collections.slipway.images.plugins.module_utils.image.reference import is_short_id

SHORTEST = 4
_DIGITS = re.compile(r"(?:sha256:)?([0-9a-f]{%d,63})" % SHORTEST)


def digits(text: str) -> str:
    """The hex digits of what may be a short id, with or without `sha256:`; `""` for what cannot be one.

    It may be a name as well (`cafe`): look for that first, as engines do.
    """
    found = _DIGITS.fullmatch(text)
    return found.group(1) if found else ""


def certain(text: str) -> bool:
    """Can it be nothing else? So is what begins with `sha256:`, and what is as long as an engine prints short ids."""
    return text.startswith("sha256:") or is_short_id(text)


def resolve(text: str, ids: t.Iterable[str]) -> str:
    """The one of `ids` that begins so, or `""`; `UsageError` when there are several."""
    wanted = digits(text)
    known = (id for id in ids if not is_foretold(id))
    found = sorted({id for id in known if wanted and id.rpartition(":")[2].startswith(wanted)})
    if len(found) > 1:
        said = (text, len(found), ", ".join(map(short, found)))
        raise UsageError("%s is ambiguous: the ids of %d images begin so (%s)" % said, name=text, ids=found)
    return found[0] if found else ""
