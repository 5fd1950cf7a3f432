# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A build's options in the words of BuildKit and its Dockerfile frontend, out of those of `POST /build`.

As the engine itself translates them (`builder/builder-next/builder.go` of moby). Beyond what an engine's query can say:
`platform` with several of them, `context:NAME` (a named context, `local:NAME` for one that the session has) and
`cacheto` (JSON: `[{"Type": "registry", "Attrs": {"ref": ..., "mode": "max"}}]`) and `cacheimports` (the same, for what
is in directories).
"""

from __future__ import annotations

import json
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.buildkit.control import Kind
from ansible_collections.slipway.images.plugins.module_utils.image import contexts
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference

Query = t.Iterable[tuple[str, str]]
Pairs = list[tuple[str, str]]

# Said elsewhere in a request to BuildKit, or not at all: it does not heed the last ones.
_ELSEWHERE = {"t", "outputs", "cacheto", "version", "session", "rm", "forcerm"}
_UNHEEDED = {"memory", "memswap", "cpushares", "cpusetcpus", "squash", "isolation"}
_SAME = {"dockerfile": "filename", "target": "target", "platform": "platform", "shmsize": "shm-size"}
_TRUE = {"1", "t", "T", "true", "TRUE", "True"}  # as Go reads it


def untold(query: Query) -> list[str]:
    """The keys for which BuildKit has no words: the engine does that itself, or is the one to refuse it."""
    return [key for key, value in query if _attrs(key, value) is None]


def attrs(query: Query) -> dict[str, str]:
    """For the frontend: `filename`, `target`, `platform`, `build-arg:NAME`, `label:NAME`, `no-cache`, `add-hosts`,
    `image-resolve-mode`, `force-network-mode`, `shm-size`, `ulimit`, `cache-from`, `context`, `context:NAME`."""
    said: dict[str, str] = {"image-resolve-mode": "default"}
    for key, value in query:
        for name, text in _attrs(key, value) or ():
            said[name] = f"{said[name]},{text}" if name == "add-hosts" and name in said else text
    return said


def entitlements(query: Query) -> tuple[str, ...]:
    return ("network.host",) if ("networkmode", "host") in query else ()


def exporter(query: Query) -> Kind:
    """What becomes of the result: `moby` puts an image among the engine's own, in whichever store that keeps them. A
    name that is not whole, the containerd store would take as it is, and never find again."""
    names = ",".join(Reference.parse(value).with_default_tag().canonical for key, value in query if key == "t")
    for kind in _kinds(query, "outputs"):
        return kind
    return Kind("moby", {"name": names} if names else {})


def cache_to(query: Query) -> tuple[Kind, ...]:
    """An argument asks for the inline cache, too; the engine reads it so."""
    inline = [json.loads(value).get("BUILDKIT_INLINE_CACHE") in _TRUE for key, value in query if key == "buildargs"]
    kinds = _kinds(query, "cacheto")
    return (*kinds, *([Kind("inline", {})] if any(inline) and not any(kind.type == "inline" for kind in kinds) else []))


def _kinds(query: Query, key: str) -> list[Kind]:
    found = [kind for name, value in query if name == key for kind in json.loads(value)]
    return [Kind(kind["Type"], kind.get("Attrs") or {}) for kind in found]


def _attrs(key: str, value: str) -> Pairs | None:
    """The frontend's words for a pair of the query; `None` for one that BuildKit cannot be told."""
    if key in _SAME:
        return [(_SAME[key], value)]
    if key in _ELSEWHERE | _UNHEEDED:
        return []
    if key.startswith(contexts.NAMED):
        return [(key, value)]
    return _WORDS[key](value) if key in _WORDS else None


def _arguments(value: str) -> Pairs:
    return [(f"build-arg:{name}", text) for name, text in json.loads(value).items() if text is not None]


def _labels(value: str) -> Pairs:
    return [(f"label:{name}", text) for name, text in json.loads(value).items()]


def _host(value: str) -> Pairs | None:
    """Only the engine knows its gateway."""
    name, _colon, address = value.partition(":")
    return None if address == "host-gateway" else [("add-hosts", f"{name}={address.strip('[]')}")]


def _ulimits(value: str) -> Pairs:
    return [("ulimit", ",".join("%(Name)s=%(Soft)d:%(Hard)d" % limit for limit in json.loads(value)))]


def _cache_from(value: str) -> Pairs:
    return [("cache-from", ",".join(json.loads(value)))]


def _network(value: str) -> Pairs | None:
    """Others, BuildKit does not have."""
    return {"default": [], "host": [("force-network-mode", "host")], "none": [("force-network-mode", "none")]}.get(
        value
    )


_WORDS: dict[str, t.Callable[[str], t.Any]] = {
    "buildargs": _arguments,
    "labels": _labels,
    "extrahosts": _host,
    "ulimits": _ulimits,
    "cachefrom": _cache_from,
    "cacheimports": lambda value: [("cache-imports", value)],
    "networkmode": _network,
    "remote": lambda value: [] if value == "client-session" else [("context", value)],
    "pull": lambda value: [("image-resolve-mode", "pull")] if value == "1" else [],
    "nocache": lambda value: [("no-cache", "")] if value == "1" else [],
}
