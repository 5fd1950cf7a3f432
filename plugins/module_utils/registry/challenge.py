# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Authentication challenges: the header `WWW-Authenticate` (RFC 9110, 11.6.1), read into values. No I/O."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass, field

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER = re.compile(r'\s*(%s)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))\s*(?:,|$)' % _TOKEN)
_SCHEME = re.compile(r"[\s,]*(%s)(?:\s+|,|$)" % _TOKEN)


@dataclass(frozen=True)
class Challenge:
    """`scheme` and the names of `parameters` are in lower case."""

    scheme: str
    parameters: t.Mapping[str, str] = field(default_factory=dict)


def parse(header: str) -> tuple[Challenge, ...]:
    """The challenges in their order; what is not well-formed ends the reading, as there is no telling what it means."""
    found = []
    position = 0
    while scheme := _SCHEME.match(header, position):
        position = scheme.end()
        parameters = {}
        while parameter := _PARAMETER.match(header, position):
            name, quoted, bare = parameter.groups()
            parameters[name.lower()] = bare if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            position = parameter.end()
        found.append(Challenge(scheme[1].lower(), parameters))
    return tuple(found)
