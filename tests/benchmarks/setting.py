# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the benchmarks run, and what they need to be there."""

from __future__ import annotations

import io
import os
import sys
import tarfile
import typing as t
from dataclasses import dataclass
from pathlib import Path

import payload

sys.path.append(str(Path(__file__).parents[1] / "support"))

import engine

MB = 1_000_000


@dataclass(frozen=True)
class Setting:
    """`engine`: the address of one that is ours alone. `registry`: `host:port`. `scratch`: a directory for the run."""

    engine: str
    registry: str
    scratch: Path

    def module(self, module: str, /, at: str | None = None, **arguments: t.Any) -> payload.Payload:
        """A module of either collection, ready to run against the engine, or what stands before it at `at`."""
        return payload.build(module, {"docker_host": at or self.engine, "timeout": 600, **arguments}, self.scratch)

    def directory(self, name: str) -> Path:
        path = self.scratch / name
        path.mkdir()
        return path

    def request(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """A call to the engine which must not fail."""
        status, said = engine.request(self.engine, method, path, body)
        if status >= 300 or b'"errorDetail"' in said:
            raise RuntimeError(f"{method} {path}: {status} {said[-200:]!r}")
        return said

    def image(self, repository: str, size: int) -> str:
        """Give the engine an image with one file of `size` bytes that do not compress; its name."""
        layer = io.BytesIO()
        with tarfile.open(fileobj=layer, mode="w") as tar:
            member = tarfile.TarInfo("data")
            member.size = size
            tar.addfile(member, io.BytesIO(os.urandom(size)))
        self.request("POST", f"/images/create?fromSrc=-&repo={repository}&tag=1", layer.getvalue())
        return f"{repository}:1"
