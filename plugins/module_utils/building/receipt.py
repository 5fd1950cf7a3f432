# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking what a build gives: beside its destination, until all is there and the engine has said that it is well."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.building import exports
from ansible_collections.slipway.images.plugins.module_utils.buildkit import filesend
from ansible_collections.slipway.images.plugins.module_utils.disk import permissions, replacement, settling
from ansible_collections.slipway.images.plugins.module_utils.disk.delivery import Delivery
from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError
from ansible_collections.slipway.images.plugins.module_utils.image.export import Export


class Receipt(t.Protocol):
    """`services` take it, and then it is `complete`."""

    services: filesend.Services
    complete: bool

    def digest(self) -> str:
        """Of what has come."""

    def settle(self, record: str) -> bool:
        """Put it in its place. Whether anything is another now than before."""


@contextlib.contextmanager
def of(export: Export) -> t.Iterator[Receipt]:
    """When the block does not end well, or nobody settles it, nothing is left of it."""
    with contextlib.ExitStack() as stack:
        if not export.directory:
            yield _File(export, stack.enter_context(replacement.of(export.dest)))
        else:
            stack.enter_context(replacement.stoppable())
            yield _Directory(export, Delivery(stack.enter_context(_beside(export.dest))))


class _Directory:
    def __init__(self, export: Export, delivery: Delivery) -> None:
        self._export, self._delivery = export, delivery
        self.complete = False
        self.services = filesend.directory(delivery, self._end)

    def _end(self) -> None:
        self.complete = True
        self._paths = settling.paths(self._delivery.root)

    def digest(self) -> str:
        return settling.digest(self._delivery.root, self._paths, self._delivery.directories)

    def settle(self, record: str) -> bool:
        new = not os.path.isdir(self._export.dest)
        if new:
            os.mkdir(self._export.dest)
        changed = settling.settle(self._delivery, self._export.dest) or new
        exports.remember(record, self._paths)
        return changed


class _File:
    def __init__(self, export: Export, new: replacement.Replacement) -> None:
        self._export, self._new = export, new
        self.complete = False
        self.services = filesend.stream(new.file.write, self._end)

    def _end(self) -> None:
        self.complete = True
        self._new.file.flush()

    def digest(self) -> str:
        return exports.file_digest(self._new.path)

    def settle(self, record: str) -> bool:
        now = permissions.of(self._export.dest)
        permissions.give(self._new.file.fileno(), permissions.wanted(now, None, None, None), False)
        return exports.standing(self._export, record) != self.digest()


@contextlib.contextmanager
def _beside(dest: str) -> t.Iterator[str]:
    """An empty directory on the file system of `dest`: in it, as that may be a mount, or else beside it."""
    real = os.path.realpath(dest)
    folder = real if os.path.isdir(real) else os.path.dirname(real)
    try:
        root = tempfile.mkdtemp(dir=folder, prefix=".slipway-")
    except OSError as exc:
        raise UsageError(
            "cannot write into %s: %s" % (folder, (exc.strerror or str(exc)).lower()), path=folder
        ) from exc
    try:
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)
