# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One HTTP request to one engine; every foreign exception becomes one of ours here."""

from __future__ import annotations

import re
import socket
import sys
import typing as t
from json import dumps
from urllib.parse import urlencode

from ansible_collections.slipway.images.plugins.module_utils.errors import (
    RequirementError,
    SlipwayError,
    TransportError,
    TransportTimeout,
)
from ansible_collections.slipway.images.plugins.module_utils.wire import http1
from ansible_collections.slipway.images.plugins.module_utils.wire.address import Address
from ansible_collections.slipway.images.plugins.module_utils.wire.answer import Answer, refusal
from ansible_collections.slipway.images.plugins.module_utils.wire.local import Local, Request

if t.TYPE_CHECKING:
    from ansible_collections.slipway.images.plugins.module_utils.wire.remote import Remote
    from ansible_collections.slipway.images.plugins.module_utils.wire.ssh import Forwarding
    from ansible_collections.slipway.images.plugins.module_utils.wire.tls import Tls

Pairs = t.Union[t.Mapping[str, str], t.Sequence[tuple[str, str]]]


class Transport:
    """Requests to one engine. Connections are kept and reused; threads may share it.

    `timeout` (seconds) guards connecting, and silence while an answer is awaited or read unless the request is
    `patient`. Sending has no limit.
    """

    def __init__(self, address: Address, tls: Tls | None = None, timeout: float = 60) -> None:
        self.address = address
        self.timeout = timeout
        self._forwarding = _forwarding(address, timeout) if address.ssh else None
        if address.is_unix:
            self._line: Local | Remote = Local(self._forwarding.path if self._forwarding else address.path)
        else:
            self._line = _remote(address, tls)
        self.foreign: tuple[type[Exception], ...] = (*self._line.foreign, http1.HttpError)
        """What may be raised through `connect` by whoever speaks for himself; `explain` makes ours of it."""

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
        meanwhile: t.Callable[[], object] | None = None,
    ) -> Answer:
        """Sends and waits for the head of the answer, whatever its status; `path` includes the API version.

        An iterable body goes out as it is made, each block as one chunk; when it raises, the connection is dropped
        before the end of the body is marked, and its error comes out unchanged. `meanwhile` is what to do while the
        engine works on an answer; its error, too, comes out unchanged. Raises `TransportError` when there is no answer.
        """
        endpoint = _endpoint(method, path)
        sent = dict(headers or {})
        if json is not None:
            body, sent["Content-Type"] = dumps(json).encode(), "application/json"
        data = body if body is None or isinstance(body, bytes) else _upload(body)

        asked = Request(
            method=method,
            target=path + ("?" + urlencode(params) if params else ""),
            headers=sent,
            body=data,
            timeout=self.timeout,
            silence=None if patient else self.timeout,
            meanwhile=_ours(meanwhile) if meanwhile else None,
        )

        def translate(exc: Exception) -> SlipwayError:
            return self.explain(exc, endpoint)

        try:
            response = self._line.send(asked)
        except _OursFailed as exc:
            raise exc.error from exc.error.__cause__
        except self.foreign as exc:
            raise translate(exc) from exc
        finally:
            if isinstance(data, t.Generator):  # refused half-way: what the body holds open is let go now
                data.close()
        return Answer(response, self.foreign, translate)

    def connect(self) -> socket.socket:
        """A connected socket for somebody else to speak through. Raises what `foreign` names."""
        return self._line.connect(self.timeout)

    def explain(self, exc: Exception, endpoint: str) -> TransportError:
        """The error to raise `from exc`, one that `foreign` names."""
        from ansible_collections.slipway.images.plugins.module_utils.wire.breakdown import explain

        error = explain(exc, self.address, endpoint, self.timeout)
        if self._forwarding and not isinstance(error, TransportTimeout):
            return self._forwarding.explain() or error
        return error

    def close(self) -> None:
        self._line.close()
        if self._forwarding:
            self._forwarding.close()


def _endpoint(method: str, path: str) -> str:
    """What a call is named in messages: without the API version, and without a query, which may be a signed one."""
    return f"{method} {re.sub(r'^/v[0-9]+[.][0-9]+(?=/)', '', path.partition('?')[0])}"


def _forwarding(address: Address, timeout: float) -> Forwarding:
    from ansible_collections.slipway.images.plugins.module_utils.wire.ssh import Forwarding

    return Forwarding(address, timeout)


def _remote(address: Address, tls: Tls | None) -> Remote:
    try:
        from ansible_collections.slipway.images.plugins.module_utils.wire.remote import Remote

        return Remote(address, tls)
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


class _OursFailed(Exception):
    """Carries an error of our own past the sender, who would take an `OSError` for one of the socket's."""

    def __init__(self, error: OSError) -> None:
        super().__init__(error)
        self.error = error


def _upload(body: t.Iterable[bytes]) -> t.Generator[bytes, None, None]:
    try:
        yield from body
    except OSError as exc:
        raise _OursFailed(exc) from exc


def _ours(function: t.Callable[[], object]) -> t.Callable[[], None]:
    def call() -> None:
        try:
            function()
        except OSError as exc:
            raise _OursFailed(exc) from exc

    return call
