# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Words of an instruction as an engine's Dockerfile parser takes them apart: blanks, quotes, backslashes, variables.

Source: `parseWords` and `shell.Lex` of moby and BuildKit. `image/dockerfile.py` has a rougher reading of its own for
what only needs to be guessed.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError

_WORD = re.compile(r"""(?:\\.|'[^']*'|"(?:\\.|[^"\\])*"|[^\s'"\\]|['"\\])+""")
# `$$` and their like are parameters of a shell that is not there.
_VARIABLE = r"(?P<variable>\$(?:[^\W\d]\w*|\d+|[@*#?$!-]|\{[^}]*\}?)?)"
_PIECE = re.compile(
    r"""'(?P<single>[^']*)'|"(?P<double>(?:\\.|[^"\\])*)"|\\(?P<escaped>.?)|(?P<open>['"])|""" + _VARIABLE
)
_IN_QUOTES = re.compile(r'\\(?P<escaped>["$\\])|' + _VARIABLE)
_BRACES = re.compile(r"\$\{([^\W\d]\w*)(?::([-+])([^${}]*))?\}")


def split(text: str) -> list[str]:
    """The words, with their quotes and backslashes still in them."""
    return _WORD.findall(text)


def unquoted(word: str, scope: t.Mapping[str, str]) -> str:
    """What a word means: without quotes and backslashes, variables replaced by what `scope` says of them.

    `UsageError` for a quote that is not closed, and for a substitution that not every engine knows.
    """

    def piece(found: re.Match[str]) -> str:
        kinds = found.groupdict()
        if kinds.get("open"):
            raise UsageError("%s: a quote in it is not closed" % word, option="changes")
        if kinds.get("double") is not None:
            return _IN_QUOTES.sub(piece, kinds["double"])
        if kinds["variable"] is not None:
            return _value(kinds["variable"], scope)
        return kinds.get("single") or kinds["escaped"] or ""

    return _PIECE.sub(piece, word)


def _value(variable: str, scope: t.Mapping[str, str]) -> str:
    if variable == "$":
        return "$"
    if not variable.startswith("${"):
        return scope.get(variable[1:], "")
    found = _BRACES.fullmatch(variable)
    if not found:
        raise UsageError("%s is not a variable that an import replaces: write its value" % variable, option="changes")
    name, operator, other = found.groups()
    held = scope.get(name, "")
    if operator == "-":
        return held or other
    return other if operator and held else held
