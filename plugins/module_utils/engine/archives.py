# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images as files: saved to an archive, made of a root file system."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.engine.transfer import Records
from ansible_collections.slipway.images.plugins.module_utils.image import progress
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference

_LAST_WORDS = 4096
"""Bytes at the end of a broken archive in which the engine's reason is looked for."""


def save(engine: Engine, names: t.Iterable[str], platform: str | None = None) -> t.Iterator[bytes]:
    """`GET /images/get`: the bytes of a tar of images, by name (with tag) or id.

    `platform` (API 1.48) is JSON of the OCI specification. An engine that fails on the way writes its error behind
    what it has sent, where a tar has nothing but zeros.
    """
    params = [("names", name) for name in names] + ([("platform", platform)] if platform else [])
    last = b""
    with engine.request("GET", "/images/get", params=params, patient=True) as answer:
        for block in answer.blocks():
            last = block if len(block) >= _LAST_WORDS else (last + block)[-_LAST_WORDS:]
            yield block
    progress.fold(_error(last)).check("saving images")


def create(
    engine: Engine,
    reference: Reference,
    blocks: t.Iterable[bytes],
    changes: t.Iterable[str] = (),
    comment: str | None = None,
    platform: str | None = None,
) -> Records:
    """`POST /images/create?fromSrc=-`: an image with one layer, of a plain tar.

    The whole reference is `repo`: Podman does not look at `tag`.
    """
    params = [("fromSrc", "-"), ("repo", str(reference)), *(("changes", change) for change in changes)]
    params += [(key, value) for key, value in (("message", comment), ("platform", platform)) if value]
    headers = {"Content-Type": "application/x-tar"}  # without it, the engine takes the tar for a form
    how: dict[str, t.Any] = {"params": params, "headers": headers, "body": blocks, "patient": True}
    with engine.request("POST", "/images/create", **how) as answer:
        yield from answer.records()


def _error(last: bytes) -> Records:
    start = last.rfind(b'{"errorDetail"')
    if start >= 0:
        try:
            yield json.loads(last[start:])
        except ValueError:
            return
