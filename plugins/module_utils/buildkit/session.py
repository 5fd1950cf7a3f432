# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A session: the services that the engine may call while it builds, over a stream that somebody opened for it.

session = Session({**filesync.service(...), **secrets.service(...)}, key)
with session.serve(upgrade(..., session.headers)):   # POST /session, answered with 101
    ...                                              # POST /build?version=2&session=<id>&remote=client-session
session.check()                                      # what went wrong on our side comes before the engine's words
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import typing as t
import uuid

from ansible_collections.slipway.images.plugins.module_utils.errors import SlipwayError, TransportError
from ansible_collections.slipway.images.plugins.module_utils.grpc import connection
from ansible_collections.slipway.images.plugins.module_utils.grpc.call import Handler, unary
from ansible_collections.slipway.images.plugins.module_utils.grpc.server import Server

MISSING = connection.MISSING
"""Why there can be no session here: the library `h2` is not there; or None."""

HEALTH = "/grpc.health.v1.Health/Check"
SERVING = b"\x08\x01"
PATIENCE = 10.0  # seconds that a call may take to notice that it is over
_PIECE = 64 << 10
_SHARED = "X-Docker-Expose-Session-"


class Stream(t.Protocol):
    """A connection: one thread may send while another receives, and a third shut it down, which ends both.

    What it raises is `TransportError`.
    """

    def receive(self, size: int) -> bytes:
        """At most `size` bytes, b"" at the end."""

    def send(self, data: bytes) -> None: ...

    def shut(self) -> None:
        """Let `receive` and `send` come back; may be called again."""

    def close(self) -> None: ...


class Session:
    """For one stream. `id` is what the engine knows it by."""

    def __init__(self, services: t.Mapping[str, Handler], key: str) -> None:
        """`key` names the directory whose last transfer the engine compares with: see `shared_key`."""
        self.id = uuid.uuid4().hex
        self._services = {HEALTH: unary(lambda request: SERVING), **services}
        self._key = key
        self._failures: list[BaseException] = []
        self._server = Server(self._services, self._failures.append)
        self._over = False

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Of the request that opens the session; one line for each method, as the engine reads them."""
        methods = [(_SHARED + "Grpc-Method", method) for method in self._services]
        return [
            (_SHARED + "Uuid", self.id),
            (_SHARED + "Name", "slipway"),
            (_SHARED + "Sharedkey", self._key),
            *methods,
        ]

    @contextlib.contextmanager
    def serve(self, stream: Stream) -> t.Iterator[Session]:
        """Serve in threads for as long as the block lasts; afterwards there is no thread and no stream left.

        After a block that ended well, calls may come to their end first: the engine is done before we have written
        what it exported.
        """
        threads = [
            threading.Thread(target=run, args=(stream,), name=f"session-{run.__name__}", daemon=True)
            for run in (self._receive, self._send)
        ]
        for thread in threads:
            thread.start()
        try:
            yield self
            self._server.drain(PATIENCE)
        finally:
            self._over = True
            self._server.close()
            stream.shut()
            for thread in threads:
                thread.join()
            self._server.join(PATIENCE)
            stream.close()

    def check(self) -> None:
        """Raise the first thing that went wrong on our side, if anything did."""
        for failure in self._failures:
            raise failure

    def _receive(self, stream: Stream) -> None:
        try:
            while True:
                data = stream.receive(_PIECE)
                if not data:
                    break
                self._server.receive(data)
            if self._server.busy:
                raise TransportError("the engine closed the build's session in the middle of a call")
        except SlipwayError as exc:
            if not self._over:
                self._failures.append(exc)
        finally:
            self._server.close()

    def _send(self, stream: Stream) -> None:
        try:
            for data in iter(self._server.outgoing, b""):
                stream.send(data)
        except TransportError as exc:
            # An engine that is done hangs up, also while a last word of ours (an acknowledgement) is on its way.
            if self._server.busy and not self._over:
                self._failures.append(exc)
        finally:
            self._server.close()
            stream.shut()


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
