# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a terminal would show of a program's output in the end, and only the last lines of it.

Output arrives cut anywhere: inside a line, an escape sequence, a redraw. However it is cut, the lines are the same.
"""

from __future__ import annotations

import re
import typing as t
from collections import deque

LINE = 2000  # characters of a line that are kept
_BATCH = 1 << 16  # characters held back, so that the work is done by the batch and not by the piece
_SHORTEST = 4  # a line of a secret shorter than this tells nothing and would blank out everything

_CSI, _OSC = r"\[[0-?]{0,64}[ -/]{0,8}", r"\][^\x07\x1b]{0,512}"
_ESCAPE = re.compile(rf"\x1b(?:{_CSI}[@-~]|{_OSC}(?:\x07|\x1b\\)|[ -/][0-~]|[0-Z\\^-~])")
_UNFINISHED = re.compile(rf"\x1b(?:{_CSI}|{_OSC}\x1b?|[ -/])?\Z")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")


class Secrets:
    """What must not be seen. Of a secret with many lines none may be."""

    def __init__(self, values: t.Iterable[str]) -> None:
        values = [value for value in values if value]
        lines = [line for value in values for line in value.splitlines() if len(line) >= _SHORTEST]
        parts = sorted({*values, *lines}, key=len, reverse=True)
        self.longest = len(parts[0]) if parts else 0
        self._pattern = re.compile("|".join(map(re.escape, parts))) if parts else None

    def hide(self, text: str) -> str:
        return self._pattern.sub("***", text) if self._pattern else text


def drawn(line: str) -> str:
    """The last drawing of a line: without escape sequences, control characters, and what a `\\r` let overwrite."""
    return line if line.isprintable() else _SURROGATE.sub("\ufffd", _drawings(line)[0])


def _drawings(text: str) -> tuple[str, bool]:
    """The last drawing, and whether the next character would begin another."""
    drawings = _CONTROL.sub("", _ESCAPE.sub("", text)).split("\r")
    return next((drawing for drawing in reversed(drawings) if drawing), ""), not drawings[-1]


def clip(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


class Tail:
    """The last `limit` lines of all that was fed; memory does not depend on how much that was."""

    def __init__(self, limit: int, secrets: Secrets) -> None:
        self._secrets = secrets
        self._lines: deque[str] = deque(maxlen=limit)
        self._count = 0
        self._pieces: list[str] = []
        self._size = 0
        self._begun = ""  # a line whose end has not come

    def feed(self, text: str) -> None:
        self._pieces.append(text)
        self._size += len(text)
        if self._size >= _BATCH:
            self._drain()

    def __bool__(self) -> bool:
        """Whether anything was fed."""
        return bool(self._size or self._count or self._begun)

    def lines(self) -> tuple[tuple[str, ...], int]:
        """The last lines, and how many went before them. Ends the line that has begun."""
        self._drain()
        if drawn(self._begun):
            self._take([self._begun], 1)
        self._begun = ""
        return tuple(self._lines), self._count - len(self._lines)

    def _drain(self) -> None:
        text = self._begun + "".join(self._pieces)
        self._pieces.clear()
        self._size = 0
        whole, newline, self._begun = text.rpartition("\n")
        if newline:
            keep = self._lines.maxlen or 1
            self._take(whole.rsplit("\n", keep)[-keep:], whole.count("\n") + 1)
        if len(self._begun) > _BATCH:
            self._begun = self._shortened(self._begun)

    def _take(self, lines: list[str], count: int) -> None:
        self._count += count
        self._lines.extend(clip(self._secrets.hide(drawn(line)), LINE) for line in lines)

    def _shortened(self, begun: str) -> str:
        """The same beginning of a line in bounded space: whatever follows, the line will be drawn the same."""
        unfinished = _UNFINISHED.search(begun)
        rest = unfinished[0] if unfinished else ""
        shown, ended = _drawings(begun[: len(begun) - len(rest)])
        hidden, enough = self._secrets.hide(shown), LINE + 1 + self._secrets.longest
        # Behind `enough` nothing can be seen any more, and no secret that begins before can end.
        return (hidden[:enough] if len(hidden) > enough else shown) + ("\r" if ended else "") + rest
