# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a build's log of 200,000 records from the engine's socket, each in a chunk of its own as the engine sends it.

The engine is a fake with the records in memory. The readers are processes (`reader.py`): our transport, records and
fold, and docker-py's `images.build`. Both speak HTTP to the socket and end with the image's id.
"""

from __future__ import annotations

import contextlib
import json
import os
import socketserver
import statistics
import sys
import threading
import typing as t
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import meter
import table
from setting import MB, Setting

ROUNDS = 5
RECORDS = 200_000
IMAGE = "sha256:" + "1d34" * 16
READER = Path(__file__).with_name("reader.py")


def measure(setting: Setting) -> t.Iterator[table.Row]:
    size = len(b"".join(records(RECORDS)))
    with _serving(setting.directory("buildlog") / "engine.sock") as address:
        turns = [(_read("ours", address), _read("theirs", address)) for _turn in range(ROUNDS)]
    seconds, growths = zip(*(zip(*turn) for turn in turns))
    one, other = (size / MB / statistics.median(cpu) for cpu in zip(*seconds))
    yield table.at_least(f"build log of {RECORDS:,} records: throughput", 1.5, one, other, "MB/CPU s")
    grown, theirs = (int(statistics.median(growth)) for growth in zip(*growths))
    yield table.amount("  memory growth", 5 * MB, grown, theirs)


def records(count: int) -> t.Iterator[bytes]:
    """What Docker 20.10's classic builder sends for a `RUN` with so many lines of output."""
    lines = (f"[{n:6}/{count}] Building CXX object src/module/CMakeFiles/module.dir/part.cpp.o\n" for n in range(count))
    container = "0123456789ab"
    texts = [
        "Step 1/2 : FROM base\n",
        " ---> 6f0c9a1b2d3e\n",
        "Step 2/2 : RUN make\n",
        f" ---> Running in {container}\n",
    ]
    for text in (*texts, *lines, f"Removing intermediate container {container}\n", " ---> 1d341d341d34\n"):
        yield _record({"stream": text})
    yield _record({"aux": {"ID": IMAGE}})
    yield _record({"stream": "Successfully built 1d341d341d34\n"})


def _record(value: dict[str, t.Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\r\n"


def _read(who: str, address: str) -> tuple[float, int]:
    """CPU seconds, and bytes by which the peak memory grew."""
    _cost, output = meter.run([sys.executable, str(READER), who, address, str(RECORDS)], os.environ)
    cpu, growth = json.loads(output)
    return cpu, growth


class _Engine(BaseHTTPRequestHandler):
    """`POST /build?t=x:N` answers with a log of N lines."""

    protocol_version = "HTTP/1.1"
    logs: t.ClassVar[dict[int, bytes]] = {}

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # a reader that has its id hangs up
            super().handle()

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        image = path.endswith("/json")
        body = json.dumps({"Id": IMAGE} if image else {"ApiVersion": "1.41", "MinAPIVersion": "1.12"}).encode()
        self._head({"Content-Length": str(len(body)), "Api-Version": "1.41", "Content-Type": "application/json"})
        self.wfile.write(body)

    def do_POST(self) -> None:
        [tag] = parse_qs(urlsplit(self.path).query)["t"]
        count = int(tag.rpartition(":")[2])
        if count not in self.logs:
            self.logs[count] = b"".join(b"%x\r\n%s\r\n" % (len(record), record) for record in records(count))
        self._head({"Transfer-Encoding": "chunked", "Content-Type": "application/json"})
        self.wfile.write(self.logs[count] + b"0\r\n\r\n")

    def _head(self, headers: t.Mapping[str, str]) -> None:
        self.send_response(200)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def address_string(self) -> str:
        return "reader"

    def log_message(self, format: str, *args: t.Any) -> None:
        pass


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


@contextlib.contextmanager
def _serving(path: Path) -> t.Iterator[str]:
    with _Server(str(path), _Engine) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"unix://{path}"
        finally:
            server.shutdown()
