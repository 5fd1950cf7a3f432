# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON records out of blocks of bytes, however the bytes are cut. No I/O."""

from __future__ import annotations

import codecs
import json
import re
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError, StreamError

LIMIT = 64 * 1024 * 1024  # characters of one record
EAGER = 64 * 1024  # characters: what is shorter is tried whenever it might be complete

Record = dict[str, t.Any]

_raw_decode = json.JSONDecoder().raw_decode
_gap = re.compile(r"[ \t\r\n]*").match


def decode(blocks: t.Iterable[bytes]) -> t.Iterator[Record]:
    """JSON objects, one a line or simply one after the other; blank lines (keep-alives) mean nothing.

    A record is given as soon as its last byte is there, and what stands before a fault is given before it is raised:
    `FormatError` for anything but objects and for a record above `LIMIT`, `StreamError` when the last record lacks
    its end. Bytes that are not UTF-8 become U+FFFD.
    """
    utf8 = codecs.getincrementaldecoder("utf-8")("replace")
    parts: list[str] = []  # the beginning of a record; joined only when it may have become a whole one
    size = vain = 0  # characters in `parts`, now and at the last attempt that did not find an end
    many_lines = False  # pretty-printed: its newlines end nothing
    for block in blocks:
        text = utf8.decode(block)
        parts.append(text)
        size += len(text)
        newline = "\n" in text
        # Attempts at a long record wait until it has doubled: else a big one in small blocks takes quadratic time.
        due = size < EAGER or size >= 2 * vain
        if (newline and not many_lines) or (due and (newline or "}" in text)):
            rest = yield from _take("".join(parts))
            parts, size, vain, many_lines = [rest], len(rest), len(rest), "\n" in rest
        if size > LIMIT:
            raise FormatError(f"the engine sent a record of more than {LIMIT} characters", limit=LIMIT)
    if (yield from _take("".join(parts) + utf8.decode(b"", True))):
        raise StreamError("the engine's answer broke off in the middle of a record")


def _take(text: str) -> t.Generator[Record, None, str]:
    """Gives the whole records at the start of `text`; returns what is left: "" or the beginning of one more."""
    records, position = _lines(text)
    yield from records
    while True:
        position = _gap(text, position).end()  # type: ignore[union-attr]  # matches everywhere, if only ""
        if position == len(text):
            return ""
        if text[position] != "{":
            raise _foreign(text, position)
        try:
            record, position = _raw_decode(text, position)
        except json.JSONDecodeError as exc:
            # No token spans lines, so a record that merely lacks its end is faultless up to the last of them.
            if exc.pos < text.rfind("\n"):
                raise _foreign(text, position) from exc
            return text[position:]
        except (ValueError, RecursionError) as exc:  # an integer of thousands of digits, nesting without end
            raise _foreign(text, position) from exc
        yield record


def _lines(text: str) -> tuple[list[Record], int]:
    """The records of the whole lines of `text` and where the last line ends; nothing and 0 when it is not that easy.

    With a comma at each newline they are an array, and one call of the parser for many lines costs far less than one
    for each. Inside a string a raw newline is not valid, elsewhere inside a record or beside a blank line the comma
    is not: the array is right or refused.
    """
    end = text.rfind("\n")
    if end < 0:
        return [], 0
    try:
        records = json.loads("[" + text[:end].replace("\n", "\n,") + "]")
    except (ValueError, RecursionError):
        return [], 0
    return (records, end + 1) if set(map(type, records)) == {dict} else ([], 0)


def _foreign(text: str, position: int) -> FormatError:
    return FormatError(f"the engine's answer is not made of JSON objects: {text[position : position + 80]!r}")
