# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file that takes another's place when it is complete, and not before."""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
import threading
import typing as t
from dataclasses import dataclass

from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError


@dataclass(frozen=True)
class Replacement:
    """A new file, only its owner's to read, and where it is."""

    file: t.BinaryIO
    path: str


def check(path: str) -> None:
    """`UsageError` when nothing can be put at `path`, as far as that can be told without trying."""
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise UsageError("there is no directory %s to write %s into" % (folder, os.path.basename(path)), path=path)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError("cannot write %s: permission denied in its directory" % path, path=path)


@contextlib.contextmanager
def of(path: str) -> t.Iterator[Replacement]:
    """Open a file beside `path`, which gets its name when the block ends well, flushed to the disk.

    When it does not, whether by an error or because the process is told to stop, nothing is left of it and `path` is
    what it was. `UsageError` when it cannot be written.
    """
    folder, name = os.path.split(os.path.abspath(path))
    try:
        with stoppable():
            handle, beside = tempfile.mkstemp(dir=folder, prefix=".%.100s." % name)
            try:
                with open(handle, "w+b") as file:
                    yield Replacement(file, beside)
                    file.flush()
                    os.fsync(handle)
                os.replace(beside, path)
            except BaseException:
                os.unlink(beside)
                raise
            _sync(folder)
    except OSError as exc:
        said = (exc.strerror or str(exc)).lower()
        raise UsageError("cannot write %s, which is as it was before: %s" % (path, said), path=path) from exc


@contextlib.contextmanager
def stoppable() -> t.Iterator[None]:
    """SIGTERM and SIGHUP end a process on the spot; here they unwind it. Those that are ignored stay ignored."""

    def stop(number: int, _frame: object) -> t.NoReturn:
        raise SystemExit(128 + number)

    numbers = (signal.SIGTERM, signal.SIGHUP) if threading.current_thread() is threading.main_thread() else ()
    changed = [number for number in numbers if signal.getsignal(number) == signal.SIG_DFL]
    for number in changed:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in changed:
            signal.signal(number, signal.SIG_DFL)


def _sync(folder: str) -> None:
    """Without this the new name may be lost with the power. Not every file system lets a directory be flushed."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
