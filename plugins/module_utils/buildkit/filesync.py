# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`moby.filesync.v1.FileSync/DiffCopy`: we list a directory, the engine asks for the files that it has not got.

    we: STAT for each entry, numbered from 0, and an empty one      engine: REQUEST(number), any time, any number
    we: DATA(number, bytes)..., and an empty one for its end        engine: FIN       we: FIN

A file that cannot be read ends the call with ERROR and its name; without that the engine would take an empty file.
"""

from __future__ import annotations

import contextlib
import os
import threading
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.buildkit import messages, methods
from ansible_collections.slipway.images.plugins.module_utils.buildkit.sources import Source, Wanted
from ansible_collections.slipway.images.plugins.module_utils.disk import tree
from ansible_collections.slipway.images.plugins.module_utils.disk.filename import native
from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError, SlipwayError, UsageError
from ansible_collections.slipway.images.plugins.module_utils.grpc.call import Call, Handler
from ansible_collections.slipway.images.plugins.module_utils.grpc.status import NOT_FOUND, UNKNOWN, Cancelled, Status

METHOD = methods.DIFF_COPY
BATCH = 256  # entries that are sent at once
PIECE = 256 << 10  # bytes of a file in one message


def service(
    sources: t.Mapping[str, Source], *, any_name: bool, over: t.Callable[[], object] | None = None
) -> dict[str, Handler]:
    """`any_name`: does the engine take names that are not UTF-8? `over` hears that a transfer came to its end. The
    engine is told after it, so it must not take long."""

    def diff_copy(call: Call) -> None:
        name = "".join(call.values("dir-name"))
        source = sources.get(name)
        if source is None:
            raise Status(NOT_FOUND, f"no access allowed to dir {name!r}")
        keys = ("followpaths", "include-patterns", "exclude-patterns")
        patterns = (tuple(map(native, call.values(key))) for key in keys)
        _Transfer(call, source, Wanted(*patterns), any_name).run()
        if over:
            over()

    return {METHOD: diff_copy}


class _Transfer:
    """The list goes out in a thread of its own while the call's thread sends what is asked for: the engine may ask
    before the list ends, and stop reading while nobody hears it."""

    def __init__(self, call: Call, source: Source, wanted: Wanted, any_name: bool) -> None:
        self._call, self._source, self._wanted, self._any_name = call, source, wanted, any_name
        self._files: dict[int, tree.Entry] = {}  # listed, and not asked for yet
        self._failure: BaseException | None = None

    def run(self) -> None:
        lister = threading.Thread(target=self._list, name="list", daemon=True)
        lister.start()
        try:
            self._serve()
        except Cancelled:
            if self._failure is None:
                raise
        except SlipwayError as exc:
            self._fail(exc)
        finally:
            self._call.stop()
            lister.join()
        if self._failure:
            raise self._failure

    def _list(self) -> None:
        try:
            batch: list[bytes] = []
            for number, entry in enumerate(self._source.entries(self._wanted)):
                if not self._any_name:
                    _check_name(entry)
                if entry.kind == tree.FILE:
                    self._files[number] = entry
                batch.append(messages.stat_packet(entry, self._source.xattrs(entry)))
                if len(batch) >= BATCH:
                    self._call.send(*batch)
                    batch.clear()
            self._call.send(*batch, messages.END_OF_LIST)
        except Cancelled:
            pass
        except BaseException as exc:  # the call's thread raises it
            self._fail(exc)

    def _serve(self) -> None:
        for data in self._call:
            asked = messages.parse(data)
            if asked.type == messages.REQUEST:
                self._send(asked.id)
            elif asked.type == messages.FIN:
                self._call.send(messages.packet(messages.FIN))
                return
            elif asked.type == messages.ERROR:
                raise Status(UNKNOWN, f"error from receiver: {asked.data.decode('utf-8', 'replace')}")
            else:
                raise FormatError(f"the engine sent a packet of type {asked.type} where it may only ask for files")
        if self._failure is None:
            raise Status(UNKNOWN, "the call ended in the middle of a transfer")

    def _send(self, number: int) -> None:
        entry = self._files.pop(number, None)
        if entry is None:
            raise FormatError(f"the engine asked for entry {number}, which is no file that it was told of")
        held: list[bytes] = []  # a packet goes with the one behind it: most files are small
        for piece in self._source.content(entry):
            for at in range(0, len(piece), PIECE):
                self._call.send(*held)
                held = [messages.packet(messages.DATA, number, piece[at : at + PIECE])]
        self._call.send(*held, messages.packet(messages.DATA, number))

    def _fail(self, failure: BaseException) -> None:
        self._failure = self._failure or failure
        with contextlib.suppress(Cancelled):
            self._call.send(messages.packet(messages.ERROR, 0, str(failure).encode("utf-8", "replace")))
        self._call.stop()


def _check_name(entry: tree.Entry) -> None:
    for name in (entry.path, entry.target):
        try:
            os.fsencode(name).decode()
        except UnicodeDecodeError as exc:
            shown = tree.shown(name)
            raise UsageError(
                f"{shown} of the build context is not UTF-8, which this engine refuses; rename it, or name it in "
                ".dockerignore",
                path=shown,
            ) from exc
