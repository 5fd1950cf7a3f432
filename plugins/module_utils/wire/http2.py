# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP/2 from the first byte on, without asking for an upgrade: so engines take it from 29.2 on, on every socket of
theirs. Over TLS it would have to be agreed on by ALPN, for which `requests` has no ear."""

from __future__ import annotations

import socket

from ansible_collections.slipway.images.plugins.module_utils.errors import TransportError
from ansible_collections.slipway.images.plugins.module_utils.wire.stream import Stream
from ansible_collections.slipway.images.plugins.module_utils.wire.transport import Transport

_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"  # the preface, and settings that change nothing
_HEAD, _TYPE, _SETTINGS = 9, 3, 4  # of a frame, with which the other side begins as well


def connect(transport: Transport) -> Stream | None:
    """A connection on which nothing was said yet; None when nobody there understands HTTP/2, which is tried out on
    another one."""

    def failure(exc: Exception) -> TransportError:
        return transport.explain(exc, "HTTP/2")

    try:
        if not _understood(transport):
            return None
        sock = transport.connect()
        sock.settimeout(None)
    except transport.foreign as exc:
        raise failure(exc) from exc
    return Stream(sock, failure)


def _understood(transport: Transport) -> bool:
    if transport.address.tls:
        return False
    with transport.connect() as sock:
        sock.settimeout(transport.timeout)
        sock.sendall(_HELLO)
        said: bytes = sock.recv(_HEAD, socket.MSG_WAITALL)
        return len(said) == _HEAD and said[_TYPE] == _SETTINGS
