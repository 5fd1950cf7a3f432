# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`moby.filesync.v1.FileSend/DiffCopy`: the engine gives us what a build made, as a directory or as one stream.

A directory travels as in `filesync`, with the roles exchanged: the engine lists, we ask for each file, say FIN when
all have come, and it says FIN. A stream (a tar) is a row of messages with bytes in their first field.
"""

from __future__ import annotations

import contextlib
import typing as t
from collections import deque

from ansible_collections.slipway.images.plugins.module_utils.buildkit import messages, protobuf
from ansible_collections.slipway.images.plugins.module_utils.disk import tree
from ansible_collections.slipway.images.plugins.module_utils.disk.delivery import Arrival, Delivery
from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError
from ansible_collections.slipway.images.plugins.module_utils.grpc.call import Call, Handler
from ansible_collections.slipway.images.plugins.module_utils.grpc.status import UNKNOWN, Status

METHOD = "/moby.filesync.v1.FileSend/DiffCopy"
AT_ONCE = 64  # files that are open while the engine sends them


Services = dict[str, Handler]
Complete = t.Callable[[], object]
"""Called when all is there."""


def directory(delivery: Delivery, complete: Complete) -> Services:
    def receive(call: Call) -> None:
        _Receipt(call, delivery).run()
        complete()

    return {METHOD: receive}


def stream(write: t.Callable[[bytes], object], complete: Complete) -> Services:
    def receive(call: Call) -> None:
        for data in call:
            write(protobuf.octets(protobuf.last(data).get(1)))
        complete()

    return {METHOD: receive}


class _Receipt:
    def __init__(self, call: Call, delivery: Delivery) -> None:
        self._call, self._delivery = call, delivery
        self._told = 0  # entries, of all kinds: a file is asked for by its number among them
        self._listed = False
        self._due: deque[tuple[int, Arrival]] = deque()
        self._files: dict[int, t.BinaryIO] = {}  # asked for
        self._ends: dict[int, contextlib.ExitStack] = {}

    def run(self) -> None:
        try:
            for data in self._call:
                packet = messages.parse(data)
                if packet.type == messages.FIN:
                    self._check_all_is_there()
                    return
                self._take(packet)
                self._ask()
            raise Status(UNKNOWN, "the call ended in the middle of a transfer")
        finally:
            for end in self._ends.values():
                end.close()

    def _check_all_is_there(self) -> None:
        if not self._listed or self._files or self._due:
            raise FormatError("the engine ended a transfer in which files are missing")

    def _take(self, packet: messages.Packet) -> None:
        if packet.type == messages.STAT and not self._listed:
            self._list(packet.stat)
        elif packet.type == messages.DATA and packet.id in self._files:
            if packet.data:
                self._files[packet.id].write(packet.data)
            else:
                del self._files[packet.id]
                self._ends.pop(packet.id).close()
        elif packet.type == messages.ERROR:
            raise Status(UNKNOWN, f"error from sender: {packet.data.decode('utf-8', 'replace')}")
        else:
            raise FormatError(f"the engine sent a packet of type {packet.type} and number {packet.id} unasked")

    def _list(self, said: bytes) -> None:
        if not said:
            self._listed = True
            return
        arrival = messages.arrival(said)
        self._delivery.add(arrival)
        if arrival.kind == tree.FILE:
            self._due.append((self._told, arrival))
        self._told += 1

    def _ask(self) -> None:
        """For as many as may be open; the last word when all is there."""
        asked = []
        while self._due and len(self._files) < AT_ONCE:
            number, arrival = self._due.popleft()
            self._ends[number] = contextlib.ExitStack()
            self._files[number] = self._ends[number].enter_context(self._delivery.content(arrival))
            asked.append(messages.packet(messages.REQUEST, number))
        if self._listed and not self._files and not self._due:
            asked.append(messages.packet(messages.FIN))
        if asked:
            self._call.send(*asked)
