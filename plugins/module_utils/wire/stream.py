# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A connection that is a mere stream of bytes in both directions, used by a thread for each."""

from __future__ import annotations

import contextlib
import socket
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.errors import TransportError

Failure = t.Callable[[Exception], TransportError]


class Stream:
    """A connected socket. One thread may `send` while another `receive`s, and a third `shut` it, which ends both."""

    def __init__(self, sock: socket.socket, failure: Failure) -> None:
        """`failure` makes an error of ours out of the socket's."""
        self._sock, self._failure = sock, failure

    def receive(self, size: int) -> bytes:
        """At most `size` bytes; `b""` when the other side is done, or we are."""
        try:
            return self._sock.recv(size)
        except OSError as exc:
            raise self._failure(exc) from exc

    def send(self, data: bytes) -> None:
        try:
            self._sock.sendall(data)
        except OSError as exc:
            raise self._failure(exc) from exc

    def shut(self) -> None:
        with contextlib.suppress(OSError):  # it is shut already
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)

    def close(self) -> None:
        self._sock.close()
