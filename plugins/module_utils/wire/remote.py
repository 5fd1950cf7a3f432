# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections by TCP and TLS, through the proxy of the environment where there is one, by urllib3.

That is what `requests` itself sends by; of `requests` is what finds the proxy. The connections behave alike in urllib3
1.26 and 2.x.
"""

from __future__ import annotations

import socket
import ssl
import typing as t
from http.client import HTTPException

from ansible_collections.slipway.images.plugins.module_utils.wire.address import Address
from ansible_collections.slipway.images.plugins.module_utils.wire.local import Request
from ansible_collections.slipway.images.plugins.module_utils.wire.proxy import Proxy, of
from ansible_collections.slipway.images.plugins.module_utils.wire.tls import Tls

try:
    from urllib3 import PoolManager, ProxyManager, Timeout, disable_warnings
    from urllib3.connection import HTTPConnection, HTTPSConnection
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
    from urllib3.exceptions import HTTPError, InsecureRequestWarning

    MISSING: ImportError | None = None
except ImportError as exc:
    MISSING = exc
    HTTPConnection = HTTPSConnection = HTTPConnectionPool = HTTPSConnectionPool = object  # type: ignore[assignment,misc]
    HTTPError = Exception  # type: ignore[assignment,misc]


class Remote:
    """One address's connections, kept and reused; threads may share it. `foreign`: what all of this raises."""

    foreign: tuple[type[Exception], ...] = (HTTPError, OSError, HTTPException)

    def __init__(self, address: Address, tls: Tls | None) -> None:
        """Raises `ImportError` without `requests`."""
        if MISSING:
            raise MISSING
        self._address = address
        proxy = of(address)
        self._pool = _pool(address, tls, proxy)
        # A proxy for plain HTTP is told the whole URL; through one for TLS there is a tunnel.
        self._prefix = address.url if proxy and not address.tls else address.path

    def send(self, asked: Request) -> t.Any:
        """As `Local.send`."""
        if asked.meanwhile:  # urllib3 sends and awaits in one
            asked.meanwhile()
        return self._pool.request(
            asked.method,
            self._prefix + asked.target,
            body=asked.body,
            headers=asked.headers,
            chunked=asked.chunked,
            timeout=Timeout(connect=asked.timeout, read=asked.silence),
            retries=False,
            redirect=False,
            assert_same_host=False,
            preload_content=False,
            decode_content=False,
            enforce_content_length=True,
        )

    def connect(self, timeout: float) -> socket.socket:
        """As `Local.connect`."""
        connection = self._pool._new_conn()
        connection.timeout = timeout
        if self._pool.proxy and self._address.tls:
            self._pool._prepare_proxy(connection)
        elif self._pool.proxy:  # which would take the request to itself, and not know what comes after it
            connection.set_tunnel(self._address.host, self._address.port, self._pool.proxy_headers)
            connection.connect()
        elif connection.sock is None:
            connection.connect()
        return t.cast(socket.socket, connection.sock)

    def close(self) -> None:
        self._pool.close()


def _pool(address: Address, tls: Tls | None, proxy: Proxy | None) -> t.Any:
    options: dict[str, t.Any] = {"socket_options": tcp_options()}
    if address.tls:
        tls = tls or Tls()
        options["ssl_context"] = tls.context()
        if tls.hostname and tls.verify:
            options.update(assert_hostname=tls.hostname, server_hostname=tls.hostname)
        if not tls.verify:
            disable_warnings(InsecureRequestWarning)
    manager = ProxyManager(proxy.url, proxy_headers=proxy.headers, **options) if proxy else PoolManager(**options)
    manager.pool_classes_by_scheme = {"http": _TcpPool, "https": _TlsPool}
    return manager.connection_from_url(address.url)


def tcp_options() -> list[tuple[int, int, int]]:
    """A patient reader has no time limit: that the other host is gone is then told by keep-alive probes alone."""
    options = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    if hasattr(socket, "TCP_KEEPIDLE"):  # the system's default is two hours
        options += [(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30), (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 15)]
    return options


class _Sender:
    """What our connections do otherwise than urllib3's."""

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


class _TcpPool(HTTPConnectionPool):
    ConnectionCls = _TcpConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection
