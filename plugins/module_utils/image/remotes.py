# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a builder fetches from elsewhere, and what only it can therefore tell to be the same as before."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.image.dockerfile import Dockerfile, Instruction, expand

_REMOTE = re.compile(r"(?:https?|git|ssh)://|git@")  # an image as a context is compared by its id
_COMMIT = re.compile(r"[^#]*#(?:[0-9a-f]{40}|[0-9a-f]{64})(?::.*)?")
_JSON = "[],\"'"


def unpinned(
    dockerfile: Dockerfile, args: t.Mapping[str, str], contexts: t.Mapping[str, str], target: str | None = None
) -> tuple[str, ...]:
    """Where in words (`line 3 of the Dockerfile`), since a URL may hold a password. A checksum or a commit pins."""
    scope: dict[str, str] = {}
    found = ["context %s" % name for name, value in contexts.items() if _fetched(value)]
    for instruction in dockerfile.steps(target):
        if instruction.keyword in ("ARG", "ENV"):
            scope.update(_variables(instruction, args if instruction.keyword == "ARG" else {}, scope))
        elif instruction.keyword == "ADD" and not any(flag.startswith("--checksum=") for flag in instruction.flags):
            words = instruction.arguments[:-1]
            if any(_fetched(expand(word.strip(_JSON), scope)) for word in words):
                found.append("line %d of the Dockerfile" % instruction.line)
    return tuple(found)


def _fetched(source: str) -> bool:
    return bool(_REMOTE.match(source)) and not _COMMIT.fullmatch(source)


def _variables(
    instruction: Instruction, args: t.Mapping[str, str], scope: t.Mapping[str, str]
) -> t.Iterator[tuple[str, str]]:
    for word in instruction.arguments:
        name, given, value = word.partition("=")
        if name in args:
            yield name, args[name]
        elif given:
            yield name, expand(value, scope)
