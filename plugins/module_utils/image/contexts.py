# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Named build contexts: what `FROM NAME` and `COPY --from=NAME` mean besides stages and images.

Each is an image (`docker-image://alpine:3.20`), a repository or archive that the engine fetches (any other URL, or
`git@host:path`), or a directory.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError

NAMED = "context:"
"""What comes before the name of one in the words of BuildKit's frontend."""
_IMAGE = "docker-image://"
_REMOTE = re.compile(r"[a-z][a-z0-9+.-]*://|git@")
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._:/@-]*")
_TAKEN = ("context", "dockerfile")  # by the two that every build has


def parse(given: t.Mapping[str, t.Any]) -> dict[str, str]:
    """In the order of their names. `UsageError` for what cannot be."""
    for name, value in given.items():
        if not _NAME.fullmatch(name) or name in _TAKEN:
            raise UsageError("contexts: '%s' cannot be the name of one" % name, option="contexts")
        if not isinstance(value, str) or not value:
            raise UsageError("contexts: %s is neither a directory nor a URL" % name, option="contexts")
    return dict(sorted(given.items()))


def query(named: t.Mapping[str, str]) -> dict[str, str]:
    """As BuildKit's frontend spells them. Where a directory lies does not matter to what comes of it."""
    return {NAMED + name: value if _REMOTE.match(value) else "local:" + name for name, value in named.items()}


def directories(named: t.Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in named.items() if not _REMOTE.match(value)}


def images(named: t.Mapping[str, str]) -> list[str]:
    return [value[len(_IMAGE) :] for value in named.values() if value.startswith(_IMAGE)]
