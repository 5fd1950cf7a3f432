# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why there is no answer: exceptions of sockets, TLS, `http1`, `http.client` and urllib3 in the user's words."""

from __future__ import annotations

import grp
import os
import pwd
import socket
import ssl
import typing as t
from http.client import BadStatusLine, IncompleteRead, RemoteDisconnected

from ansible_collections.slipway.images.plugins.module_utils.errors import TransportError, TransportTimeout
from ansible_collections.slipway.images.plugins.module_utils.wire.address import Address
from ansible_collections.slipway.images.plugins.module_utils.wire.http1 import BrokenOff, NotHttp

try:
    from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, ProxyError, ReadTimeoutError
except ImportError:  # said by `Transport`, the one door
    ConnectTimeoutError = NewConnectionError = ProxyError = ReadTimeoutError = OSError  # type: ignore[assignment,misc]

UNTRUSTED = "is signed by an authority that is not trusted here; {}"
VERIFY = {  # codes of OpenSSL's X509_verify_cert
    9: "is not valid yet; is this host's clock right?",
    10: "has expired (or this host's clock is wrong)",
    18: UNTRUSTED,
    19: UNTRUSTED,
    20: UNTRUSTED,
    21: UNTRUSTED,
}
# What OpenSSL says of bytes that are no TLS; which of them depends on the version.
NOT_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG", "HTTP_REQUEST", "UNKNOWN_PROTOCOL")
WANTS_CERTIFICATE = ("CERTIFICATE_REQUIRED", "ALERT_HANDSHAKE_FAILURE", "ALERT_BAD_CERTIFICATE")


def speaks_tls(address: Address) -> str:
    return f"what listens at {address} speaks TLS: {address.peer.tls}"


def explain(exc: Exception, address: Address, endpoint: str, timeout: float) -> TransportError:
    """The error to raise `from exc`. Facts: `address`, `endpoint`."""
    kind: type[TransportError] = TransportError
    if _late(exc):
        kind = TransportTimeout
        text = f"{address} did not answer {endpoint} within {timeout:g} seconds"
    elif isinstance(exc, ProxyError):
        text = f"the proxy of the environment (http_proxy, ..., no_proxy) does not lead to {address}: {_one_line(exc)}"
    else:
        said = (words for words in (_words(cause, address, endpoint) for cause in _causes(exc)) if words)
        text = next(said, f"the connection to {address} failed on {endpoint}: {_one_line(exc)}")
    return kind(text, address=str(address), endpoint=endpoint)


def _late(exc: Exception) -> bool:
    if isinstance(exc, NewConnectionError):  # in urllib3 1.26 a kind of ConnectTimeoutError, whatever its cause
        return False
    return isinstance(exc, (ConnectTimeoutError, ReadTimeoutError)) or any(
        isinstance(cause, (TimeoutError, socket.timeout)) for cause in _causes(exc)
    )


def _causes(exc: BaseException | None) -> t.Iterator[BaseException]:
    """`exc` and what it wraps, innermost first: urllib3 keeps the cause among the arguments. Contexts are not followed,
    they may be the caller's own troubles; but urllib3 1.26 keeps why it could not connect nowhere else."""
    if exc is None:
        return
    for argument in exc.args:
        if isinstance(argument, BaseException):
            yield from _causes(argument)
    yield from _causes(exc.__cause__ or (exc.__context__ if isinstance(exc, NewConnectionError) else None))
    yield exc


def _words(cause: BaseException, address: Address, endpoint: str) -> str | None:
    if isinstance(cause, ssl.SSLError) or "CertificateError" in type(cause).__name__:
        return _tls(cause, address)
    if isinstance(cause, FileNotFoundError):
        return f"no {address.peer.noun} at {address}: the socket does not exist; {address.peer.absent}"
    if isinstance(cause, PermissionError) and not address.host:
        return _forbidden(address)
    if isinstance(cause, ConnectionRefusedError):
        return f"no {address.peer.noun} at {address}: connection refused; {address.peer.absent}"
    if isinstance(cause, socket.gaierror):
        return f"no {address.peer.noun} at {address}: the name {address.host} is not known ({cause.strerror})"
    if isinstance(cause, IncompleteRead) or (isinstance(cause, BrokenOff) and cause.begun):
        return f"{address} broke off in the middle of its answer to {endpoint}"
    if isinstance(cause, (NotHttp, BadStatusLine)) and not isinstance(cause, RemoteDisconnected):
        if str(cause).lstrip("'\"").startswith(("\x15\x03", "\\x15\\x03")):  # the head of a TLS alert
            return speaks_tls(address)
        return f"what listens at {address} does not speak HTTP: {_one_line(cause)}"
    return None


def _forbidden(address: Address) -> str:
    user = _name(pwd.getpwuid, os.geteuid())
    try:
        group = _name(grp.getgrgid, os.stat(address.path).st_gid)
    except OSError:  # a directory on the way is closed as well
        group = "docker"
    join = f", or make {user} a member of the group {group} (which is as good as root)" if group != "root" else ""
    return f"permission denied on {address}: user {user} may not use the engine; use become{join}"


def _name(look_up: t.Callable[[int], t.Any], number: int) -> str:
    try:
        return str(look_up(number)[0])
    except KeyError:  # a container's user without a line in passwd
        return str(number)


def _tls(cause: BaseException, address: Address) -> str | None:
    peer = address.peer
    reason = str(getattr(cause, "reason", None) or cause)
    code = getattr(cause, "verify_code", None)
    if code in VERIFY:
        return f"the certificate of {address} {VERIFY[code].format(peer.authority)}"
    if code in (62, 64) or "match" in str(cause):  # OpenSSL's codes for a wrong name or address; urllib3's own words
        return f"the certificate of {address} is for another host name; {peer.name}"
    if code is not None:
        return f"the certificate of {address} is not good: {_one_line(cause)}"
    if any(name in reason for name in NOT_TLS):
        return f"what listens at {address} does not speak TLS: {peer.plain}"
    if any(name in reason for name in WANTS_CERTIFICATE):
        return f"the {peer.noun} at {address} wants a client certificate: {peer.identity}"
    if "ALERT_UNKNOWN_CA" in reason or "ALERT_CERTIFICATE" in reason:
        return f"the {peer.noun} at {address} does not accept our client certificate: {_one_line(cause)}"
    return None


def _one_line(exc: BaseException) -> str:
    return " ".join(str(exc).split()) or type(exc).__name__
