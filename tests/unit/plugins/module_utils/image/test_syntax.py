# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.slipway.images.plugins.module_utils.image import syntax
from ansible_collections.slipway.images.plugins.module_utils.image.dockerfile import Dockerfile


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("FROM a\nRUN --mount=type=cache,target=/x make", "RUN --mount in line 2"),
        ("FROM a\nRUN --network=none make", "RUN --network in line 2"),
        ("FROM a\nCOPY --chmod=0755 a b", "COPY --chmod in line 2"),
        ("FROM a\n\nCOPY --from=x --link a b", "COPY --link in line 3"),
        ("FROM a\nADD --checksum=sha256:0 http://x /", "ADD --checksum in line 2"),
        ("FROM a\nRUN <<EOF\necho\nEOF", "RUN << in line 2"),
        ("FROM a\nCOPY <<-'END' /x\n\tEND", "COPY << in line 2"),
        ("FROM a\nCOPY --from=x --chown=1 a b\nADD --chown=1 a b", ""),
        ("FROM --platform=linux/amd64 a\nHEALTHCHECK --interval=5s CMD x\nRUN test 1 <<2 --mount=x", ""),
        ("# syntax=docker/dockerfile:1\nFROM a\nRUN cat <<< word", ""),
        ("", ""),
    ],
)
def test_what_the_classic_builder_cannot(text: str, said: str) -> None:
    assert syntax.beyond_classic(Dockerfile.parse(text)) == said


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("FROM a\nARG TARGETARCH", True),
        ("ARG BUILDPLATFORM=linux/amd64\nFROM a", True),
        ("FROM a\nARG A TARGETVARIANT", True),
        ("FROM a\nARG TARGET", False),
        ("FROM a\nENV TARGETARCH=1", False),
    ],
)
def test_arguments_that_only_buildkit_sets(text: str, told: bool) -> None:
    assert syntax.told_platforms(Dockerfile.parse(text)) is told
