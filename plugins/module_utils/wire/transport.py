# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One HTTP request to one engine, on `requests`; every foreign exception becomes one of ours here."""

from __future__ import annotations

import re
import sys
import typing as t
from json import dumps

from ansible_collections.slipway.images.plugins.module_utils.errors import (
    RequirementError,
    SlipwayError,
    TransportError,
)
from ansible_collections.slipway.images.plugins.module_utils.wire.address import Address
from ansible_collections.slipway.images.plugins.module_utils.wire.answer import Answer, refusal
from ansible_collections.slipway.images.plugins.module_utils.wire.breakdown import FOREIGN, explain, speaks_tls
from ansible_collections.slipway.images.plugins.module_utils.wire.tls import Tls
from ansible_collections.slipway.images.plugins.module_utils.wire.unixsocket import pools, tcp_options

try:
    import requests
    from requests.adapters import HTTPAdapter
    from requests.utils import get_environ_proxies, select_proxy
    from urllib3 import Timeout, disable_warnings
    from urllib3.exceptions import InsecureRequestWarning

    MISSING: ImportError | None = None
except ImportError as exc:
    MISSING = exc
    HTTPAdapter = object  # type: ignore[assignment,misc]

Pairs = t.Union[t.Mapping[str, str], t.Sequence[tuple[str, str]]]


class Transport:
    """Requests to one engine. Connections are kept and reused; threads may share it.

    `timeout` (seconds) guards connecting, and silence while an answer is awaited or read unless the request is
    `patient`. Sending has no limit.
    """

    def __init__(self, address: Address, tls: Tls | None = None, timeout: float = 60) -> None:
        if MISSING:
            raise RequirementError(
                f"the Python library requests is missing for {sys.executable} ({MISSING}): install the package "
                f"python3-requests, or run {sys.executable} -m pip install requests",
                library="requests",
                python=sys.executable,
            ) from MISSING
        self.address = address
        self.timeout = timeout
        self._adapter = _Adapter(address, (tls or Tls()) if address.tls else None)
        # A unix socket has no proxy; nor do we ask for netrc or cookies, which a `requests.Session` would bring.
        self._proxies = {} if address.is_unix else get_environ_proxies(address.url, no_proxy=None)

    def request(self, method: str, path: str, **how: t.Any) -> Answer:
        """`ask`, with a refusal raised: `EngineError` and its kinds."""
        answer = self.ask(method, path, **how)
        # Redirects are not followed: the engine sends one only for a path that is wrong. 304 is its "is so already".
        if answer.status >= 300 and answer.status != 304:
            endpoint = _endpoint(method, path)
            error = refusal(answer, endpoint)
            if error.facts["said"].startswith("Client sent an HTTP request to an HTTPS server"):  # Go's net/http
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
            return explain(exc, self.address, endpoint, self.timeout)

        try:
            asked = requests.Request(
                method,
                self.address.url + path,
                headers=sent,
                params=params,
                data=data,
            ).prepare()
            limits = (self.timeout, None if patient else self.timeout)
            response = self._adapter.send(asked, timeout=limits, proxies=self._proxies)
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
        return self._adapter.connect(self.address.url, self.timeout, self._proxies)

    def close(self) -> None:
        self._adapter.close()


def _endpoint(method: str, path: str) -> str:
    """What a call is named in messages: without the API version, and without a query, which may be a signed one."""
    return f"{method} {re.sub(r'^/v[0-9]+[.][0-9]+(?=/)', '', path.partition('?')[0])}"


class _Adapter(HTTPAdapter):
    """Requests through our own pools. `send` is replaced whole: it differs between versions of requests in how TLS
    settings reach the pool, and before 2.32 an upload in chunks has neither time limits nor an ear for refusals."""

    def __init__(self, address: Address, tls: Tls | None) -> None:
        self._classes = pools(address.path if address.is_unix else None)
        self._options: dict[str, t.Any] = {} if address.is_unix else {"socket_options": tcp_options()}
        if tls:
            self._options["ssl_context"] = tls.context()
            if tls.hostname and tls.verify:
                self._options.update(assert_hostname=tls.hostname, server_hostname=tls.hostname)
            if not tls.verify:
                disable_warnings(InsecureRequestWarning)
        super().__init__()

    def init_poolmanager(self, *args: t.Any, **kwargs: t.Any) -> None:
        super().init_poolmanager(*args, **{**kwargs, **self._options})
        self.poolmanager.pool_classes_by_scheme = self._classes

    def proxy_manager_for(self, proxy: str, **kwargs: t.Any) -> t.Any:
        manager = super().proxy_manager_for(proxy, **{**kwargs, **self._options})
        manager.pool_classes_by_scheme = self._classes
        return manager

    def send(  # type: ignore[override]
        self, request: requests.PreparedRequest, timeout: tuple[float, float | None], proxies: dict[str, str]
    ) -> requests.Response:
        response = self._pool(request.url or "", proxies).request(
            method=request.method or "GET",
            url=self.request_url(request, proxies),
            body=request.body,
            headers=request.headers,
            chunked="Transfer-Encoding" in request.headers,
            timeout=Timeout(connect=timeout[0], read=timeout[1]),
            retries=False,
            redirect=False,
            assert_same_host=False,
            preload_content=False,
            decode_content=False,
            enforce_content_length=True,
        )
        return self.build_response(request, response)

    def connect(self, url: str, timeout: float, proxies: dict[str, str]) -> t.Any:
        pool = self._pool(url, proxies)
        connection = pool._new_conn()
        connection.timeout = timeout
        if pool.proxy and pool.scheme == "https":
            pool._prepare_proxy(connection)
        elif connection.sock is None:
            connection.connect()
        return connection.sock

    def _pool(self, url: str, proxies: dict[str, str]) -> t.Any:
        proxy = select_proxy(url, proxies)
        if proxy and "://" not in proxy:
            proxy = f"http://{proxy}"
        manager = self.proxy_manager_for(proxy) if proxy else self.poolmanager
        return manager.connection_from_url(url)


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
