# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a Dockerfile is for BuildKit alone."""

from __future__ import annotations

import re

from ansible_collections.slipway.images.plugins.module_utils.image.dockerfile import Dockerfile, Instruction

_CLASSIC_FLAGS = {"RUN": set[str](), "COPY": {"--from", "--chown"}, "ADD": {"--chown"}}
_HEREDOC = re.compile(r"""(?<!\S)\d*<<-?["']?[^\s<"']""")
_PLATFORM = re.compile("(?:BUILD|TARGET)(?:PLATFORM|OS|ARCH|VARIANT)(?:=.*)?")


def beyond_classic(dockerfile: Dockerfile) -> str:
    """The first thing at which the classic builder would fail, as in `RUN --mount in line 5`; `""` for none."""
    for instruction in dockerfile.instructions:
        said = _beyond(instruction)
        if said:
            return "%s %s in line %d" % (instruction.keyword, said, instruction.line)
    return ""


def told_platforms(dockerfile: Dockerfile) -> bool:
    """Does it ask for arguments that BuildKit sets and the classic builder leaves empty (`TARGETARCH`)?"""
    declared = (each for each in dockerfile.instructions if each.keyword == "ARG")
    return any(_PLATFORM.fullmatch(word) for each in declared for word in each.arguments)


def _beyond(instruction: Instruction) -> str:
    if instruction.keyword not in _CLASSIC_FLAGS:
        return ""
    flags = [flag.partition("=")[0] for flag in instruction.flags]
    new = [flag for flag in flags if flag not in _CLASSIC_FLAGS[instruction.keyword]]
    heredoc = instruction.last > instruction.line and _HEREDOC.search(instruction.text)
    return new[0] if new else "<<" if heredoc else ""
