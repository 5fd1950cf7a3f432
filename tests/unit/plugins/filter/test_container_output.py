# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64

import pytest
from ansible_collections.slipway.images.plugins.filter.container_output import FilterModule

container_output = FilterModule().filters()["container_output"]

OUT, ERR = 1, 2


def frame(stream: int, data: bytes) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(data).to_bytes(4, "big") + data


@pytest.mark.parametrize(
    ("log", "said"),
    [
        (b"", ""),
        (frame(OUT, b"hello\n"), "hello\n"),
        (frame(OUT, b"a\n") + frame(ERR, b"b\n") + frame(OUT, b"c"), "a\nb\nc"),
        (frame(OUT, b"") + frame(OUT, b"x" * 70_000), "x" * 70_000),
        (frame(OUT, b"\xc3") + frame(OUT, b"\xa9"), "é"),
        (frame(OUT, b"\xff!"), "\ufffd!"),
    ],
)
def test_frames(log: bytes, said: str) -> None:
    assert container_output(base64.b64encode(log).decode()) == said


def test_cut_short_anywhere() -> None:
    log = frame(OUT, b"abc") + frame(ERR, b"def")
    for end in range(len(log)):
        said = container_output(base64.b64encode(log[:end]).decode())
        assert "abcdef".startswith(said)
        assert len(said) == max(0, min(end, 11) - 8) + max(0, end - 19)
