# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine's stand-in for docker's own client: it builds nothing, but asks for the files that a build would ask for.

An ask takes a millisecond, where a build by a real engine takes half a second; and it may be for anything.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import socketserver
import subprocess
import threading
import typing as t
from pathlib import Path
from urllib.parse import quote_plus

from ansible_collections.slipway.images.plugins.module_utils.buildkit import filesync, messages, protobuf
from ansible_collections.slipway.images.plugins.module_utils.buildkit.carriage import carried
from ansible_collections.slipway.images.plugins.module_utils.buildkit.sources import Wanted
from ansible_collections.slipway.images.plugins.module_utils.disk import tree
from ansible_collections.slipway.images.plugins.module_utils.errors import TransportError
from ansible_collections.slipway.images.plugins.module_utils.grpc.call import Call, Handler, unary
from ansible_collections.slipway.images.plugins.module_utils.grpc.client import Asked, Client
from ansible_collections.slipway.images.plugins.module_utils.grpc.server import Server
from ansible_collections.slipway.images.plugins.module_utils.grpc.status import Status
from ansible_collections.slipway.images.plugins.module_utils.wire.stream import Stream

PATIENCE = 60.0  # seconds for a client to come so far as to serve its files
ANSWERS = {"version": {"Version": "20.10.24", "ApiVersion": "1.41", "MinAPIVersion": "1.12"}}
UPGRADED = b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
WORKER = protobuf.message((1, b"worker"), (3, protobuf.message((1, b"amd64"), (2, b"linux"))))
CAPABLE = [protobuf.message((1, name), (2, 1)) for name in (b"solve.base", b"return", b"returnmap")]
CONTROL, BRIDGE = "/moby.buildkit.v1.Control/", "/moby.buildkit.v1.frontend.LLBBridge/"


class Told(t.NamedTuple):
    """What a client answers: each entry as the fields of its stat, and the contents of some, by their places."""

    entries: list[tuple[tuple[int, protobuf.Value], ...]]
    contents: dict[int, bytes]


def ask(client: Client, directory: str, wanted: Wanted, fetch: int) -> Told | None:
    """`fetch`: also for what is in every so manieth entry, if that is a file. `None` when the client refuses."""
    keys = zip(("followpaths", "include-patterns", "exclude-patterns"), wanted)
    said = [(key, quote_plus(value, errors="surrogateescape")) for key, values in keys for value in values]
    encoded = [(f"{key}-encoded", "1") for key in dict(said)]
    call = client.call(filesync.METHOD, metadata=[("dir-name", directory), *said, *encoded], more=True)
    try:
        return _told(call, fetch)
    except Status:
        return None
    finally:
        call.give_up()


def _told(call: Asked, fetch: int) -> Told | None:
    told = Told([], {})
    while message := call.receive():
        packet = messages.parse(message)
        if packet.type == messages.ERROR:
            return None
        told.entries.append(tuple(protobuf.fields(packet.stat)))
    kinds = [messages.arrival(protobuf.message(*fields)).kind for fields in told.entries]
    due = {number for number, kind in enumerate(kinds) if kind == tree.FILE and number % fetch == 0}
    told.contents.update(dict.fromkeys(due, b""))
    call.send(*(messages.packet(messages.REQUEST, number) for number in sorted(due)))
    while due:
        packet = messages.parse(call.receive() or b"")
        if packet.type == messages.ERROR:
            return None
        assert packet.type == messages.DATA and packet.id in due
        told.contents[packet.id] += packet.data
        if not packet.data:
            due.remove(packet.id)
    call.send(messages.packet(messages.FIN))
    assert messages.parse(call.receive() or b"").type == messages.FIN
    return told


@contextlib.contextmanager
def buildx(config: Path, contexts: t.Mapping[str, Path], scratch: Path) -> t.Iterator[Client]:
    """A session of docker's own client, in which it serves these directories, by their names."""
    address = scratch / "standin.sock"
    (scratch / "Dockerfile").write_text("FROM scratch\n")
    named = [f"--build-context={name}={path}" for name, path in contexts.items()]
    command = ["docker", "buildx", "build", "--quiet", *named, str(scratch)]
    environment = {**os.environ, "DOCKER_CONFIG": str(config), "DOCKER_HOST": f"unix://{address}"}
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with (
        _Standin(str(address)) as standin,
        standin.running(),
        subprocess.Popen(command, env=environment, **output) as process,
    ):
        try:
            yield standin.opened.get(timeout=PATIENCE)
        except queue.Empty:
            process.kill()
            raise AssertionError(process.communicate()[0].decode()) from None
        finally:
            process.kill()


class _Standin(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """`opened`: the sessions in which there are files."""

    def __init__(self, address: str) -> None:
        super().__init__(address, _Connection)
        self.opened, self.over = queue.Queue[Client](), threading.Event()
        self._returned: dict[str, threading.Event] = {}

    @contextlib.contextmanager
    def running(self) -> t.Iterator[None]:
        thread = threading.Thread(target=self.serve_forever)
        thread.start()
        try:
            yield
        finally:
            self.over.set()
            for returned in self._returned.values():
                returned.set()
            self.shutdown()
            thread.join()

    def control(self) -> dict[str, Handler]:
        """As much of BuildKit as the client wants to hear before a build, which never begins."""

        def end(call: Call) -> None:
            ref = protobuf.text(protobuf.last(call.receive() or b"").get(1))
            self._returned.setdefault(ref, threading.Event()).wait()

        def solve(call: Call) -> None:
            end(call)
            call.send(b"")

        def returns(call: Call) -> None:
            call.send(b"")
            for ref in call.values("buildkit-controlapi-buildid"):
                self._returned.setdefault(ref, threading.Event()).set()

        def wait(call: Call) -> None:
            self.over.wait()

        return {
            CONTROL + "ListWorkers": unary(lambda request: protobuf.message((1, WORKER))),
            CONTROL + "Solve": solve,
            CONTROL + "Status": end,
            BRIDGE + "Ping": unary(lambda request: protobuf.message(*((1, name) for name in CAPABLE), (3, WORKER))),
            BRIDGE + "Solve": wait,
            BRIDGE + "Return": returns,
        }


class _Connection(socketserver.StreamRequestHandler):
    server: _Standin

    def handle(self) -> None:
        while line := self.rfile.readline().decode():
            head = list(iter(lambda: self.rfile.readline().decode().strip().lower(), ""))
            place = line.split()[1].rpartition("/")[2]
            if place in ("grpc", "session"):
                self.wfile.write(UPGRADED)
                self._upgraded(place, head)
                return
            answer = b"" if line.startswith("HEAD") else json.dumps(ANSWERS.get(place, {})).encode()
            facts = f"Api-Version: 1.41\r\nOstype: linux\r\nContent-Length: {len(answer)}"
            self.wfile.write(f"HTTP/1.1 200 OK\r\n{facts}\r\n\r\n".encode() + answer)

    def _upgraded(self, place: str, head: t.Sequence[str]) -> None:
        """To a connection on which the client calls us, or to one on which we call it."""
        client = Client()
        end = Server(self.server.control(), lambda failure: None) if place == "grpc" else client
        stream = Stream(self.connection, lambda exc: TransportError(str(exc)))
        with carried(end, stream, place, lambda failure: None):
            if any("filesync/diffcopy" in line for line in head):
                self.server.opened.put(client)
            self.server.over.wait()
