# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that a build gave: what there is of them.

Which paths a build wrote into a directory is kept beside its record, so that the next task can tell whether they are as
they were left, whatever else there is.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.disk import replacement, settling
from ansible_collections.slipway.images.plugins.module_utils.disk.tree import PIECE
from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError
from ansible_collections.slipway.images.plugins.module_utils.image.export import Export

ABSENT, PRESENT = "absent", "present"
"""Nothing is there; something is, and no record tells what a build wrote of it."""


def check(export: Export) -> None:
    """`UsageError` when it cannot be written, as far as that can be told without trying."""
    if export.directory == os.path.isdir(export.dest):
        if not os.access(export.dest, os.W_OK | os.X_OK) and export.directory:
            raise UsageError("cannot write into %s: permission denied" % export.dest, path=export.dest)
    elif os.path.lexists(export.dest):
        what = "is no directory" if export.directory else "is a directory"
        raise UsageError("outputs: %s %s, and %s needs another dest" % (export.dest, what, export.kind))
    if not export.directory and os.path.lexists(export.dest) and not os.path.isfile(export.dest):
        # A link to nowhere, or a FIFO, which would keep its reader waiting.
        raise UsageError("outputs: %s is no regular file, and %s makes one" % (export.dest, export.kind))
    if not os.path.lexists(export.dest) or not export.directory:
        replacement.check(export.dest.rstrip("/") if export.directory else export.dest)


def found(export: Export, record: str) -> dict[str, str]:
    """Where the files go, with `standing`."""
    check(export)
    return {export.dest: standing(export, record)}


def standing(export: Export, record: str) -> str:
    """The digest of what the build of this record wrote, as it is now; or `ABSENT`, or `PRESENT`."""
    if not os.path.lexists(export.dest):
        return ABSENT
    if not export.directory:
        return file_digest(export.dest)
    try:
        with open(_beside(record), encoding="utf-8") as file:
            os.utime(file.fileno())  # it is in use, as the record itself
            return settling.digest(export.dest, [str(path) for path in json.load(file)])
    except (OSError, ValueError, TypeError):
        return PRESENT


def file_digest(path: str) -> str:
    """`UsageError` when it cannot be read."""
    sha = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while piece := file.read(PIECE):
                sha.update(piece)
    except OSError as exc:
        raise UsageError("cannot read %s: %s" % (path, (exc.strerror or str(exc)).lower()), path=path) from exc
    return "sha256:" + sha.hexdigest()


def remember(record: str, paths: t.Sequence[str]) -> None:
    """Losing it only costs time, as with the record itself, of which there is a warning."""
    with contextlib.suppress(OSError, UsageError):
        os.makedirs(os.path.dirname(record), mode=0o700, exist_ok=True)
        with replacement.of(_beside(record)) as new:
            new.file.write(json.dumps(list(paths)).encode())


def _beside(record: str) -> str:
    return record + ".paths"
