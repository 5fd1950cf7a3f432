# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A build as it is asked for: the options in the engine's terms, and which of them the result depends on."""

from __future__ import annotations

import hashlib
import json
import re
import typing as t
from dataclasses import dataclass

from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError
from ansible_collections.slipway.images.plugins.module_utils.image import filters
from ansible_collections.slipway.images.plugins.module_utils.image.platform import Platform
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference

Params = t.Mapping[str, t.Any]

_ULIMIT = re.compile(r"([a-z]+)[:=](-?\d+)(?::(-?\d+))?")
# BuildKit's own check (`SecretsUsedInArgOrEnv`) looks for such words too, at the ends of a name only.
_SECRET = re.compile(
    r"passw|passphrase|secret|token|credential|api_?key|private|authorization|(?:^|_)(?:auth|key|pass|pwd|pat)(?:_|$)",
    re.IGNORECASE,
)
_PLAIN = re.compile(r".{0,3}|true|false", re.IGNORECASE)  # tells nothing, and hiding it would blank out half of a log


@dataclass(frozen=True)
class BuildRequest:
    """`names`: every name for the image. `options`: what the result depends on, as the engine's query spells it.
    `conduct`: what only says how to get there (`rm`, `nocache`, ...). `args`: build arguments; `None` unsets one.
    `secrets`: values among them to keep out of the log."""

    names: tuple[Reference, ...]
    options: t.Mapping[str, str]
    conduct: t.Mapping[str, str]
    args: t.Mapping[str, str | None]
    secrets: frozenset[str] = frozenset()

    @classmethod
    def of(cls, params: Params) -> BuildRequest:
        """From the options of `image_build`; `UsageError` for what cannot be."""
        return cls(_names(params), _options(params), _conduct(params), _args(params["args"]), secrets(params))

    def query(self, proxies: t.Mapping[str, str]) -> list[tuple[str, str]]:
        """The query of `POST /build`, but for the builder and the context; `proxies` are build arguments that the
        user's own go before."""
        asked = [("t", str(name)) for name in self.names]
        asked += [("buildargs", json.dumps({**proxies, **self.args}))]
        hosts = json.loads(self.options.get("extrahosts", "[]"))
        asked += [("extrahosts", host) for host in hosts]
        rest = {**self.options, **self.conduct}
        return asked + [(key, value) for key, value in rest.items() if key != "extrahosts"]

    def inputs(self) -> dict[str, str]:
        """What the result depends on, name -> value, which is never `""`; arguments by digest, as their values may be
        nobody's business."""
        args = {"argument %s" % name: _digest(value) for name, value in self.args.items()}
        return {**args, **{"option %s" % key: value for key, value in self.options.items()}}

    def defined(self) -> dict[str, str]:
        """The arguments that have a value."""
        return {name: value for name, value in self.args.items() if value is not None}


def secrets(params: Params) -> frozenset[str]:
    """Values of arguments whose names say that nobody should see them. The classic builder writes them into the attrs
    of the image, too."""
    args = _args(params["args"] or {})
    named = {value for name, value in args.items() if value and _SECRET.search(name)}
    return frozenset(value for value in named if not _PLAIN.fullmatch(value))


def _names(params: Params) -> tuple[Reference, ...]:
    first = Reference.parse(params["name"])
    if params["tag"] and not first.tag:
        first = first.with_tag(params["tag"])
    names = [first, *(Reference.parse(text) for text in params["tags"])]
    for name in names:
        if name.digest:
            raise UsageError("%s: only the finished image can tell its digest; leave it out" % name, name=str(name))
    return tuple(dict.fromkeys(name.with_default_tag() for name in names))


def _options(params: Params) -> dict[str, str]:
    limits = params["limits"] or {}
    given = {
        "target": params["target"],
        "platform": str(Platform.parse(params["platform"])) if params["platform"] else None,
        "networkmode": params["network"],
        "isolation": params["isolation"],
        "squash": "1" if params["squash"] else None,
        "labels": _json({name: "" if value is None else _text(value) for name, value in params["labels"].items()}),
        "extrahosts": _json(["%s:%s" % item for item in params["extra_hosts"].items()]),
        "ulimits": _json([_ulimit(text) for text in params["ulimits"]]),
        "shmsize": _size(params["shm_size"]),
        "memory": _size(limits.get("memory")),
        "memswap": "-1" if str(limits.get("memswap")) == "-1" else _size(limits.get("memswap")),
        "cpushares": limits.get("cpushares"),
        "cpusetcpus": limits.get("cpusetcpus"),
    }
    return {key: str(value) for key, value in given.items() if value is not None and value != ""}


def _conduct(params: Params) -> dict[str, str]:
    flags = {key: str(int(params[key])) for key in ("pull", "nocache", "rm", "forcerm")}
    return {**flags, **({"cachefrom": json.dumps(params["cache_from"])} if params["cache_from"] else {})}


def _args(args: t.Mapping[str, t.Any]) -> dict[str, str | None]:
    return {name: None if value is None else _text(value) for name, value in args.items()}


def _text(value: t.Any) -> str:
    """YAML's `true` is `true` in a Dockerfile, not Python's `True`."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _json(value: t.Any) -> str | None:
    return json.dumps(value, sort_keys=True) if value else None


def _size(text: t.Any) -> str | None:
    return str(filters.size(text)) if text else None


def _ulimit(text: str) -> dict[str, t.Any]:
    found = _ULIMIT.fullmatch(text)
    if not found:
        raise UsageError("'%s' is not a ulimit: write name:soft or name:soft:hard, as in nofile:1024:2048" % text)
    return {"Name": found[1], "Soft": int(found[2]), "Hard": int(found[3] or found[2])}


def _digest(value: str | None) -> str:
    return "unset" if value is None else hashlib.sha256(value.encode("utf-8", "surrogateescape")).hexdigest()
