# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small real HTTP proxy on loopback: it takes every host for this one, so that names need not be known."""

from __future__ import annotations

import base64
import contextlib
import socket
import threading
import typing as t
from dataclasses import dataclass, field


@dataclass
class Proxy:
    """`asked`: the first line of each connection. `login` (`user:password`): who is let through, all if empty."""

    login: str = ""
    asked: list[str] = field(default_factory=list)
    address: str = ""  # host:port

    def serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError), client.makefile("rb") as stream:
            line = stream.readline().decode().strip()
            headers = list(iter(lambda: stream.readline().decode().strip(), ""))
            self.asked.append(line)
            word = "basic " + base64.b64encode(self.login.encode()).decode()
            if self.login and f"proxy-authorization: {word}".lower() not in (h.lower() for h in headers):
                client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
                return
            method, target, version = line.split()
            authority, _slash, path = target.partition("://")[2].partition("/") if "://" in target else (target, "", "")
            with socket.create_connection(("127.0.0.1", int(authority.rpartition(":")[2]))) as server:
                if method == "CONNECT":
                    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                else:  # each of ours is asked once
                    kept = [h for h in headers if not h.lower().startswith(("proxy-", "connection:"))]
                    head = [f"{method} /{path} {version}", *kept, "Connection: close", "", ""]
                    server.sendall("\r\n".join(head).encode())
                back = threading.Thread(target=_pump, args=(server.recv, client), daemon=True)
                back.start()
                _pump(stream.read1, server)
                back.join()


@contextlib.contextmanager
def proxy(login: str = "") -> t.Iterator[Proxy]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        there = Proxy(login, address=f"127.0.0.1:{listener.getsockname()[1]}")

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=there.serve, args=listener.accept()[:1], daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield there
        finally:
            listener.shutdown(socket.SHUT_RDWR)


def _pump(read: t.Callable[[int], bytes], to: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := read(65536):
            to.sendall(data)
        to.shutdown(socket.SHUT_WR)
