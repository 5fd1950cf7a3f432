# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A session: the services that the engine may call while it builds, over a stream that somebody opened for it.

session = Session([Service(methods, make), ...], key)
stream = upgrade(..., session.headers)   # POST /session, answered with 101
with session.serve(stream):              # and POST /build?version=2&session=<id>&remote=client-session
    ...
session.check()                          # what went wrong on our side comes before the engine's words

Until `serve`, nothing of what serving takes is imported: that takes as long as the engine takes to call, once it was
told of the build.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.buildkit.methods import HEALTH

if t.TYPE_CHECKING:
    from ansible_collections.slipway.images.plugins.module_utils.buildkit.carriage import Stream
    from ansible_collections.slipway.images.plugins.module_utils.grpc.call import Handler

SERVING = b"\x08\x01"
PATIENCE = 10.0  # seconds that a call may take to notice that it is over
_SHARED = "X-Docker-Expose-Session-"


class Service(t.NamedTuple):
    """What may be called, and who makes the handlers of that."""

    methods: tuple[str, ...]
    make: t.Callable[[], t.Mapping[str, Handler]]

    @classmethod
    def of(cls, handlers: t.Mapping[str, Handler]) -> Service:
        """Of handlers that are there already."""
        return cls(tuple(handlers), lambda: handlers)


class Session:
    """For one stream. `id` is what the engine knows it by."""

    def __init__(self, services: t.Sequence[Service], key: str) -> None:
        """`key` names the directory whose last transfer the engine compares with: see `shared_key`."""
        self.id = os.urandom(16).hex()
        self._services = services
        self._key = key
        self._failures: list[BaseException] = []

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Of the request that opens the session; one line for each method, as the engine reads them."""
        methods = [HEALTH, *(method for service in self._services for method in service.methods)]
        return [
            (_SHARED + "Uuid", self.id),
            (_SHARED + "Name", "slipway"),
            (_SHARED + "Sharedkey", self._key),
            *((_SHARED + "Grpc-Method", method) for method in methods),
        ]

    @contextlib.contextmanager
    def serve(self, stream: Stream) -> t.Iterator[Session]:
        """Serve in threads for as long as the block lasts; afterwards there is no thread and no stream left.

        After a block that ended well, calls may come to their end first: the engine is done before we have written
        what it exported.
        """
        from ansible_collections.slipway.images.plugins.module_utils.buildkit.carriage import carried
        from ansible_collections.slipway.images.plugins.module_utils.grpc.call import unary
        from ansible_collections.slipway.images.plugins.module_utils.grpc.server import Server

        handlers = {HEALTH: unary(lambda request: SERVING)}
        for service in self._services:
            handlers.update(service.make())
        server = Server(handlers, self._failures.append)
        try:
            with carried(server, stream, "session", self._failures.append):
                yield self
                server.drain(PATIENCE)
        finally:
            server.join(PATIENCE)

    def check(self) -> None:
        """Raise the first thing that went wrong on our side, if anything did."""
        for failure in self._failures:
            raise failure


def shared_key(root: str) -> str:
    """The name of a context directory among all that one engine may hear of: this host, the path, the directory.

    Two directories with one key would be taken for one in which files of equal size and time are equal.
    """
    facts = os.stat(root)
    try:
        with open("/etc/machine-id", encoding="ascii", errors="replace") as file:
            machine = file.read().strip()
    except OSError:
        machine = ""
    told = (machine, os.uname().nodename, os.fsencode(root).hex(), str(facts.st_dev), str(facts.st_ino))
    return hashlib.sha256("\0".join(told).encode()).hexdigest()
