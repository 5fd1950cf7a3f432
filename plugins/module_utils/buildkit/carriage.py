# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bytes between an end of gRPC and the stream that it is on."""

from __future__ import annotations

import contextlib
import threading
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.errors import SlipwayError, TransportError

_PIECE = 64 << 10


class Stream(t.Protocol):
    """A connection: one thread may send while another receives, and a third shut it down, which ends both.

    What it raises is `TransportError`.
    """

    def receive(self, size: int) -> bytes:
        """At most `size` bytes, b"" at the end."""

    def send(self, data: bytes) -> None:
        """All of it."""

    def shut(self) -> None:
        """Let `receive` and `send` come back; may be called again."""

    def close(self) -> None:
        """After both have come back."""


class End(t.Protocol):
    """A `Server` or a `Client` of `grpc/`."""

    @property
    def busy(self) -> bool:
        """Is a call going on?"""

    def receive(self, data: bytes) -> None:
        """Bytes of the peer's."""

    def outgoing(self) -> bytes:
        """Bytes for the peer; waits for them. `b""` at the end."""

    def close(self) -> None:
        """Cancels all calls."""


@contextlib.contextmanager
def carried(end: End, stream: Stream, name: str, failed: t.Callable[[SlipwayError], object]) -> t.Iterator[None]:
    """Two threads carry for as long as the block lasts; afterwards the end and the stream are closed.

    `failed` hears why they stopped before, if they did.
    """
    over = threading.Event()

    def receive() -> None:
        try:
            for data in iter(lambda: stream.receive(_PIECE), b""):
                end.receive(data)
            if end.busy:
                raise TransportError(f"the engine closed the build's {name} in the middle of a call")
        except SlipwayError as exc:
            if not over.is_set():
                failed(exc)
        finally:
            end.close()

    def send() -> None:
        try:
            for data in iter(end.outgoing, b""):
                stream.send(data)
        except TransportError as exc:
            # An engine that is done hangs up, also while a last word of ours (an acknowledgement) is on its way.
            if end.busy and not over.is_set():
                failed(exc)
        finally:
            end.close()
            stream.shut()

    threads = [threading.Thread(target=run, name=f"{name}-{run.__name__}", daemon=True) for run in (receive, send)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        end.close()
        stream.shut()
        for thread in threads:
            thread.join()
        stream.close()
