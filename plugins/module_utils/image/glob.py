# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One path pattern as moby/patternmatcher reads it, which is by way of a Go regular expression.

That way shows: `[^a]` matches `/` too, `[[:digit:]]`, `\\d`, `a{2}` and `|` mean in a pattern with a wildcard what they
mean to Go's regexp. What a user may have relied on with `docker build` has to mean the same here.
"""

from __future__ import annotations

import itertools
import re
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError

_SPECIAL = frozenset("*?[]\\")
_NOT_LITERAL = _SPECIAL | frozenset("^|{")
_TOKEN = re.compile(r"(?P<any>\*+)|(?P<one>\?)|\[(?P<sign>\^?)(?P<members>(?:\\.|[^]\\])+)\]|\\?(?P<char>.)", re.DOTALL)
_MEMBER = re.compile(r"\\?(.)(?:-\\?(.))?", re.DOTALL)
_REPEAT = re.compile(r"\{\d+(,\d*)?\}")
_POSIX = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "blank": r"\t ",
    "digit": "0-9",
    "lower": "a-z",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\t\n\v\f\r ",
    "upper": "A-Z",
    "word": r"0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}


class Glob(t.NamedTuple):
    """A pattern, and the cheapest way to match it.

    `kind` says what to do with `form`: `literal` (equal to the path), `prefix`, `suffix` (of the path), `name` and
    `path` (regular expressions for `re.match` on the last component, on the path). `head` is what all matches begin
    with, in whole components; `depth` their number of components, 0 when it is not bounded.
    """

    text: str
    kind: str
    form: str
    head: str
    depth: int

    @classmethod
    def parse(cls, text: str) -> Glob:
        """`text` is clean (no `//`, no trailing `/`). `FormatError` says what is wrong with it."""
        if not text:
            raise FormatError("nothing follows the exclamation mark")
        _check(text)
        kind, form = _form(text)
        if kind in ("name", "path"):
            try:
                re.compile(form, re.ASCII)
            except re.error as exc:
                raise FormatError(str(exc)) from exc
        free = "|" in text and kind == "path"  # an alternative is bound to one end of the path only
        head = text if kind == "literal" else "" if free else _head(text)
        bounded = not free and "**" not in text and not set(text) & set("[{")  # `[^a]` may be a slash
        return cls(text, kind, form, head, text.count("/") + 1 if bounded else 0)


def names(text: str) -> re.Pattern[str]:
    """What a name has to match as a whole for Go's `filepath.Match`, to which `|`, `{` and `[[:alpha:]]` are nothing
    special. `FormatError` as in `Glob.parse`."""
    _check(text)

    def member(found: re.Match[str]) -> str:
        first, last = found.groups()
        return re.escape(first) + ("-" + re.escape(last) if last and first <= last else "")

    def token(found: re.Match[str]) -> str:
        if found["members"]:
            return "[%s%s]" % (found["sign"], _MEMBER.sub(member, found["members"]))
        return ".*" if found["any"] else "." if found["one"] else re.escape(found["char"])

    return re.compile(_TOKEN.sub(token, text), re.DOTALL)


def _head(text: str) -> str:
    return "/".join(itertools.takewhile(_NOT_LITERAL.isdisjoint, text.split("/")))


def _form(text: str) -> tuple[str, str]:
    """`kind` and `form` of `Glob`."""
    if not set(text) & _SPECIAL:
        return "literal", text
    if text.startswith("**") and not set(text[2:]) & _SPECIAL:
        return "suffix", text[2:]
    if text.endswith("**") and not set(text[:-2]) & _SPECIAL:
        return "prefix", text[:-2]
    if text.startswith("**/"):
        tail = text[3:]
        # Not quite Go's: its `.*` stops at a line feed in the name of a directory.
        if tail.startswith("*") and tail[1:2] != "/" and not set(tail[1:]) & _NOT_LITERAL:
            return "suffix", tail[1:]
        if "**" not in tail and not set(tail) & set("/[]^|{\\"):
            return "name", _python(_go(tail)) + r"\Z"
    return "path", _python(_go(text)) + r"\Z"


def _check(text: str) -> None:
    """Refuse what Go's `filepath.Match` calls a syntax error."""
    at = 0
    while at < len(text):
        if text[at] == "\\":
            at += 2
            if at > len(text):
                raise FormatError("a backslash at its end escapes nothing")
        elif text[at] == "[":
            at = _check_class(text, at + 1)
        else:
            at += 1


def _check_class(text: str, at: int) -> int:
    """The index behind the character class whose first character is `text[at]`."""

    def member(at: int) -> int:
        if text[at : at + 1] in ("", "-", "]"):
            raise FormatError("a [ is not closed, or nothing stands where a character of its range should")
        at += 2 if text[at] == "\\" else 1
        if at >= len(text):
            raise FormatError("a [ is not closed")
        return at

    at += text.startswith("^", at)
    first = True
    while first or text[at] != "]":
        first = False
        at = member(at)
        if text[at] == "-":
            at = member(at + 1)
    return at + 1


def _go(text: str) -> str:
    """The Go regular expression of a pattern, without its anchors."""
    out: list[str] = []
    at = 0
    while at < len(text):
        char = text[at]
        at += 1
        if char == "*" and text.startswith("*", at):
            at += 1
            at += text.startswith("/", at)
            out.append("(.*/)?" if at < len(text) else ".*")
        elif char == "*":
            out.append("[^/]*")
        elif char == "?":
            out.append("[^/]")
        elif char == "\\":
            out.append(text[at - 1 : at + 1])
            at += 1
        else:
            # patternmatcher means to escape | { } as well and does not.
            out.append("\\" + char if char in ".+()$" else char)
    return "".join(out)


def _python(go: str) -> str:
    """The same as a Python expression for `match` and `re.ASCII`."""
    out: list[str] = []
    at = 0
    while at < len(go):
        char = go[at]
        if char == "\\":
            out.append(_escape(go[at + 1], "dswDSWafnrtvbB"))
            at += 2
        elif char == "[":
            source, at = _python_class(go, at + 1)
            out.append(source)
        elif char == "{" and not _REPEAT.match(go, at):
            out.append(r"\{")
            at += 1
        else:
            out.append("|(?s:.*)" if char == "|" else char)
            at += 1
    return "".join(out)


def _python_class(go: str, at: int) -> tuple[str, int]:
    """A character class whose first character is `go[at]`, and the index behind it."""
    out = ["["]
    if go.startswith("^", at):
        out.append("^")
        at += 1
    while at < len(go) and (go[at] != "]" or out[-1] in ("[", "^")):
        posix = re.compile(r"\[:(\^?)(\w+):\]").match(go, at)
        if posix and posix[2] in _POSIX and not posix[1]:
            out.append(_POSIX[posix[2]])
            at = posix.end()
        elif go[at] == "\\":
            out.append(_escape(go[at + 1 : at + 2], "dswDSWafnrtv"))
            at += 2
        else:
            # Python warns of what could become set operations.
            out.append("\\" + go[at] if go[at] in "[]&~|^" else go[at])
            at += 1
    if at >= len(go):
        raise FormatError("a [ is not closed")
    return "".join(out) + "]", at + 1


def _escape(char: str, known: t.Container[str]) -> str:
    if char in known:
        return "\\" + char
    if not char or not char.isascii() or char.isalnum():
        raise FormatError(f"\\{char} has no meaning")
    return re.escape(char)
