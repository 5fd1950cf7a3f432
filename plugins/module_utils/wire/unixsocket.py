# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections to an engine: unix socket, TCP and TLS, as urllib3 pools that behave alike in 1.26 and 2.x."""

from __future__ import annotations

import socket
import ssl
import typing as t
from functools import partial

try:
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
except ImportError:  # said by `Transport`, the one door
    HTTPConnection = HTTPSConnection = HTTPConnectionPool = HTTPSConnectionPool = object  # type: ignore[assignment,misc]


class _Sender:
    """What all our connections do otherwise than urllib3's."""

    sock: socket.socket

    def connect(self) -> None:
        super().connect()  # type: ignore[misc]
        # The time limit was for connecting; urllib3 would leave it on while the request is being sent, and an engine
        # that unpacks a layer may well not read for a minute. For reading urllib3 sets the other limit by itself.
        self.sock.settimeout(None)

    def putrequest(self, *args: t.Any, **kwargs: t.Any) -> None:
        super().putrequest(*args, **kwargs)  # type: ignore[misc]
        if self.sock:  # kept from an earlier request, with that one's limit
            self.sock.settimeout(None)

    def send(self, data: t.Any) -> None:
        """An engine that refuses an upload answers and hangs up. urllib3 then goes on to read the answer if it sees
        EPIPE, but not in each version if it sees ECONNRESET or TLS's words for the same."""
        try:
            super().send(data)  # type: ignore[misc]
        except (ConnectionResetError, ssl.SSLEOFError, ssl.SSLZeroReturnError) as exc:
            raise BrokenPipeError(*exc.args) from exc


class _TcpConnection(_Sender, HTTPConnection):
    pass


class _TlsConnection(_Sender, HTTPSConnection):
    pass


class _UnixConnection(_Sender, HTTPConnection):
    def __init__(self, path: str, *args: t.Any, **kwargs: t.Any) -> None:
        super().__init__(*args, **kwargs)
        self._path = path

    def connect(self) -> None:
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.settimeout(self.timeout)
            sock.connect(self._path)
            sock.settimeout(None)
        except BaseException:
            sock.close()
            raise
        self.sock = sock


class _TcpPool(HTTPConnectionPool):
    ConnectionCls = _TcpConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _UnixPool(HTTPConnectionPool):
    def __init__(self, path: str, *args: t.Any, **kwargs: t.Any) -> None:
        super().__init__(*args, **kwargs)
        self.ConnectionCls = partial(_UnixConnection, path)  # type: ignore[assignment]


def pools(socket_path: str | None) -> dict[str, t.Any]:
    """For urllib3's `PoolManager.pool_classes_by_scheme`: all to one unix socket, or to where the URL says."""
    if socket_path:
        return {"http": partial(_UnixPool, socket_path)}
    return {"http": _TcpPool, "https": _TlsPool}


def tcp_options() -> list[tuple[int, int, int]]:
    """A patient reader has no time limit: that the other host is gone is then told by keep-alive probes alone."""
    options = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    if hasattr(socket, "TCP_KEEPIDLE"):  # the system's default is two hours
        options += [(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30), (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 15)]
    return options
