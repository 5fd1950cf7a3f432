# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A unix socket that passes everything on to an engine's and counts it."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import typing as t
from pathlib import Path

BLOCK = 1 << 16
REQUEST = re.compile(rb"(?:GET|HEAD|POST|PUT|DELETE) /\S* HTTP/1\.1(?=\r\n)")


class Relay:
    """`sent`: bytes to the engine. `requests`: method and path of each, as far as they are not cut by a block's end."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.sent = 0
        self.requests: list[str] = []

    def count(self, block: bytes) -> None:
        self.sent += len(block)
        self.requests += [line.decode("latin-1").rpartition(" ")[0] for line in REQUEST.findall(block)]


@contextlib.contextmanager
def counting(engine: str, directory: Path) -> t.Iterator[Relay]:
    """`engine`: its address, `unix://…`. The connections end by themselves, with either side's."""
    path = directory / "relay.sock"
    relay = Relay(f"unix://{path}")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        threading.Thread(target=_accept, args=(listener, engine.removeprefix("unix://"), relay), daemon=True).start()
        try:
            yield relay
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            path.unlink()


def _accept(listener: socket.socket, engine: str, relay: Relay) -> None:
    with contextlib.suppress(OSError):
        while True:
            client, _peer = listener.accept()
            server = socket.socket(socket.AF_UNIX)
            server.connect(engine)
            for pair in ((client, server, relay.count), (server, client, len)):
                threading.Thread(target=_pass_on, args=pair, daemon=True).start()


def _pass_on(source: socket.socket, sink: socket.socket, count: t.Callable[[bytes], object]) -> None:
    with contextlib.suppress(OSError):
        while block := source.recv(BLOCK):
            count(block)
            sink.sendall(block)
        sink.shutdown(socket.SHUT_WR)
