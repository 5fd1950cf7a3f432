# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where secrets of a build are kept on the target. No message ever holds one."""

from __future__ import annotations

import os
import stat

from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError

LARGEST = 500 * 1024
"""Bytes: BuildKit takes no larger secret (`session/secrets`, `MaxSecretSize`)."""


def read(id: str, path: str) -> bytes:
    """The content of a file."""
    try:
        with open(path, "rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as exc:
        raise UsageError(f"cannot read the secret {id} from {path}: {(exc.strerror or str(exc)).lower()}") from exc
    if len(content) > LARGEST:
        raise UsageError(f"the secret {id} in {path} is larger than {LARGEST // 1024} KiB, which BuildKit refuses")
    return content


def variable(id: str, name: str) -> bytes:
    """The value of an environment variable."""
    value = os.environb.get(name.encode("utf-8", "surrogateescape"))
    if value is None:
        raise UsageError(f"the secret {id} is to come from {name}, which is not set in the task's environment")
    return value


def agent(id: str, path: str | None) -> str:
    """The path of an ssh agent's socket, by default that of `SSH_AUTH_SOCK`."""
    path = path or os.environ.get("SSH_AUTH_SOCK")
    if not path:
        raise UsageError(f"no ssh agent for {id}: SSH_AUTH_SOCK is not set; name the agent's socket, or start one")
    try:
        there = stat.S_ISSOCK(os.stat(path).st_mode)
    except OSError:
        there = False
    if not there:
        raise UsageError(f"no ssh agent for {id}: there is no socket {path}", path=path)
    return path
