# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine we are connected to: whom it is, which API version we speak, and requests to it."""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass, field
from functools import cached_property
from types import TracebackType

from ansible_collections.slipway.images.plugins.module_utils.engine import version as api
from ansible_collections.slipway.images.plugins.module_utils.errors import (
    EngineError,
    NotFound,
    RequirementError,
    TransportError,
)
from ansible_collections.slipway.images.plugins.module_utils.wire.answer import Answer
from ansible_collections.slipway.images.plugins.module_utils.wire.transport import Transport


class Auths(t.Protocol):
    """Who we are to a registry, to its own API and in the Engine's headers; `disk/credentials.py` is one."""

    def header(self, registry: str) -> str:
        """`X-Registry-Auth` for one registry; a value for nobody in particular when we are unknown there."""

    def config_header(self, registries: t.Iterable[str]) -> str:
        """`X-Registry-Config` for a build that may pull from several."""

    def lookup(self, registry: str) -> t.Any:
        """What the headers say, for one who goes there without the engine: a `Login` of `registry/`, or `None`."""

    def certificates(self, registry: str) -> t.Mapping[str, t.Any]:
        """Fields of a `Tls` for that: whom to believe beside the system's authorities, and our own certificate."""


@dataclass(frozen=True)
class Engine:
    """`warnings` gathers what the user should hear although nothing failed; the runner passes it on. `builder` is the
    one that the engine itself would take: `2` is BuildKit, `1` the classic one; `""` says nothing (Docker 20.10)."""

    transport: Transport
    api: api.Version
    credentials: t.Callable[[], Auths]
    podman: bool = False
    warnings: list[str] = field(default_factory=list)
    builder: str = ""

    @cached_property
    def auths(self) -> Auths:
        """Looked for when a registry is first asked for: most tasks have no use for them."""
        return self.credentials()

    def request(self, method: str, path: str, **how: t.Any) -> Answer:
        """One call; `path` is without the version. See `Transport.request` for `how` and for what it raises."""
        try:
            return self.transport.request(method, "/v%s%s" % (api.show(self.api), path), **how)
        except EngineError as error:
            said = str(error.facts.get("said", ""))
            if error.facts.get("status") == 400 and "client version" in said:
                newest = ", the newest that slipway.images knows" if self.api == api.NEWEST else ""
                raise RequirementError(
                    "the engine does not speak API %s%s: %s" % (api.show(self.api), newest, said), said=said
                ) from error
            from ansible_collections.slipway.images.plugins.module_utils.image.progress import blame

            blamed = blame(said)
            if error.facts.get("status") == 500 and issubclass(blamed, EngineError):
                # The engine passes a registry's refusal on as an error of its own.
                raise blamed(str(error), **error.facts) from error
            raise

    def get(self, path: str, params: t.Mapping[str, str] | None = None, **how: t.Any) -> t.Any:
        """The decoded JSON of a short GET."""
        with self.request("GET", path, params=params or {}, **how) as answer:
            return answer.json()

    def find(self, path: str, params: t.Mapping[str, str] | None = None) -> t.Any:
        """Like `get`, with `None` for what is not there (HTTP 404)."""
        try:
            return self.get(path, params)
        except NotFound:
            return None

    def find_each(self, paths: t.Sequence[str]) -> t.Iterator[t.Any]:
        """`find` of each of `paths`, for less than it takes by itself: asked for in one go, as far as that goes."""
        answered = 0
        if len(paths) > 1:
            from ansible_collections.slipway.images.plugins.module_utils.wire.pipeline import bodies

            prefix = "/v" + api.show(self.api)
            for body in bodies(self.transport, [prefix + path for path in paths]):
                try:
                    found = None if body is None else json.loads(body)
                except ValueError:
                    break
                yield found
                answered += 1
        yield from map(self.find, paths[answered:])

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.transport.close()


def greet(transport: Transport, wanted_api: str, credentials: t.Callable[[], Auths], warnings: list[str]) -> Engine:
    """Ask the engine who it is (one `GET /_ping`) and agree on a version.

    Every engine names the newest version it speaks in the header `Api-Version`; Podman adds `Libpod-API-Version`, and
    Docker `Builder-Version` (before 23 only where its configuration has a word on it). There is no BuildKit on Windows.
    """
    try:
        with transport.request("GET", "/_ping") as answer:
            headers = answer.headers
    except EngineError as error:
        raise _stranger(transport, str(error.facts["said"])) from error
    theirs = api.parse(headers.get("Api-Version", ""))
    if theirs is None:
        raise _stranger(transport, "no API version")
    podman = "Libpod-API-Version" in headers
    builder = "1" if headers.get("Ostype") == "windows" else headers.get("Builder-Version", "")
    return Engine(transport, api.negotiate(wanted_api, theirs), credentials, podman, warnings, builder)


def _stranger(transport: Transport, said: str) -> TransportError:
    return TransportError(
        "%s answered, but not as a Docker engine; to GET /_ping it said: %s" % (transport.address, said),
        address=str(transport.address),
        said=said,
    )
