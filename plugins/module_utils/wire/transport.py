# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One HTTP request to one engine, on `requests`; every foreign exception becomes one of ours here.

Requests are sent by urllib3, which is what `requests` itself sends by: importing the rest of it takes a fifth of a
task's start-up, so that is done only where its knowledge is needed (`wire.proxy`).
"""

from __future__ import annotations

import re
import sys
import typing as t
from http.client import HTTPException
from json import dumps
from urllib.parse import urlencode

from ansible_collections.slipway.images.plugins.module_utils.errors import (
    RequirementError,
    SlipwayError,
    TransportError,
    TransportTimeout,
)
from ansible_collections.slipway.images.plugins.module_utils.wire.address import Address
from ansible_collections.slipway.images.plugins.module_utils.wire.answer import Answer, refusal
from ansible_collections.slipway.images.plugins.module_utils.wire.unixsocket import pools, tcp_options

try:
    from urllib3 import PoolManager, ProxyManager, Timeout, disable_warnings
    from urllib3.exceptions import HTTPError, InsecureRequestWarning

    MISSING: ImportError | None = None
    FOREIGN: tuple[type[Exception], ...] = (HTTPError, OSError, HTTPException)
except ImportError as exc:
    MISSING = exc
    FOREIGN = (OSError, HTTPException)

if t.TYPE_CHECKING:
    from ansible_collections.slipway.images.plugins.module_utils.wire.proxy import Proxy
    from ansible_collections.slipway.images.plugins.module_utils.wire.ssh import Forwarding
    from ansible_collections.slipway.images.plugins.module_utils.wire.tls import Tls

Pairs = t.Union[t.Mapping[str, str], t.Sequence[tuple[str, str]]]


class Transport:
    """Requests to one engine. Connections are kept and reused; threads may share it.

    `timeout` (seconds) guards connecting, and silence while an answer is awaited or read unless the request is
    `patient`. Sending has no limit.
    """

    def __init__(self, address: Address, tls: Tls | None = None, timeout: float = 60) -> None:
        if MISSING:
            raise _missing(MISSING)
        self.address = address
        self.timeout = timeout
        self._forwarding = _forwarding(address, timeout) if address.ssh else None
        socket_path = self._forwarding.path if self._forwarding else address.path
        proxy = None if address.is_unix else _proxy(address)
        self._pool = _pool(address, tls, proxy, socket_path)
        # A proxy for plain HTTP is told the whole URL; through one for TLS there is a tunnel.
        self._prefix = address.url if proxy and not address.tls else "" if address.is_unix else address.path

    def request(self, method: str, path: str, **how: t.Any) -> Answer:
        """`ask`, with a refusal raised: `EngineError` and its kinds."""
        answer = self.ask(method, path, **how)
        # Redirects are not followed: the engine sends one only for a path that is wrong. 304 is its "is so already".
        if answer.status >= 300 and answer.status != 304:
            endpoint = _endpoint(method, path)
            error = refusal(answer, endpoint)
            if answer.status == 407:
                why = f"the proxy of the environment does not let us through to {self.address}: {error.facts['said']}"
                raise TransportError(why, address=str(self.address), endpoint=endpoint)
            if error.facts["said"].startswith("Client sent an HTTP request to an HTTPS server"):  # Go's net/http
                from ansible_collections.slipway.images.plugins.module_utils.wire.breakdown import speaks_tls

                raise TransportError(speaks_tls(self.address), address=str(self.address), endpoint=endpoint)
            raise error
        return answer

    def ask(
        self,
        method: str,
        path: str,
        *,
        params: Pairs = (),
        headers: t.Mapping[str, str] | None = None,
        body: bytes | t.Iterable[bytes] | None = None,
        json: t.Any = None,
        patient: bool = False,
    ) -> Answer:
        """Sends and waits for the head of the answer, whatever its status; `path` includes the API version.

        An iterable body goes out as it is made, each block as one chunk; when it raises, the connection is dropped
        before the end of the body is marked, and its error comes out unchanged. Raises `TransportError` when
        there is no answer.
        """
        endpoint = _endpoint(method, path)
        sent = dict(headers or {})
        if json is not None:
            body, sent["Content-Type"] = dumps(json).encode(), "application/json"
        data = body if body is None or isinstance(body, bytes) else _upload(body)

        def translate(exc: Exception) -> SlipwayError:
            return self.explain(exc, endpoint)

        try:
            response = self._pool.request(
                method,
                self._prefix + path + ("?" + urlencode(params) if params else ""),
                body=data,
                headers=sent,
                chunked=isinstance(data, t.Generator),
                timeout=Timeout(connect=self.timeout, read=None if patient else self.timeout),
                retries=False,
                redirect=False,
                assert_same_host=False,
                preload_content=False,
                decode_content=False,
                enforce_content_length=True,
            )
        except _UploadFailed as exc:
            raise exc.error from exc.error.__cause__
        except FOREIGN as exc:
            raise translate(exc) from exc
        finally:
            if isinstance(data, t.Generator):  # refused half-way: what the body holds open is let go now
                data.close()
        return Answer(response, FOREIGN, translate)

    def connect(self) -> t.Any:
        """A connected socket for somebody else to speak through. Raises what `FOREIGN` names."""
        connection = self._pool._new_conn()
        connection.timeout = self.timeout
        if self._pool.proxy and self.address.tls:
            self._pool._prepare_proxy(connection)
        elif self._pool.proxy:  # which would take the request to itself, and not know what comes after it
            connection.set_tunnel(self.address.host, self.address.port, self._pool.proxy_headers)
            connection.connect()
        elif connection.sock is None:
            connection.connect()
        return connection.sock

    def explain(self, exc: Exception, endpoint: str) -> TransportError:
        """The error to raise `from exc`, one that `FOREIGN` names."""
        from ansible_collections.slipway.images.plugins.module_utils.wire.breakdown import explain

        error = explain(exc, self.address, endpoint, self.timeout)
        if self._forwarding and not isinstance(error, TransportTimeout):
            return self._forwarding.explain() or error
        return error

    def close(self) -> None:
        self._pool.close()
        if self._forwarding:
            self._forwarding.close()


def _endpoint(method: str, path: str) -> str:
    """What a call is named in messages: without the API version, and without a query, which may be a signed one."""
    return f"{method} {re.sub(r'^/v[0-9]+[.][0-9]+(?=/)', '', path.partition('?')[0])}"


def _forwarding(address: Address, timeout: float) -> Forwarding:
    from ansible_collections.slipway.images.plugins.module_utils.wire.ssh import Forwarding

    return Forwarding(address, timeout)


def _pool(address: Address, tls: Tls | None, proxy: Proxy | None, socket_path: str) -> t.Any:
    options: dict[str, t.Any] = {} if address.is_unix else {"socket_options": tcp_options()}
    if address.tls:
        from ansible_collections.slipway.images.plugins.module_utils.wire.tls import Tls

        tls = tls or Tls()
        options["ssl_context"] = tls.context()
        if tls.hostname and tls.verify:
            options.update(assert_hostname=tls.hostname, server_hostname=tls.hostname)
        if not tls.verify:
            disable_warnings(InsecureRequestWarning)
    manager = ProxyManager(proxy.url, proxy_headers=proxy.headers, **options) if proxy else PoolManager(**options)
    manager.pool_classes_by_scheme = pools(socket_path if address.is_unix else None)
    return manager.connection_from_url(address.url)


def _proxy(address: Address) -> Proxy | None:
    from ansible_collections.slipway.images.plugins.module_utils.wire.proxy import of

    try:
        return of(address)
    except ImportError as exc:
        raise _missing(exc) from exc


def _missing(exc: ImportError) -> RequirementError:
    error = RequirementError(
        f"the Python library requests is missing for {sys.executable} ({exc}): install the package python3-requests, "
        f"or run {sys.executable} -m pip install requests",
        library="requests",
        python=sys.executable,
    )
    error.__cause__ = exc
    return error


class _UploadFailed(Exception):
    """Carries an error of the body's maker past urllib3, which would take an `OSError` for one of the socket's."""

    def __init__(self, error: OSError) -> None:
        super().__init__(error)
        self.error = error


def _upload(body: t.Iterable[bytes]) -> t.Generator[bytes, None, None]:
    try:
        yield from body
    except OSError as exc:
        raise _UploadFailed(exc) from exc
