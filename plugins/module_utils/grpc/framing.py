# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has a length in a stream of bytes: HTTP/2's frames, and gRPC's messages in the data that those carry.

A message is one byte `0` (not compressed), four of length (big-endian), and as many bytes.
"""

from __future__ import annotations

import struct
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError

LIMIT = 16 << 20
"""Bytes of the longest message that is taken; engines send at most 4 MiB, newer ones 16 MiB."""

LONGEST_FRAME = 1 << 14
"""Bytes of an HTTP/2 frame, as long as nobody has announced that he takes more; we do not."""

_HEAD = struct.Struct(">BL")
_DATA_HEAD = struct.Struct(">HBBBL")  # its length's three bytes, type 0, no flags
_PREFACE, _FRAME_HEAD = 24, 9  # bytes; a frame's head begins with three of length


def frame(*messages: bytes) -> bytes:
    return b"".join([part for message in messages for part in (_HEAD.pack(0, len(message)), message)])


def data_frames(stream: int, data: memoryview, most: int) -> t.Iterator[bytes | memoryview]:
    """The pieces of HTTP/2's `DATA` frames that carry `data`, at most so many bytes in one."""
    for at in range(0, len(data), most):
        piece = data[at : at + most]
        yield _DATA_HEAD.pack(len(piece) >> 8, len(piece) & 0xFF, 0, 0, stream)
        yield piece


class Messages:
    """Bytes in, whole messages out; cut anywhere. `FormatError` for what cannot be a message of ours."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        self._held += data
        found = []
        at = 0
        while len(self._held) - at >= _HEAD.size:
            compressed, length = _HEAD.unpack_from(self._held, at)
            if compressed:
                raise FormatError("the engine sent a compressed message, which nobody asked for")
            if length > LIMIT:
                raise FormatError(f"the engine sent a message of {length} bytes; at most {LIMIT} are taken")
            end = at + _HEAD.size + length
            if end > len(self._held):
                break
            found.append(bytes(self._held[at + _HEAD.size : end]))
            at = end
        del self._held[:at]
        return found

    @property
    def unfinished(self) -> bool:
        return bool(self._held)


class Frames:
    """Watches the bytes of a peer's connection: `h2` would wait for the end of a frame however long it says it is."""

    def __init__(self, preface: bool) -> None:
        """Who calls begins with a `preface`; who is called does not."""
        self._head = bytearray()
        self._left = _PREFACE if preface else 0

    def watch(self, data: bytes) -> None:
        """`FormatError` for the head of a frame that nobody may send."""
        at = 0
        while at < len(data):
            if self._left:
                passed = min(self._left, len(data) - at)
                self._left -= passed
                at += passed
                continue
            missing = _FRAME_HEAD - len(self._head)
            self._head += data[at : at + missing]
            at += missing
            if len(self._head) == _FRAME_HEAD:
                self._left = int.from_bytes(self._head[:3], "big")
                self._head.clear()
                if self._left > LONGEST_FRAME:
                    raise FormatError(f"the engine does not speak HTTP/2: a frame of {self._left} bytes")
