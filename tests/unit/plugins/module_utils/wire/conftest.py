# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real servers, one thread a connection: over a unix socket, TCP and TLS, saying exactly the bytes a test wants."""

from __future__ import annotations

import queue
import socket
import ssl
import struct
import subprocess
import threading
import typing as t
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.errors import TransportError
from ansible_collections.slipway.images.plugins.module_utils.wire.address import Address


class Peer:
    """The server's end of one connection."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.stream = sock.makefile("rb")
        self.line = ""
        self.headers: dict[str, str] = {}

    def head(self) -> bool:
        """Reads a request's head; False when the client has hung up."""
        self.line = self.stream.readline().decode().strip()
        lines = iter(lambda: self.stream.readline().decode().strip(), "")
        self.headers = {name.lower(): value for name, _colon, value in (line.partition(": ") for line in lines)}
        return bool(self.line)

    def body(self) -> bytes:
        return self.stream.read(int(self.headers.get("content-length", "0")))

    def chunks(self) -> t.Iterator[bytes]:
        """The chunks of a request's body, b"" for the mark of its end: without it the body was cut."""
        while size := self.stream.readline():
            chunk = self.stream.read(int(size, 16))
            self.stream.readline()
            yield chunk
            if not chunk:
                return

    def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.sock.sendall(piece)

    def answer(self, body: bytes = b"{}", status: str = "200 OK", *headers: str) -> None:
        head = "".join(f"{h}\r\n" for h in (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers))
        self.send(head.encode() + b"\r\n" + body)

    def stream_out(self, *chunks: bytes, end: bytes = b"0\r\n\r\n") -> None:
        self.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        self.send(b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + end)

    def forget(self) -> None:
        """Hangs up with unread bytes in the kernel: the client gets ECONNRESET, not EPIPE."""
        self.stream.close()
        self.sock.close()


Talk = t.Callable[[Peer], object]


class Server:
    def __init__(self, listener: socket.socket, talk: Talk, context: ssl.SSLContext | None) -> None:
        self.listener, self.talk, self.context = listener, talk, context
        self.said: queue.Queue[t.Any] = queue.Queue()  # what `talk` returned, one for each connection
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=self.listener.accept()[:1], daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with sock, suppress(OSError):
            if sock.family == socket.AF_INET:  # as Go does; else a reset may overtake the answer before it
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            wrapped = self.context.wrap_socket(sock, server_side=True) if self.context else sock
            with wrapped:
                peer = Peer(wrapped)
                self.said.put(self.talk(peer))
                peer.stream.close()

    def conversations(self, count: int = 1) -> list[t.Any]:
        """Waits for what `talk` returned."""
        return [self.said.get(timeout=10) for _turn in range(count)]

    def close(self) -> None:
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


Serve = t.Callable[..., tuple[Address, Server]]


@pytest.fixture
def serve(tmp_path: Path) -> t.Iterator[Serve]:
    """`serve(talk, where, context)`: an address and the server behind it; `where` is unix, tcp or tls."""
    servers: list[Server] = []

    def start(talk: Talk, where: str = "unix", context: ssl.SSLContext | None = None) -> tuple[Address, Server]:
        if where == "unix":
            path = str(tmp_path / f"{len(servers)}.sock")
            listener = socket.socket(socket.AF_UNIX)
            listener.bind(path)
            listener.listen()
            address = Address(path=path)
        else:
            listener = socket.create_server(("127.0.0.1", 0))
            address = Address("127.0.0.1", listener.getsockname()[1], tls=where == "tls")
        servers.append(Server(listener, talk, context))
        return address, servers[-1]

    yield start
    for server in servers:
        server.close()


def reset(sock: socket.socket) -> None:
    """Hang up with words unheard."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def pair() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        return ours, listener.accept()[0]


def failure(exc: OSError) -> TransportError:
    return TransportError("it failed: %s" % exc)


@dataclass(frozen=True)
class Certificates:
    """PEM files. `server` is for 127.0.0.1 and engine.test, `expired` too, `other` for other.test only."""

    folder: Path

    def __getattr__(self, name: str) -> str:
        return str(self.folder / f"{name}.pem")

    def context(self, name: str = "server", wants_client: bool = False) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / f"{name}.pem", self.folder / f"{name}-key.pem")
        context.num_tickets = 0  # a client that hangs up with tickets unread resets the connection
        if wants_client:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.folder / "ca.pem")
        return context


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder = tmp_path_factory.mktemp("certificates")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    for authority in ("ca", "foreign"):
        openssl(
            *("req", "-x509", *key, "-keyout", f"{authority}-key.pem", "-out", f"{authority}.pem"),
            *("-subj", f"/CN={authority}", "-days", "2"),
        )
    local = "DNS:engine.test,IP:127.0.0.1"
    for name, names, days in (
        ("server", local, "2"),
        ("expired", local, "-1"),
        ("other", "DNS:other.test", "2"),
        ("client", "DNS:client.test", "2"),
    ):
        # As in Docker's manual, without key identifiers: what Python 3.13 calls strict would refuse them.
        (folder / "extensions").write_text(
            f"subjectAltName={names}\nsubjectKeyIdentifier=none\nauthorityKeyIdentifier=none\n"
        )
        openssl("req", *key, "-keyout", f"{name}-key.pem", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        openssl(
            *("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca-key.pem", "-CAcreateserial"),
            *("-out", f"{name}.pem", "-days", days, "-extfile", "extensions"),
        )
    return Certificates(folder)
