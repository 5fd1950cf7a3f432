# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""As `stream`, over TLS. Apart from it, because TLS takes longer to import than most tasks speak to a unix socket."""

from __future__ import annotations

import select
import socket
import ssl
import threading
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.wire.stream import Failure, Stream


class TlsStream(Stream):
    """OpenSSL's connections are not made for two threads: each step takes a lock, and waiting is done without it."""

    _sock: ssl.SSLSocket

    def __init__(self, sock: socket.socket, failure: Failure) -> None:
        super().__init__(sock, failure)
        sock.setblocking(False)
        self._step = threading.Lock()
        self._over = False

    def receive(self, size: int) -> bytes:
        data: bytes = self._when_ready(lambda: self._sock.recv(size), b"")
        return data

    def send(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            left = left[self._when_ready(lambda left=left: self._sock.send(left), len(left)) :]  # type: ignore[misc]

    def shut(self) -> None:
        self._over = True
        super().shut()

    def _when_ready(self, step: t.Callable[[], t.Any], at_the_end: t.Any) -> t.Any:
        while not self._over:
            try:
                with self._step:
                    return step()
            except ssl.SSLWantReadError:
                select.select([self._sock], [], [])
            except ssl.SSLWantWriteError:
                select.select([], [self._sock], [])
            except (OSError, ValueError) as exc:  # a socket that is closed already has no number to select
                if self._over:
                    break
                raise self._failure(exc if isinstance(exc, OSError) else OSError(str(exc))) from exc
        return at_the_end
