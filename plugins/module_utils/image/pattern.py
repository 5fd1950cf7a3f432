# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patterns of names, by which users choose many images at once: `shop/*`, `*:stable`."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError
from ansible_collections.slipway.images.plugins.module_utils.image.reference import HUB, Reference

_WILDCARD = re.compile(r"\[!?[^]]+\]|[*?]")
_FILLERS = ("0", "0/0")
_OFFICIAL = "library/"


@dataclass(frozen=True)
class Pattern:
    """`*` stands for anything, also with `/` or `:` in it, `?` for one character, `[ab]` for one of these.

    It is compared with names as an engine prints them, and with the full names of what is Docker Hub's where it begins
    with `docker.io/` or `library/`.
    """

    text: str

    @classmethod
    def of_repositories(cls, text: str, option: str) -> Pattern:
        """`UsageError`, which names `option`, for what is no repository's name however its wildcards are filled."""
        if not any(filled.digest == filled.tag == "" for filled in _filled(text, option)):
            raise _idle(text, option, "a repository has neither tag nor digest: leave that out")
        return cls(text)

    @classmethod
    def of_names(cls, text: str, option: str) -> Pattern:
        """The same for names, with a tag or a digest or without."""
        _filled(text, option)
        return cls(text)

    def covers(self, name: Reference) -> bool:
        """Does the repository of this name match?"""
        return any(fnmatchcase(spelling, self.text) for spelling in self._spellings(name))

    def matches(self, name: Reference) -> bool:
        """Does this name, with its tag or digest or without?"""
        label = name.canonical[len(name.full_name) :]
        return self.covers(name) or any(fnmatchcase(one + label, self.text) for one in self._spellings(name))

    def _spellings(self, name: Reference) -> tuple[str, ...]:
        if name.registry == HUB and self.text.startswith((HUB + "/", _OFFICIAL)):
            return (name.repository, name.full_name, "%s/%s" % (HUB, name.name))
        return (name.name,)

    def __str__(self) -> str:
        return self.text


def _filled(text: str, option: str) -> list[Reference]:
    """Names that the pattern matches; a wildcard may hold a slash, so `localhost:*` may be of a repository."""
    found: list[Reference] = []
    refusals: list[UsageError] = []
    for filler in _FILLERS:
        name, at, digest = _WILDCARD.sub(filler, text).partition("@")
        try:
            found.append(replace(Reference.parse(name), digest=at + digest))
        except UsageError as error:
            refusals.append(error)
    if not found:
        raise _idle(text, option, str(refusals[0])) from refusals[0]
    return found


def _idle(text: str, option: str, reason: str) -> UsageError:
    return UsageError("%r in %s can match nothing: %s" % (text, option, reason), option=option, pattern=text)
