# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A daemon on a unix socket that says what a test tells it to, and remembers what it was asked."""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

import pytest
from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine, greet
from ansible_collections.slipway.images.plugins.module_utils.wire.transport import Transport
from ansible_collections.slipway.images.tests.unit.plugins.module_utils.wire.conftest import Peer, Serve, serve

__all__ = ["serve"]  # the fixture, for here too


@dataclass(frozen=True)
class Asked:
    line: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass
class Daemon:
    """`answers`: `METHOD /path` (without the version) -> JSON, bytes, (status, JSON), or what gives one of them."""

    answers: dict[str, t.Any] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    headers: list[str] = field(default_factory=lambda: ["Api-Version: 1.41"])

    def talk(self, peer: Peer) -> None:
        while peer.head():
            method, target, _version = peer.line.split()
            url = urlsplit(target)
            chunked = peer.headers.get("transfer-encoding") == "chunked"
            body = b"".join(peer.chunks()) if chunked else peer.body()
            self.asked.append(Asked("%s %s" % (method, url.path), dict(parse_qsl(url.query, True)), peer.headers, body))
            path = url.path if url.path == "/_ping" else "/" + url.path.split("/", 2)[2]
            answer = self.answers.get("%s %s" % (method, path), (404, {"message": "no such image: %s" % path}))
            answer = answer() if callable(answer) else answer
            status, said = answer if isinstance(answer, tuple) else (200, answer)
            data = said if isinstance(said, bytes) else json.dumps(said).encode()
            peer.answer(data, "%d Said" % status, *self.headers)

    @property
    def last(self) -> Asked:
        return self.asked[-1]


class Nobody:
    """Credentials that show for whom they were asked."""

    def header(self, registry: str) -> str:
        return "for " + registry

    def config_header(self, registries: t.Iterable[str]) -> str:
        return "for " + ",".join(registries)

    def lookup(self, registry: str) -> None:
        return None

    def certificates(self, registry: str) -> dict[str, t.Any]:
        return {}


@pytest.fixture
def daemon() -> Daemon:
    return Daemon({"GET /_ping": b"OK"})


@pytest.fixture
def meet(serve: Serve, daemon: Daemon) -> t.Iterator[t.Callable[..., Engine]]:
    """Connects to the daemon, with `api_version` as users say it."""
    transports = []

    def connect(wanted_api: str = "auto") -> Engine:
        transports.append(Transport(serve(daemon.talk)[0], None, 10))
        return greet(transports[-1], wanted_api, Nobody, [])

    yield connect
    for transport in transports:
        transport.close()


@pytest.fixture
def engine(meet: t.Callable[..., Engine]) -> Engine:
    return meet()
