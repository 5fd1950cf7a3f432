# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a call ended, in gRPC's terms."""

from __future__ import annotations

import base64
import binascii
import typing as t
from urllib.parse import quote, unquote

OK, CANCELLED, UNKNOWN, NOT_FOUND, ALREADY_EXISTS, RESOURCE_EXHAUSTED, FAILED_PRECONDITION = 0, 1, 2, 5, 6, 8, 9
UNIMPLEMENTED, INTERNAL, UNAVAILABLE = 12, 13, 14


class Status(Exception):
    """What a call's handler raises to answer with something else than `OK`; the text goes to the peer. And what a call
    of ours raises when it is so answered; `details` is then a `google.rpc.Status`, or nothing."""

    def __init__(self, code: int, message: str = "", details: bytes = b"") -> None:
        super().__init__(message)
        self.code, self.details = code, details

    @classmethod
    def of(cls, headers: t.Iterable[tuple[bytes, bytes]]) -> Status:
        """From the last headers of a call. Without a status of gRPC's it is `UNKNOWN`, with that of HTTP as a text."""
        found = {bytes(name): bytes(value) for name, value in headers}
        code = found.get(b"grpc-status", b"")
        if not code.isdigit():
            return cls(UNKNOWN, f"HTTP status {found.get(b':status', b'unknown').decode('ascii', 'replace')}")
        said = unquote(found.get(b"grpc-message", b"").decode("ascii", "replace"), errors="replace")
        return cls(int(code), said, _decoded(found.get(b"grpc-status-details-bin", b"")))

    def trailers(self) -> list[tuple[bytes, bytes]]:
        """The last headers of the call; the text is percent-encoded UTF-8."""
        said = quote(str(self), safe=" !\"#$&'()*+,/:;<=>?@[]^_`{|}~", errors="replace").encode()
        message = [(b"grpc-message", said)] if said else []
        return [(b"grpc-status", b"%d" % self.code), *message]


def _decoded(value: bytes) -> bytes:
    """Base64, whose padding may be left out."""
    try:
        return base64.b64decode(value + b"=" * (-len(value) % 4))
    except binascii.Error:
        return b""


class Cancelled(Exception):
    """The peer gave the call up, or is gone: there is nobody to answer."""
