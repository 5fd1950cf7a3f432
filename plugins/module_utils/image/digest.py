# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Digests of content."""

from __future__ import annotations

from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError

HEX_DIGITS = {"sha256": 64, "sha384": 96, "sha512": 128}
"""The algorithms of the OCI image specification that engines know, and how long their digests are."""


FORETOLD = "(known after "
"""How an id or a digest begins that only a run would bring about: in check mode something has to stand for it."""


def is_foretold(text: str) -> bool:
    return text.startswith(FORETOLD)


def check(text: str) -> str:
    """`text`, when it is a digest (`sha256:<64 hex>`) or a foretold one; `UsageError` says why it is not."""
    if is_foretold(text):
        return text
    algorithm, colon, digits = text.partition(":")
    if not colon or algorithm not in HEX_DIGITS:
        raise UsageError("%r is not a digest: write sha256: and 64 hex digits" % text, digest=text)
    if not digits or not set(digits) <= set("0123456789abcdef"):
        raise UsageError("%r is not a digest: what follows %s: must be lower-case hex" % (text, algorithm), digest=text)
    if len(digits) != HEX_DIGITS[algorithm]:
        said = (text, algorithm, HEX_DIGITS[algorithm], len(digits))
        raise UsageError("%r is not a digest: %s has %d hex digits, and here are %d" % said, digest=text)
    return text


def short(image_id: str) -> str:
    """The first 12 hex digits, which is how people and the docker CLI write an id; a foretold one stays as it is."""
    return image_id if is_foretold(image_id) else image_id.rpartition(":")[2][:12]
