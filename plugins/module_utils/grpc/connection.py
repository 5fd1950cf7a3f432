# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One HTTP/2 connection, on which the peer calls or we do: `h2` with a lock, so that threads may share it.

Bytes come in by `receive` and go out by `outgoing`; whoever holds the socket moves them, and never while the lock is
held: a peer that waits for window updates before it reads would wait for ever.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError, RequirementError
from ansible_collections.slipway.images.plugins.module_utils.grpc import framing

try:
    from h2.config import H2Configuration
    from h2.connection import H2Connection
    from h2.exceptions import H2Error, StreamClosedError
    from h2.settings import SettingCodes, Settings

    MISSING: ImportError | None = None
except ImportError as exc:
    MISSING = exc

WINDOW = 4 << 20  # bytes that a peer may send on one stream before the call has taken them
BACKLOG = 1 << 20  # bytes that may wait to go out; a call that has more waits itself
UNWANTED = 8  # HTTP/2's `CANCEL`
_STREAMS = 250  # calls at a time
_HEADERS = 8 << 20  # bytes of a call's headers: exclude patterns travel in them

Headers = t.Sequence[tuple[bytes, bytes]]


class Connection:
    """`turn` guards everything and is notified of every change that somebody may wait for."""

    def __init__(self, *, calls: bool = False) -> None:
        """`calls`: it is we who call."""
        if MISSING:
            raise RequirementError(
                f"the Python library h2 is missing for {sys.executable} ({MISSING}), and BuildKit's session needs it: "
                f"install the package python3-h2, or run {sys.executable} -m pip install h2",
                library="h2",
                python=sys.executable,
            ) from MISSING
        logging.getLogger("hpack").setLevel(logging.WARNING)  # at DEBUG it writes down every header
        self.turn = threading.Condition()
        self.closed = False
        self._h2 = H2Connection(
            H2Configuration(
                client_side=calls,
                header_encoding=None,
                validate_inbound_headers=False,
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
            )
        )
        self._h2.local_settings = Settings(
            client=calls,
            initial_values={
                SettingCodes.ENABLE_PUSH: 0,
                SettingCodes.INITIAL_WINDOW_SIZE: WINDOW,
                SettingCodes.MAX_CONCURRENT_STREAMS: _STREAMS,
                SettingCodes.MAX_HEADER_LIST_SIZE: _HEADERS,
            },
        )
        self._h2.decoder.max_header_list_size = _HEADERS
        self._h2.initiate_connection()
        self._h2.increment_flow_control_window(4 * WINDOW)
        self._frames = framing.Frames(preface=not calls)
        self._out: list[bytes | memoryview] = []
        self._waiting = 0  # bytes of data that `outgoing` has not taken

    def receive(self, data: bytes) -> list[t.Any]:
        """The events of `h2`; `FormatError` when the peer does not speak HTTP/2. Call it with `turn` held."""
        try:
            events = list(self._h2.receive_data(data))
        # Bytes at random find places where h2 and hpack trip over their own feet.
        except (H2Error, ValueError, KeyError, IndexError, TypeError, AttributeError) as exc:
            raise FormatError(f"the engine does not speak HTTP/2: {exc}") from exc
        self._frames.watch(data)
        return events

    def outgoing(self) -> bytes:
        """What is to be sent; waits until there is something. `b""`: closed."""
        with self.turn:
            while True:
                self._out.append(self._h2.data_to_send())
                data = b"".join(self._out)
                self._out.clear()
                if data or self.closed:
                    if self._waiting >= BACKLOG:  # nobody waits for us otherwise
                        self.turn.notify_all()
                    self._waiting = 0
                    return data
                self.turn.wait()

    def send(self, stream: int, data: bytes, alive: t.Callable[[], bool]) -> bool:
        """Sends as the peer's windows let it; False as soon as nobody is `alive` to hear it."""
        left = memoryview(data)
        with self.turn:
            while left:
                while alive() and self._room(stream) <= 0:
                    self.turn.wait()
                if not alive():
                    return False
                size = min(self._room(stream), len(left))
                self._write(stream, left[:size])
                left = left[size:]
                self.turn.notify_all()
        return True

    def _write(self, stream: int, data: memoryview) -> None:
        """What `h2.send_data` does, which for each 16 kB takes as long as it takes to hash them."""
        self._out.append(self._h2.data_to_send())  # what was said before
        self._out.extend(framing.data_frames(stream, data, self._h2.max_outbound_frame_size))
        self._h2.outbound_flow_control_window -= len(data)
        self._h2.streams[stream].outbound_flow_control_window -= len(data)
        self._waiting += len(data)

    def headers(self, stream: int, headers: Headers, *, end: bool) -> None:
        with self.turn:
            self._h2.send_headers(stream, headers, end_stream=end)
            self.turn.notify_all()

    def open(self, headers: Headers) -> int:
        """A new stream of ours."""
        with self.turn:
            stream: int = self._h2.get_next_available_stream_id()
            self.headers(stream, headers, end=False)
            return stream

    def end(self, stream: int) -> None:
        """Nothing more will be sent on it."""
        with self.turn:
            self._h2.end_stream(stream)
            self.turn.notify_all()

    def reset(self, stream: int, code: int = 0) -> None:
        """Tell the peer that it need not go on sending; with `UNWANTED`, that nobody wants the call."""
        with self.turn:
            self._h2.reset_stream(stream, code)
            self.turn.notify_all()

    def acknowledge(self, stream: int, size: int) -> None:
        """The peer may send `size` bytes more."""
        if size:
            with self.turn:
                with contextlib.suppress(StreamClosedError):  # the connection's own window is open again all the same
                    self._h2.acknowledge_received_data(size, stream)
                self.turn.notify_all()

    def close(self) -> None:
        with self.turn:
            self.closed = True
            self.turn.notify_all()

    def _room(self, stream: int) -> int:
        return min(self._h2.local_flow_control_window(stream), BACKLOG - self._waiting)
