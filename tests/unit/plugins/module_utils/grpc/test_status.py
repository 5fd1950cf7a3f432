# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.slipway.images.plugins.module_utils.grpc.status import (
    NOT_FOUND,
    OK,
    UNKNOWN,
    Status,
)


def test_trailers() -> None:
    assert Status(OK).trailers() == [(b"grpc-status", b"0")]
    said = Status(NOT_FOUND, "no é\n100%").trailers()
    assert said == [(b"grpc-status", b"5"), (b"grpc-message", b"no %C3%A9%0A100%25")]


@pytest.mark.parametrize(
    ("headers", "code", "text", "details"),
    [
        ({b"grpc-status": b"0"}, OK, "", b""),
        ({b"grpc-status": b"5", b"grpc-message": b"no %C3%A9%0A100%25"}, NOT_FOUND, "no é\n100%", b""),
        ({b"grpc-status": b"5", b"grpc-message": b"\xff%ff"}, NOT_FOUND, "\ufffd\ufffd", b""),
        ({b"grpc-status": b"5", b"grpc-status-details-bin": b"CAU"}, NOT_FOUND, "", b"\x08\x05"),
        ({b"grpc-status": b"5", b"grpc-status-details-bin": b"CAU="}, NOT_FOUND, "", b"\x08\x05"),
        ({b"grpc-status": b"5", b"grpc-status-details-bin": b"C"}, NOT_FOUND, "", b""),
        ({b"grpc-status": b"-1", b":status": b"502"}, UNKNOWN, "HTTP status 502", b""),
        ({}, UNKNOWN, "HTTP status unknown", b""),
    ],
)
def test_what_a_call_came_to(headers: dict[bytes, bytes], code: int, text: str, details: bytes) -> None:
    status = Status.of(headers.items())
    assert (status.code, str(status), status.details) == (code, text, details)
