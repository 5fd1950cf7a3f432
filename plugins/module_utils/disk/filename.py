# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of files are bytes. What others say of them is UTF-8, and what Python takes them for is the locale's."""

from __future__ import annotations

import contextlib
import os
import sys
import typing as t


def native(text: str) -> str:
    """A name that Ansible or an engine told, as this process's `os` has it."""
    return os.fsdecode(text.encode("utf-8", "surrogateescape"))


def told(value: t.Any) -> t.Any:
    """What is said to Ansible, which refuses all that is not UTF-8: names in it, wherever, as others have them."""
    if isinstance(value, dict):
        return {told(key): told(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [told(each) for each in value]
    if not isinstance(value, str) or value.isascii():
        return value
    for encoding in (sys.getfilesystemencoding(), "utf-8"):
        with contextlib.suppress(UnicodeError):
            return value.encode(encoding, "surrogateescape").decode()
    return value.encode("utf-8", "surrogateescape").decode(errors="backslashreplace")
