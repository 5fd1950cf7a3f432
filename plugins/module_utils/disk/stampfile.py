# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the target keeps what it knows of builds: files under the user's cache directory, which only save time.

A file is one line of JSON and a table of stamps. One that is missing, cut short, or of another version is none.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import struct
import tempfile
import time
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.disk import stamps
from ansible_collections.slipway.images.plugins.module_utils.disk.stamps import NEVER, Stamps

VERSION = 2
LIFE = 30 * 86400
"""Seconds for which a file stays that nobody reads."""
MOST = 256
"""Files that stay at most: those that were used last."""

_SUM = 32

Header = dict[str, t.Any]


def directory() -> str:
    """`/slipway-images/builds`, by default below `~/.cache`."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(cache, "slipway-images", "builds")


def path(engine: str, name: str) -> str:
    key = hashlib.sha256(("%s\n%s" % (engine, name)).encode("utf-8", "surrogateescape")).hexdigest()
    return os.path.join(directory(), "%s.build" % key[:32])


def read(file: str) -> tuple[Header, Stamps] | None:
    """Its JSON and its table."""
    try:
        with open(file, "rb") as stream:
            data = stream.read()
        os.utime(file)  # it is in use
        line, _end, table = data[:-_SUM].partition(b"\n")
        header = json.loads(line)
        if header["version"] != VERSION or hashlib.sha256(data[:-_SUM]).digest() != data[-_SUM:]:
            return None
        known = stamps.unpack(table, header["count"])
        if header["taken"] > time.time_ns():  # the clock was set back: times of then and now do not compare
            known = {name: stamp._replace(ctime=NEVER) for name, stamp in known.items()}
    except (OSError, ValueError, KeyError, TypeError, struct.error):
        return None
    return header, known


def write(file: str, header: Header, known: Stamps) -> str:
    """Put it in place at once, so that nobody reads half of it. Gives what is wrong where it cannot, else `""`."""
    folder = os.path.dirname(file)
    line = json.dumps({"version": VERSION, "count": len(known), "taken": time.time_ns(), **header})
    data = line.encode() + b"\n" + stamps.pack(known)
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        handle, beside = tempfile.mkstemp(dir=folder, prefix=".build-")
        try:
            with open(handle, "wb") as stream:
                stream.write(data + hashlib.sha256(data).digest())
            os.replace(beside, file)
        except BaseException:
            os.unlink(beside)
            raise
    except OSError as error:
        return str(error)
    return ""


def forget(file: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(file)


def sweep() -> None:
    """Let go of what nobody has used for long: a build server makes many images, and few of them again."""
    with contextlib.suppress(OSError):
        files = sorted(os.scandir(directory()), key=lambda file: file.stat().st_mtime, reverse=True)
        for place, file in enumerate(files):
            if place >= MOST or file.stat().st_mtime < time.time() - LIFE:
                forget(file.path)
