# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.slipway.images.plugins.module_utils.grpc.status import NOT_FOUND, OK, Status


def test_trailers() -> None:
    assert Status(OK).trailers() == [(b"grpc-status", b"0")]
    said = Status(NOT_FOUND, "no é\n100%").trailers()
    assert said == [(b"grpc-status", b"5"), (b"grpc-message", b"no %C3%A9%0A100%25")]
