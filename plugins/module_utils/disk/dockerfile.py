# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Dockerfile of a build: its bytes, and where it lies."""

from __future__ import annotations

import os
import stat
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError


class Dockerfile(t.NamedTuple):
    """`inside` is its path in the context, links resolved; None when it lies elsewhere. `mtime` is in seconds."""

    data: bytes
    inside: str | None = None
    mode: int = 0o644
    mtime: int = 0

    @staticmethod
    def usual(root: str) -> str:
        """The name to look for when none is given."""
        upper, lower = (os.path.lexists(os.path.join(root, name)) for name in ("Dockerfile", "dockerfile"))
        return "dockerfile" if lower and not upper else "Dockerfile"

    @classmethod
    def read(cls, root: str, where: str) -> Dockerfile:
        """That at `where`; `root` is the real path of the context. `UsageError` when there is none."""
        try:
            real = os.path.realpath(where)
            with open(real, "rb") as file:
                facts = os.fstat(file.fileno())
                data = file.read()
        except FileNotFoundError as exc:
            raise UsageError(f"there is no Dockerfile {where}", path=where) from exc
        except OSError as exc:
            raise UsageError(f"cannot read the Dockerfile {where}: {exc.strerror}", path=where) from exc
        inside = os.path.relpath(real, root) if real.startswith(root.rstrip("/") + "/") else None
        return cls(data, inside, stat.S_IMODE(facts.st_mode), int(facts.st_mtime))
