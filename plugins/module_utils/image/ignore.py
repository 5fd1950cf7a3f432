# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The meaning of a `.dockerignore` file, exactly as BuildKit's client has it (moby/patternmatcher and fsutil's walk).

Paths are relative to the context, joined by `/`, without a leading one. The rules are asked top-down: a directory's
state goes to its children, where a pattern that matched the directory counts as matched. The last pattern that matches
decides, with BuildKit's own turn: a pattern that could change nothing (excluded already, or not excluded and an
exception) is not tried, and does not count as matched for the children either.
"""

from __future__ import annotations

import posixpath
import re
import typing as t
from dataclasses import dataclass

from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError
from ansible_collections.slipway.images.plugins.module_utils.image.glob import Glob

# Go's unicode.IsSpace; Python's own strip() would also take the separators U+001C to U+001F.
_SPACE = " \t\n\v\f\r\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
_ANY_DEPTH = 1 << 30


class Run(t.NamedTuple):
    """Neighbouring patterns of one sign. Only whether any of them matches can matter, so they are tried as one."""

    exception: bool
    literals: frozenset[str]
    prefixes: tuple[str, ...]
    suffixes: tuple[str, ...]
    names: re.Pattern[str] | None
    paths: re.Pattern[str] | None

    @classmethod
    def of(cls, exception: bool, globs: t.Sequence[Glob]) -> Run:
        def forms(kind: str) -> list[str]:
            return [glob.form for glob in globs if glob.kind == kind]

        def compiled(kind: str) -> re.Pattern[str] | None:
            sources = forms(kind)
            return re.compile("|".join(f"(?:{source})" for source in sources), re.ASCII) if sources else None

        suffixes = forms("suffix")
        bare = [suffix[1:] for suffix in suffixes if suffix.startswith("/")]  # `**/a` is also `a` at the root
        return cls(
            exception=exception,
            literals=frozenset(forms("literal") + bare),
            prefixes=tuple(forms("prefix")),
            suffixes=tuple(suffixes),
            names=compiled("name"),
            paths=compiled("path"),
        )

    def matches(self, path: str, name: str) -> bool:
        return (
            path in self.literals
            or path.endswith(self.suffixes)
            or path.startswith(self.prefixes)
            or (self.names is not None and self.names.match(name) is not None)
            or (self.paths is not None and self.paths.match(path) is not None)
        )


@dataclass(frozen=True)
class IgnoreRules:
    """Which paths a context leaves out.

    `ancestors` are the directories above an exception's literal head; `reaches` are (head with `/`, components) of the
    exceptions that hold a wildcard: below which directory, and how deep, they may match.
    """

    runs: tuple[Run, ...] = ()
    ancestors: frozenset[str] = frozenset()
    reaches: tuple[tuple[str, int], ...] = ()

    @classmethod
    def parse(cls, text: str, source: str = ".dockerignore") -> IgnoreRules:
        """The rules of an ignore file's text; `FormatError` names the pattern, the line and the `source`."""
        return cls._of(list(_lines(text)), source)

    @classmethod
    def of(cls, patterns: t.Iterable[str], source: str = "the exclude patterns") -> IgnoreRules:
        """The rules of patterns as BuildKit sends them: in order, `!` for an exception."""
        return cls._of(list(enumerate(patterns, 1)), source)

    @classmethod
    def _of(cls, numbered: t.Sequence[tuple[int, str]], source: str) -> IgnoreRules:
        signed = [signed for line, pattern in numbered for signed in _signed(line, pattern, source)]
        runs: list[Run] = []
        start = 0
        for end in range(1, len(signed) + 1):
            if end == len(signed) or signed[end][0] != signed[start][0]:
                globs = [glob for _exception, glob in signed[start:end]]
                runs.append(Run.of(signed[start][0], globs))
                start = end
        exceptions = [glob for exception, glob in signed if exception]
        return cls(tuple(runs), *_reach(exceptions))

    def match(self, path: str, inherited: int = 0) -> tuple[bool, int]:
        """Is `path` excluded, and the state to hand to its children. `inherited` is its parent's state.

        The state is the number of runs up to the last one that matched: it decides for the children as well, unless a
        later run matches them.
        """
        name = path[path.rfind("/") + 1 :]
        state, excluded = inherited, inherited > 0 and not self.runs[inherited - 1].exception
        for number, run in enumerate(self.runs[inherited:], inherited + 1):
            if run.exception == excluded and run.matches(path, name):
                state, excluded = number, not excluded
        return excluded, state

    def is_settled(self, state: int) -> bool:
        """Does this state alone decide for the children, whatever their names are?"""
        return state == len(self.runs)

    def may_reinclude(self, directory: str) -> bool:
        """May an exception match below this excluded directory? If not, nobody needs to look into it."""
        if directory in self.ancestors:
            return True
        below, depth = directory + "/", directory.count("/") + 1
        return any(depth < components and below.startswith(head) for head, components in self.reaches)

    def excludes(self, path: str) -> bool:
        """Would a walk from the root leave `path` out? For single paths; a walk uses `match`."""
        excluded, state, end = False, 0, -1
        while end < len(path):
            end = path.find("/", end + 1)
            end = len(path) if end < 0 else end
            if excluded and not self.may_reinclude(path[: path.rfind("/", 0, end)]):
                return True
            excluded, state = self.match(path[:end], state)
        return excluded


def _lines(text: str) -> t.Iterator[tuple[int, str]]:
    """(line number, pattern) of an ignore file, cleaned as its readers do: a leading `/` means nothing."""
    for number, raw in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        pattern = raw.strip(_SPACE)
        if raw.startswith("#") or not pattern:
            continue
        sign = "!" if pattern.startswith("!") else ""
        pattern = pattern[len(sign) :].strip(_SPACE)
        pattern = _clean(pattern) if pattern else ""
        if len(pattern) > 1 and pattern.startswith("/"):
            pattern = pattern[1:]
        yield number, sign + pattern


def _signed(line: int, pattern: str, source: str) -> t.Iterator[tuple[bool, Glob]]:
    """(is an exception, glob) of one pattern; nothing for an empty one."""
    text = pattern.strip(_SPACE)
    if not text:
        return
    text = _clean(text)
    exception = text.startswith("!")
    try:
        yield exception, Glob.parse(text[1:] if exception else text)
    except FormatError as exc:
        said = f"bad pattern {pattern} in line {line} of {source}: {exc}"
        raise FormatError(said, pattern=pattern, line=line) from exc


def _clean(path: str) -> str:
    """Go's `path.Clean`, which unlike `normpath` keeps no double slash in front."""
    clean = posixpath.normpath(path)
    return clean[1:] if clean.startswith("//") else clean


def _reach(exceptions: t.Sequence[Glob]) -> tuple[frozenset[str], tuple[tuple[str, int], ...]]:
    """`ancestors` and `reaches` of `IgnoreRules`.

    As long as no exception holds a wildcard but in its tail (`/*`, `/**`, or both), BuildKit enters just the
    directories above that tail: `!a/*/**` brings nothing back, although its pattern matches `a/b/c`.
    """
    tails = [glob.text.removesuffix("/**").removesuffix("/*") for glob in exceptions]
    plain = not any(set(tail) & set("*[]?^\\") for tail in tails)
    heads = tails if plain else [glob.head for glob in exceptions]
    ancestors = {head[:end] for head in heads for end, char in enumerate(head + "/") if char == "/"}
    if plain:
        return frozenset(ancestors), ()
    wild = [glob for glob in exceptions if glob.kind != "literal"]
    return frozenset(ancestors), tuple(
        (glob.head + "/" if glob.head else "", glob.depth or _ANY_DEPTH) for glob in wild
    )
