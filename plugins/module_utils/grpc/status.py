# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a call ended, in gRPC's terms."""

from __future__ import annotations

from urllib.parse import quote

OK, CANCELLED, UNKNOWN, NOT_FOUND, RESOURCE_EXHAUSTED = 0, 1, 2, 5, 8
UNIMPLEMENTED, INTERNAL, UNAVAILABLE = 12, 13, 14


class Status(Exception):
    """What a call's handler raises to answer with something else than `OK`; the text goes to the peer."""

    def __init__(self, code: int, message: str = "") -> None:
        super().__init__(message)
        self.code = code

    def trailers(self) -> list[tuple[bytes, bytes]]:
        """The last headers of the call; the text is percent-encoded UTF-8."""
        said = quote(str(self), safe=" !\"#$&'()*+,/:;<=>?@[]^_`{|}~", errors="replace").encode()
        message = [(b"grpc-message", said)] if said else []
        return [(b"grpc-status", b"%d" % self.code), *message]


class Cancelled(Exception):
    """The peer gave the call up, or is gone: there is nobody to answer."""
