# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A build as it is asked for: the options in the engine's terms, and which of them the result depends on."""

from __future__ import annotations

import hashlib
import json
import re
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError
from ansible_collections.slipway.images.plugins.module_utils.image import buildcaching, contexts, size
from ansible_collections.slipway.images.plugins.module_utils.image.export import DOCKER, Export
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference

if t.TYPE_CHECKING:
    from ansible_collections.slipway.images.plugins.module_utils.image.platform import Platform

Params = t.Mapping[str, t.Any]

_ULIMIT = re.compile(r"([a-z]+)[:=](-?\d+)(?::(-?\d+))?")
# BuildKit's own check (`SecretsUsedInArgOrEnv`) looks for such words too, at the ends of a name only.
_SECRET = re.compile(
    r"passw|passphrase|secret|token|credential|api_?key|private|authorization|(?:^|_)(?:auth|key|pass|pwd|pat)(?:_|$)",
    re.IGNORECASE,
)
_HARMLESS = re.compile(
    r"version|release|variant|flavou?r|distro|arch|platform|target|stage|branch|commit|revision|locale|image|suite"
    r"|(?:^|_)(?:os|tag|tz|lang|uid|gid|env|mode|date)(?:_|$)",
    re.IGNORECASE,
)
_SHORT = re.compile(r"[\w.+/,:-]{0,24}")  # too short and too plain for a key, or for a URL with a password
_TELLING = re.compile(r"\w{0,3}|true|false|v?\d+(?:\.\d+)+(?:[-+.]\w+)*", re.IGNORECASE)  # a flag or a version
_LOGIN = re.compile(r"(?<=://)[^/@]*@")
_PLAIN = re.compile(r".{0,3}|true|false", re.IGNORECASE)  # tells nothing, and hiding it would blank out half of a log


class BuildRequest(t.NamedTuple):
    """`names`: every name for the image. `export`: what it makes instead of one on the engine. `options`: what the
    result depends on, as the engine's query spells it. `conduct`: what only says how to get there (`rm`, `nocache`,
    ...). `args`: build arguments; `None` unsets one. `secrets`: values among them to keep out of the log. `contexts`:
    what may be copied from beside the context."""

    names: tuple[Reference, ...]
    options: t.Mapping[str, str]
    conduct: t.Mapping[str, str]
    args: t.Mapping[str, str | None]
    secrets: frozenset[str] = frozenset()
    export: Export | None = None
    contexts: t.Mapping[str, str] = {}

    @classmethod
    def of(cls, params: Params) -> BuildRequest:
        """From the options of `image_build`; `UsageError` for what cannot be."""
        names = _names(params)
        export = Export.of(params["outputs"], names)
        named = contexts.parse(params["contexts"])
        options = {**_options(params), **contexts.query(named), **({"outputs": export.query(names)} if export else {})}
        args = {**_inline(params), **_args(params["args"])}
        request = cls(names, options, _conduct(params), args, secrets(params), export, named)
        if export and export.kind == DOCKER and len(request.platforms) > 1:
            raise UsageError("outputs: a docker archive is for one platform; oci is for several", option="outputs")
        return request

    @property
    def subject(self) -> str:
        """What is built: the first name, or where the files go."""
        return self.export.dest if self.export else str(self.names[0])

    @property
    def platforms(self) -> tuple[Platform, ...]:
        """Those that were asked for, each once; none where the engine's own will do."""
        return _platforms(self.options.get("platform", "").split(","))

    def query(self, proxies: t.Mapping[str, str]) -> list[tuple[str, str]]:
        """The query of `POST /build`, but for the builder and the context; `proxies` are build arguments that the
        user's own go before."""
        asked = [("t", str(name)) for name in self.names if not self.export]
        asked += [("buildargs", json.dumps({**proxies, **self.args}))]
        hosts = json.loads(self.options.get("extrahosts", "[]"))
        asked += [("extrahosts", host) for host in hosts]
        rest = {**self.options, **self.conduct}
        return asked + [(key, value) for key, value in rest.items() if key != "extrahosts"]

    def inputs(self) -> dict[str, str]:
        """What the result depends on, name -> value, which is never `""`; arguments as `_told`. With another login a
        URL is no other context."""
        args = {"argument %s" % name: _told(name, value) for name, value in self.args.items()}
        return {**args, **{"option %s" % key: _LOGIN.sub("", value) for key, value in self.options.items()}}

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
    if params["name"] is None:
        if params["tags"]:
            raise UsageError("tags: more names need a first one; say name", option="tags")
        return ()
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
        "platform": ",".join(dict.fromkeys(map(str, _platforms(params["platform"])))),
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


def _platforms(texts: t.Iterable[str]) -> tuple[Platform, ...]:
    texts = list(filter(None, texts))
    if not texts:
        return ()
    from ansible_collections.slipway.images.plugins.module_utils.image.platform import Platform

    return tuple(map(Platform.parse, texts))


def _conduct(params: Params) -> dict[str, str]:
    flags = {key: str(int(params[key])) for key in ("pull", "nocache", "rm", "forcerm")}
    sources = [buildcaching.source(text) for text in params["cache_from"]]
    images = [kind["Attrs"]["ref"] for kind in sources if kind["Type"] == buildcaching.REGISTRY]
    folders = [kind for kind in sources if kind["Type"] == buildcaching.LOCAL]
    kept = [kind for kind in map(buildcaching.kind, params["cache_to"]) if kind["Type"] != buildcaching.INLINE]
    given = {"cachefrom": images, "cacheimports": folders, "cacheto": kept}
    return {**flags, **{key: json.dumps(value) for key, value in given.items() if value}}


def _inline(params: Params) -> dict[str, str | None]:
    """An argument asks for it, and alters the image."""
    kinds = [buildcaching.kind(text)["Type"] for text in params["cache_to"]]
    return {"BUILDKIT_INLINE_CACHE": "1"} if buildcaching.INLINE in kinds else {}


def _args(args: t.Mapping[str, t.Any]) -> dict[str, str | None]:
    return {name: None if value is None else _text(value) for name, value in args.items()}


def _text(value: t.Any) -> str:
    """YAML's `true` is `true` in a Dockerfile, not Python's `True`."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _json(value: t.Any) -> str | None:
    return json.dumps(value, sort_keys=True) if value else None


def _size(text: t.Any) -> str | None:
    return str(size.parse(text)) if text else None


def _ulimit(text: str) -> dict[str, t.Any]:
    found = _ULIMIT.fullmatch(text)
    if not found:
        raise UsageError("'%s' is not a ulimit: write name:soft or name:soft:hard, as in nofile:1024:2048" % text)
    return {"Name": found[1], "Soft": int(found[2]), "Hard": int(found[3] or found[2])}


def _told(name: str, value: str | None) -> str:
    """An argument, for a file and a diff: behind `=`, or by its digest where it may be nobody's business."""
    if value is None:
        return "unset"
    harmless = _TELLING.fullmatch(value) or (_HARMLESS.search(name) and _SHORT.fullmatch(value))
    if harmless and not _SECRET.search(name):
        return "=" + value
    return hashlib.sha256(value.encode("utf-8", "surrogateescape")).hexdigest()
