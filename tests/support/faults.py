# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong on the way to a registry, on the way to an engine, and on a disk; all of it real.

with troubled(registry) as proxy:
    proxy.trouble = on("GET", "/manifests/", refuse(429, "TOOMANYREQUESTS", "slow down", **{"Retry-After": "7"}))
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import struct
import subprocess
import sys
import threading
import typing as t
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from ansible_collections.slipway.images.tests.support.registries import call

BLOCK = 1 << 16
NO_LIMIT = sys.maxsize
HOP = ("connection", "keep-alive", "transfer-encoding")  # between two neighbours, not for whom is behind


class Exchange(BaseHTTPRequestHandler):
    """One request and its answer, of `proxy`."""

    protocol_version = "HTTP/1.1"
    default_request_version = "HTTP/1.0"  # so that who begins with TLS is told that this is HTTP, and tries that
    proxy: Proxy

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def behind(self) -> tuple[int, dict[str, str], bytes]:
        """What the registry says: status, headers, body."""
        sent = {name: ", ".join(self.headers.get_all(name, ())) for name in self.headers if name.lower() not in HOP}
        status, headers, body = call(self.proxy.registry, self.command, self.path, self.body(), sent)
        return status, {name: value for name, value in headers.items() if name.lower() not in HOP}, body

    def reply(self, status: int, headers: t.Mapping[str, str], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def hang_up(self) -> None:
        """With a reset: the other side is told at once, and of nothing that was said before."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def answer(self) -> None:
        self.proxy.requests.append("%s %s" % (self.command, self.path))
        with contextlib.suppress(OSError):  # who asked does not wait for it any more
            if not self.proxy.trouble(self):
                self.reply(*self.behind())

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = answer

    def log_message(self, *_what: object) -> None:
        pass


Trouble = t.Callable[[Exchange], bool]
"""Whether it has dealt with the request."""


def none(_exchange: Exchange) -> bool:
    return False


@dataclass
class Proxy:
    """`address` and `registry` (the one behind it): `host:port`. `requests`: method and path of each, in order."""

    registry: str
    address: str = ""
    trouble: Trouble = none
    requests: list[str] = field(default_factory=list)


@contextlib.contextmanager
def troubled(registry: str) -> t.Iterator[Proxy]:
    proxy = Proxy(registry)
    with ThreadingHTTPServer(("127.0.0.1", 0), type("", (Exchange,), {"proxy": proxy})) as server:
        server.daemon_threads = True
        proxy.address = "127.0.0.1:%d" % server.server_port
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield proxy
        finally:
            server.shutdown()


def on(methods: str, path: str, trouble: Trouble) -> Trouble:
    """With these requests only: `methods` as `GET HEAD`, `path` a regular expression that is searched for."""
    return lambda exchange: (
        exchange.command in methods.split() and bool(re.search(path, exchange.path)) and trouble(exchange)
    )


def refuse(status: int, code: str, message: str, **headers: str) -> Trouble:
    """In a registry's words."""

    def trouble(exchange: Exchange) -> bool:
        exchange.body()
        said = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
        exchange.reply(status, {"Content-Type": "application/json", **headers}, said)
        return True

    return trouble


def truncate(exchange: Exchange) -> bool:
    """Half of the answer, and then nothing."""
    status, headers, body = exchange.behind()
    exchange.reply(status, {**headers, "Content-Length": str(len(body))}, body[: len(body) // 2])
    exchange.close_connection = True
    return True


def cut(exchange: Exchange) -> bool:
    """In the middle of an upload."""
    exchange.rfile.readline()
    exchange.hang_up()
    return True


def held(asked: threading.Event, go_on: threading.Event) -> Trouble:
    """No answer until `go_on`; who wants to know that one is being waited for looks at `asked`."""

    def trouble(_exchange: Exchange) -> bool:
        asked.set()
        go_on.wait(60)
        return False

    return trouble


class Relay:
    """A way to an engine that breaks: `address` is a unix socket's; `up` and `down` are how many bytes of one
    connection get through to the engine, and from it, before it does."""

    def __init__(self, address: str, up: int = NO_LIMIT, down: int = NO_LIMIT) -> None:
        self.address = address
        self.up, self.down = up, down
        self._sockets: list[socket.socket] = []

    def break_off(self) -> None:
        for end in self._sockets:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def serve(self, listener: socket.socket, engine: str) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _peer = listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(engine)
                self._sockets += [client, server]
                for pair in ((client, server, self.up), (server, client, self.down)):
                    threading.Thread(target=self._pass_on, args=pair, daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, limit: int) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while block := source.recv(BLOCK):
                passed += len(block)
                if passed > limit:
                    self.break_off()
                sink.sendall(block)
            sink.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def relayed(engine: str, directory: Path, **limits: int) -> t.Iterator[Relay]:
    """`engine`: its address, `unix://…`."""
    path = directory / "relay.sock"
    relay = Relay(f"unix://{path}", **limits)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        threading.Thread(target=relay.serve, args=(listener, engine.removeprefix("unix://")), daemon=True).start()
        try:
            yield relay
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            relay.break_off()


@contextlib.contextmanager
def tiny_disk(at: Path, size: int) -> t.Iterator[Path]:
    """A file system of `size` bytes, in memory."""
    at.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(at)], check=True)
    try:
        yield at
    finally:
        subprocess.run(["umount", "--lazy", str(at)], check=True)
