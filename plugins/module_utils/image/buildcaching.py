# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the cache of a build comes from and goes to, in the words of buildx: `type=registry,ref=IMAGE,mode=max`."""

from __future__ import annotations

import typing as t

from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError

INLINE, LOCAL, REGISTRY = "inline", "local", "registry"


class Kind(t.TypedDict):
    """As BuildKit's API spells it."""

    Type: str
    Attrs: dict[str, str]


def source(text: str) -> Kind:
    """Of `cache_from`: an image whose layers may serve as cache, or a directory that holds one."""
    said = _words(text, "cache_from") or {"type": REGISTRY, "ref": text}
    type = said.pop("type", "")
    if type == LOCAL and said.get("src", "").startswith("/") and said.keys() <= {"src", "tag", "digest"}:
        return {"Type": LOCAL, "Attrs": said}
    if type != REGISTRY or set(said) != {"ref"}:
        what = "neither an image nor type=local,src=DIRECTORY (a whole path)"
        raise UsageError("cache_from: '%s' is %s" % (text, what), option="cache_from")
    return {"Type": REGISTRY, "Attrs": said}


def kind(text: str) -> Kind:
    """Of `cache_to`; a word alone is a type, or else the image to put it in."""
    said = _words(text, "cache_to") or ({"type": INLINE} if text == INLINE else {"type": "registry", "ref": text})
    type = said.pop("type", "")
    if not type or (type == LOCAL and not said.get("dest", "").startswith("/")):
        what = "neither inline nor type=registry,ref=IMAGE nor type=local,dest=DIRECTORY (a whole path)"
        raise UsageError("cache_to: '%s' is %s" % (text, what), option="cache_to")
    return {"Type": type, "Attrs": said}


def _words(text: str, option: str) -> dict[str, str]:
    if "=" not in text:
        return {}
    pairs = [word.partition("=") for word in text.split(",")]
    if not all(name and mark for name, mark, _value in pairs):
        raise UsageError("%s: '%s' is not written like type=registry,ref=IMAGE" % (option, text), option=option)
    return {name: value for name, _mark, value in pairs}
