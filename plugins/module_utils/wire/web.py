# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP to wherever a URL leads, for what is spread over hosts: a registry, its token service, its storage."""

from __future__ import annotations

import threading
import typing as t
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError
from ansible_collections.slipway.images.plugins.module_utils.wire.address import Address
from ansible_collections.slipway.images.plugins.module_utils.wire.answer import Answer
from ansible_collections.slipway.images.plugins.module_utils.wire.peer import REGISTRY, Peer
from ansible_collections.slipway.images.plugins.module_utils.wire.tls import Tls
from ansible_collections.slipway.images.plugins.module_utils.wire.transport import Transport

MOST_REDIRECTS = 5
REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True)
class Origin(Address):
    """Scheme, host and port of a URL; `str` is as people write it, without a port that goes without saying."""

    peer: t.ClassVar[Peer] = REGISTRY

    @classmethod
    def of(cls, url: str) -> tuple[Origin, str]:
        """The origin of an `http` or `https` URL, and its path with the query; `FormatError` for any other."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as exc:
            raise FormatError(f"not a URL: {exc}") from exc
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
            # Not quoted: storage signs its URLs, and what stands before an "@" may be a password.
            raise FormatError(f"a URL of {parts.scheme or 'no scheme'} and {parts.hostname or 'no host'} leads nowhere")
        tls = parts.scheme == "https"
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(parts.hostname, port or (443 if tls else 80), "", tls), path

    def __str__(self) -> str:
        return self.url.removesuffix(":443" if self.tls else ":80")


class Web:
    """One connection pool an origin, kept for the task; threads may share it. `trust` tells for each what TLS is to be,
    `timeout` (seconds) is as in `Transport`."""

    def __init__(self, trust: t.Callable[[Origin], Tls], timeout: float) -> None:
        self._trust = trust
        self._timeout = timeout
        self._transports: dict[Origin, Transport] = {}
        self._turn = threading.Lock()

    def ask(self, method: str, url: str, headers: t.Mapping[str, str], body: bytes | None = None) -> Answer:
        """One request, whatever its answer. Raises as `Transport.ask` does."""
        origin, path = Origin.of(url)
        with self._turn:
            if origin not in self._transports:
                self._transports[origin] = Transport(origin, self._trust(origin), self._timeout)
        return self._transports[origin].ask(method, path, headers=headers, body=body)

    def follow(self, method: str, url: str, headers: t.Mapping[str, str]) -> Answer:
        """A GET or HEAD past redirects. `Authorization` is for the origin that asked for it and goes to no other; from
        TLS the way never leads to plain HTTP."""
        for _hop in range(MOST_REDIRECTS + 1):
            answer = self.ask(method, url, headers)
            if answer.status not in REDIRECTS or "Location" not in answer.headers:
                return answer
            answer.close()
            here, url = Origin.of(url)[0], urljoin(url, answer.headers["Location"])
            there = Origin.of(url)[0]
            if here.tls and not there.tls:
                raise FormatError(f"{here} redirects to plain HTTP ({there}), which is not followed")
            if there != here:
                headers = {name: value for name, value in headers.items() if name != "Authorization"}
        raise FormatError(f"{here} redirects more than {MOST_REDIRECTS} times")

    def close(self) -> None:
        for transport in self._transports.values():
            transport.close()
