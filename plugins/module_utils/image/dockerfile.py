# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Dockerfile as a value: which instruction stands where, which stages there are, which images they start from.

The engine is the judge of syntax. An odd Dockerfile gives what can be known of it and never an exception.
How lines are joined was read off Docker 20.10's classic builder (`Step n/m : …`) and holds for BuildKit too.
"""

from __future__ import annotations

import itertools
import re
import typing as t

# Arguments that an engine takes without an `ARG`: the proxies (every builder), the platform's (BuildKit).
PREDEFINED = frozenset(
    [name + "_PROXY" for name in ("HTTP", "HTTPS", "FTP", "NO", "ALL")]
    + [name + "_proxy" for name in ("http", "https", "ftp", "no", "all")]
    + [side + part for side in ("BUILD", "TARGET") for part in ("PLATFORM", "OS", "ARCH", "VARIANT")]
)

_DIRECTIVE = re.compile(r"\s*#\s*(syntax|escape|check)\s*=\s*(.+?)\s*", re.IGNORECASE)
_HEREDOC = re.compile(r"""(?<!\S)\d*<<(-?)(["']?)([^\s<"']+)\2(?!\S)""")
_WORD = re.compile(r"""(?:"[^"]*"|'[^']*'|\S)+""")
_MOUNT_FROM = re.compile(r"--mount=(?:\S*,)?from=([^\s,]+)")
_PLAIN = re.compile(r"\$(\w+)")
_BRACED = re.compile(r"\$\{(\w+)(?:(:?[-+])([^${}]*))?\}")


class Instruction(t.NamedTuple):
    """`keyword` in upper case, `text` as written with its lines joined, `line` and `last` counted from 1."""

    keyword: str
    text: str
    line: int
    last: int

    @property
    def flags(self) -> tuple[str, ...]:
        """The words right behind the keyword that begin with `--`."""
        return tuple(itertools.takewhile(_is_flag, _WORD.findall(self.text)[1:]))

    @property
    def arguments(self) -> tuple[str, ...]:
        return tuple(itertools.dropwhile(_is_flag, _WORD.findall(self.text)[1:]))


def _is_flag(word: str) -> bool:
    return word.startswith("--")


class Stage(t.NamedTuple):
    """One `FROM` and what follows it. `name` is in lower case (stage names know no case), "" when it has none."""

    name: str
    base: str
    instructions: tuple[Instruction, ...]

    @classmethod
    def of(cls, instructions: t.Sequence[Instruction]) -> Stage:
        words = instructions[0].arguments
        named = len(words) == 3 and words[1].upper() == "AS"
        return cls(words[2].lower() if named else "", words[0] if words else "", tuple(instructions))

    def sources(self) -> t.Iterator[str]:
        """What `COPY --from=` and `RUN --mount=from=` name: a stage, its number, or an image."""
        for instruction in self.instructions:
            for flag in instruction.flags:
                if instruction.keyword == "COPY" and flag.startswith("--from="):
                    yield flag[len("--from=") :]
                elif instruction.keyword == "RUN":
                    yield from _MOUNT_FROM.findall(flag)


class Dockerfile(t.NamedTuple):
    """`directives` are the parser's (`escape`, `syntax`, `check`); `instructions` are all, in order."""

    directives: t.Mapping[str, str]
    instructions: tuple[Instruction, ...]

    @classmethod
    def parse(cls, text: str) -> Dockerfile:
        lines = [line.rstrip("\r") for line in text.lstrip("\ufeff").split("\n")]
        directives: dict[str, str] = {}
        for line in lines:
            found = _DIRECTIVE.fullmatch(line)
            if not found:
                break
            directives.setdefault(found[1].lower(), found[2])
        return cls(directives, tuple(_instructions(lines, directives.get("escape", "\\"))))

    @property
    def stages(self) -> tuple[Stage, ...]:
        starts = [n for n, instruction in enumerate(self.instructions) if instruction.keyword == "FROM"]
        ends = [*starts[1:], len(self.instructions)]
        return tuple(Stage.of(self.instructions[start:end]) for start, end in zip(starts, ends))

    def steps(self, target: str | None = None) -> tuple[Instruction, ...]:
        """What the classic builder counts: step n is the n-th of these. Global `ARG`s count, and every stage up to
        the target, needed or not. It is always the beginning of `instructions`."""
        stages = self.stages
        if not stages:
            return self.instructions
        return self.instructions[: self.instructions.index(stages[0].instructions[0])] + tuple(
            instruction for stage in stages[: _target(stages, target) + 1] for instruction in stage.instructions
        )

    def bases(
        self, args: t.Mapping[str, str], target: str | None = None, *, skip_unused: bool = False
    ) -> tuple[str, ...]:
        """The images of other builds that this one needs, as written, in order, each once.

        The classic builder runs every stage up to the target; BuildKit skips those that it does not use
        (`skip_unused`). What cannot be known without the engine (an expression of a newer syntax) is left out.
        """
        stages = self.stages
        if not stages:
            return ()
        scope, last = self._scope(args), _target(stages, target)
        found: dict[int, list[str]] = {}
        pending = [last] if skip_unused else list(range(last + 1))
        while pending:
            index = pending.pop()
            if index in found:
                continue
            found[index] = []
            for number, name in enumerate([stages[index].base, *stages[index].sources()]):
                reference = expand(name, scope)
                earlier = _stage(stages[:index], reference, numbers=number > 0)
                if earlier is not None:
                    pending.append(earlier)
                elif reference not in ("", "scratch"):
                    found[index].append(reference)
        return tuple(dict.fromkeys(reference for index in sorted(found) for reference in found[index]))

    def _scope(self, args: t.Mapping[str, str]) -> dict[str, str]:
        """The arguments that a `FROM` sees: those declared before the first, with the user's values before theirs."""
        scope = {name: value for name, value in args.items() if name in PREDEFINED}
        for instruction in itertools.takewhile(lambda each: each.keyword != "FROM", self.instructions):
            for word in instruction.arguments if instruction.keyword == "ARG" else ():
                name, given, default = word.partition("=")
                if name in args:
                    scope[name] = args[name]
                elif given:
                    scope[name] = expand(default, scope)
        return scope


def expand(word: str, scope: t.Mapping[str, str]) -> str:
    """`$X ${X} ${X:-d} ${X-d} ${X:+d} ${X+d}` replaced and quotes removed; "" when something stays unknown."""

    def value(found: re.Match[str]) -> str:
        held, operator, other = scope.get(found[1], ""), found[2] or "", found[3] or ""
        given = bool(held) if operator.startswith(":") else found[1] in scope
        if operator.endswith("-"):
            return held if given else other
        if operator.endswith("+"):
            return other if given else ""
        return held

    word, braced = _PLAIN.sub(lambda found: scope.get(found[1], ""), word), 1
    while braced:  # the innermost first: `${A:-${B}}`
        word, braced = _BRACED.subn(value, word)
    return "" if "$" in word else word.replace('"', "").replace("'", "")


def _target(stages: t.Sequence[Stage], target: str | None) -> int:
    """The number of the stage to build; the last one when the target is nobody's name (the engine will say so)."""
    found = _stage(stages, target or "", numbers=True)
    return len(stages) - 1 if found is None else found


def _stage(stages: t.Sequence[Stage], name: str, *, numbers: bool) -> int | None:
    for index in reversed(range(len(stages))):
        if stages[index].name and stages[index].name == name.lower():
            return index
    return int(name) if numbers and name.isdecimal() and int(name) < len(stages) else None


def _instructions(lines: list[str], escape: str) -> t.Iterator[Instruction]:
    mark = re.escape(escape)
    # A doubled escape at a line's end is a character, not a continuation.
    continued = re.compile(f"(?<!{mark}){mark}[ \t]*$")
    at = 0
    while at < len(lines):
        text, first = lines[at].lstrip(), at + 1
        at += 1
        if not text or text.startswith("#"):
            continue
        joined, more = continued.subn("", text)
        while more and at < len(lines):
            text = lines[at]
            at += 1
            if text.strip() and not text.lstrip().startswith("#"):
                text, more = continued.subn("", text)
                joined += text
        keyword = joined.split(None, 1)[0].upper() if joined.strip() else ""
        if keyword in ("RUN", "COPY", "ADD"):
            at = _past_heredocs(joined, lines, at)
        if keyword:
            yield Instruction(keyword, joined.strip(), first, at)


def _past_heredocs(text: str, lines: list[str], at: int) -> int:
    """Where the next instruction may begin. A heredoc that never ends is none (`RUN test 1 <<2`)."""
    for dash, _quote, name in _HEREDOC.findall(text):
        for end in range(at, len(lines)):
            if (lines[end].lstrip("\t") if dash else lines[end]) == name:
                at = end + 1
                break
    return at
