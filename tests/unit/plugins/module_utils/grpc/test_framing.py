# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os

import pytest
from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError
from ansible_collections.slipway.images.plugins.module_utils.grpc.framing import (
    LIMIT,
    LONGEST_FRAME,
    Frames,
    Messages,
    data_frames,
    frame,
)
from hyperframe.frame import DataFrame, Frame

SENT = [b"", b"a", b"x" * 300, b""]


@pytest.mark.parametrize("cut", range(sum(5 + len(message) for message in SENT) + 1))
def test_wherever_it_is_cut(cut: int) -> None:
    data = frame(*SENT)
    assert data == b"".join(map(frame, SENT))
    messages = Messages()
    assert messages.feed(data[:cut]) + messages.feed(data[cut:]) == SENT
    assert not messages.unfinished


def test_what_is_no_message() -> None:
    with pytest.raises(FormatError, match="compressed"):
        Messages().feed(b"\1\0\0\0\0")
    with pytest.raises(FormatError, match="at most"):
        Messages().feed(b"\0" + (LIMIT + 1).to_bytes(4, "big"))
    messages = Messages()
    assert messages.feed(b"\0\0\0\0\2x") == []
    assert messages.unfinished


@pytest.mark.parametrize("size", [1, 255, 256, LONGEST_FRAME, LONGEST_FRAME + 1, 1 << 20])
def test_data_frames(size: int) -> None:
    data, carried = os.urandom(size), []
    pieces = data_frames(2**31 - 1, memoryview(data), 1 << 17)
    for head, body in zip(pieces, pieces):
        found, length = Frame.parse_frame_header(memoryview(head))
        assert isinstance(found, DataFrame) and not found.flags
        assert (found.stream_id, length) == (2**31 - 1, len(body)) and length <= 1 << 17
        carried.append(body)
    assert b"".join(carried) == data


def test_frames_wherever_they_are_cut() -> None:
    heads = [length.to_bytes(3, "big") + bytes(6) for length in (0, 5, LONGEST_FRAME)]
    good = bytes(24) + heads[0] + heads[1] + b"\xff" * 5 + heads[2] + b"\xff" * LONGEST_FRAME
    bad = good + (LONGEST_FRAME + 1).to_bytes(3, "big") + bytes(6)
    for cut in (*range(80), len(good) - 1, len(good), *range(len(good), len(bad))):
        frames = Frames(preface=True)
        frames.watch(bad[:cut])
        with pytest.raises(FormatError, match="a frame of 16385 bytes"):
            frames.watch(bad[cut:])
