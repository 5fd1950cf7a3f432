# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Protocol buffers by hand: what a dozen small messages need and no more.

A message is a sequence of (field number, value): an int for a varint, bytes for what has a length.
"""

from __future__ import annotations

import typing as t

from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_64 = (1 << 64) - 1
_SMALL = [bytes((value,)) for value in range(0x80)]

Value = t.Union[int, bytes]


def varint(value: int) -> bytes:
    """Negative ones as the 64-bit two's complement, ten bytes."""
    if 0 <= value <= 0x7F:
        return _SMALL[value]
    value &= _64
    out: list[int] = []
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number: int, value: Value) -> bytes:
    """One field; nothing for a zero or an empty one, as proto3 has it."""
    return message((number, value))


def message(*fields: tuple[int, Value]) -> bytes:
    parts: list[bytes] = []
    for number, value in fields:
        if not value:
            continue
        if isinstance(value, int):
            parts += varint(number << 3 | _VARINT), varint(value)
        else:
            parts += varint(number << 3 | _BYTES), varint(len(value)), value
    return b"".join(parts)


def fields(data: bytes) -> t.Iterator[tuple[int, Value]]:
    """The fields in the order they came; those of a fixed size, which we have no use for, are passed over.

    `FormatError` when it ends in the middle of one.
    """
    at, end = 0, len(data)
    while at < end:
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            value, at = _varint(data, at)
            yield number, value
        elif kind == _BYTES:
            size, at = _varint(data, at)
            if at + size > end:
                raise FormatError("a message of the engine's is cut short")
            yield number, data[at : at + size]
            at += size
        elif kind in (_FIXED32, _FIXED64):
            at += 4 if kind == _FIXED32 else 8
        else:
            raise FormatError(f"a message of the engine's has a field of the unknown type {kind}")
    if at > end:
        raise FormatError("a message of the engine's is cut short")


def last(data: bytes) -> dict[int, Value]:
    """The fields of a message in which none is repeated: the last one of a number counts."""
    return dict(fields(data))


def number(value: Value | None) -> int:
    """A field as a signed integer; 0 when it is not there or none."""
    value = value if isinstance(value, int) else 0
    return value - (1 << 64) if value >> 63 else value


def octets(value: Value | None) -> bytes:
    return value if isinstance(value, bytes) else b""


def text(value: Value | None) -> str:
    """Strings are UTF-8 by rule; what old engines made of paths that are not is kept readable."""
    return octets(value).decode("utf-8", "surrogateescape")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise FormatError("a message of the engine's is cut short, or has a number without an end")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & _64, at
        shift += 7
