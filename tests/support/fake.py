# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine and its registry in two dictionaries, behind the real `engine/` floor: only the wire is not there.

    fake = Fake(images={"app:1": attrs}, registry={"app:1": "sha256:…"})
    seen = observe(fake.engine, params(SPEC, name="app:1"))
    assert fake.writes == []

What a build, pull or load does and says, a test puts in `on_build`, `on_pull`, `on_load`.
"""

from __future__ import annotations

import hashlib
import json
import typing as t
from dataclasses import dataclass, field
from urllib.parse import unquote

from ansible_collections.slipway.images.plugins.module_utils.disk.credentials import Credentials
from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.errors import NotFound, SlipwayError
from ansible_collections.slipway.images.plugins.module_utils.task.spec import Spec
from ansible_collections.slipway.images.plugins.module_utils.wire.transport import Transport

Attrs = dict[str, t.Any]
Records = list[dict[str, t.Any]]


def id_of(word: str) -> str:
    """An id (or digest) that looks like one: the same word gives the same."""
    return "sha256:" + hashlib.sha256(word.encode()).hexdigest()


def image(word: str, **more: t.Any) -> Attrs:
    return {"Id": id_of(word), "Os": "linux", "Architecture": "amd64", "RepoDigests": [], **more}


def params(spec: Spec, **given: t.Any) -> dict[str, t.Any]:
    """The options as a module gets them: each that is not given has its default."""
    assert set(given) <= set(spec.options)
    return {**{name: option.get("default") for name, option in spec.options.items()}, **given}


class Call(t.NamedTuple):
    """`params` as sent; `body` whole."""

    method: str
    path: str
    params: list[tuple[str, str]]
    body: bytes = b""


class Answer:
    def __init__(self, value: t.Any) -> None:
        self._value = value

    def json(self) -> t.Any:
        return self._value

    def records(self) -> t.Iterator[t.Any]:
        yield from self._value

    def close(self) -> None:
        pass

    def __enter__(self) -> Answer:
        return self

    def __exit__(self, *_why: object) -> None:
        pass


@dataclass
class Fake:
    """`images`: name -> attrs; an image is known by its id too, and stays when its name moves. `registry`: name ->
    digest, or the error to ask for it; a name that is not there is not found. `builder`: it would rather build by the
    classic one, which needs no session."""

    images: dict[str, Attrs] = field(default_factory=dict)
    registry: dict[str, str | SlipwayError] = field(default_factory=dict)
    platforms: list[dict[str, str]] = field(default_factory=lambda: [{"os": "linux", "architecture": "amd64"}])
    nameless: list[Attrs] = field(default_factory=list)
    api: tuple[int, int] = (1, 41)
    podman: bool = False
    builder: str = "1"
    info: Attrs = field(default_factory=dict)
    version: Attrs = field(default_factory=lambda: {"Os": "linux", "Arch": "amd64"})
    calls: list[Call] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    address: str = "unix:///fake.sock"
    timeout: float = 60
    on_build: t.Callable[[Call], Records] = lambda _call: []
    on_pull: t.Callable[[Call], Records] = lambda _call: []
    on_load: t.Callable[[Call], Records] = lambda _call: []

    @property
    def engine(self) -> Engine:
        mine = Credentials(self.warnings)
        return Engine(t.cast(Transport, self), self.api, lambda: mine, self.podman, self.warnings, self.builder)

    @property
    def writes(self) -> list[Call]:
        return [call for call in self.calls if call.method != "GET"]

    def asked(self, part: str) -> list[str]:
        return [call.path for call in self.calls if part in call.path]

    def name(self, name: str, attrs: Attrs) -> None:
        if name in self.images:
            self.nameless.append(self.images[name])
        self.images[name] = attrs

    def find(self, name: str) -> Attrs:
        known = {attrs["Id"]: attrs for attrs in (*self.nameless, *self.images.values())}
        pinned = {digest: attrs for attrs in known.values() for digest in attrs["RepoDigests"]}
        try:
            return {**known, **pinned, **self.images}[name]
        except KeyError:
            raise NotFound("No such image: %s" % name, status=404, said="No such image: %s" % name) from None

    @property
    def foreign(self) -> tuple[type[Exception], ...]:
        return (OSError,)

    def connect(self) -> t.NoReturn:
        raise OSError("it knows no pipelining")

    def request(self, method: str, path: str, **how: t.Any) -> Answer:
        path = unquote(path[path.index("/", 1) :])  # without the version
        sent = how.get("params") or ()
        pairs = list(sent.items() if isinstance(sent, dict) else sent)
        call = Call(method, path, pairs, b"".join(how.get("body") or ()))
        self.calls.append(call)
        return Answer(self._get(call) if method == "GET" else self._post(call))

    def _get(self, call: Call) -> t.Any:
        if call.path in ("/info", "/version"):
            return self.info if call.path == "/info" else self.version
        if call.path == "/images/json":
            wanted = json.loads(dict(call.params)["filters"])["reference"]
            tags: dict[str, list[str]] = {}
            for name, attrs in self.images.items():
                tags.setdefault(attrs["Id"], []).append(name)
            # An image that bears the name once is listed, with all its names.
            rows = [{"Id": id, "RepoTags": names} for id, names in tags.items()]
            return [row for row in rows if {name.rpartition(":")[0] for name in row["RepoTags"]} & set(wanted)]
        kind, name = call.path[1:].removesuffix("/json").split("/", 1)
        if kind == "images":
            return self.find(name)
        assert kind == "distribution"
        found = self.registry.get(name) or NotFound("manifest unknown", status=404, said="manifest unknown")
        if isinstance(found, SlipwayError):
            raise found
        return {"Descriptor": {"digest": found}, "Platforms": self.platforms}

    def _post(self, call: Call) -> t.Any:
        streams = {"/build": self.on_build, "/images/create": self.on_pull, "/images/load": self.on_load}
        if call.path in streams:
            return streams[call.path](call)
        assert call.path.startswith("/images/") and call.path.endswith("/tag")
        to = dict(call.params)
        self.name("%s:%s" % (to["repo"], to["tag"]), self.find(call.path[len("/images/") : -len("/tag")]))
        return None
