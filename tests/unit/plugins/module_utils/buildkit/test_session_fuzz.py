# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine that says anything at all: what comes of it is an error or nothing, and never a thread that waits."""

from __future__ import annotations

import tempfile
import threading
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.buildkit import filesend, filesync, messages, secrets, ssh
from ansible_collections.slipway.images.plugins.module_utils.buildkit.sources import Files
from ansible_collections.slipway.images.plugins.module_utils.disk.delivery import Delivery
from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError
from ansible_collections.slipway.images.plugins.module_utils.grpc.call import Handler
from ansible_collections.slipway.images.plugins.module_utils.grpc.framing import frame
from ansible_collections.slipway.images.plugins.module_utils.grpc.server import Server
from h2.config import H2Configuration
from h2.connection import H2Connection
from hypothesis import given, settings
from hypothesis import strategies as st

PATIENCE = 10.0


def services(root: str) -> dict[str, Handler]:
    files = Files({"Dockerfile": b"FROM scratch", "large": b"x" * 20_000})
    return {
        **filesync.service({"context": files}, any_name=True),
        **filesend.directory(Delivery(root), lambda: None),
        **secrets.service({"s": b"secret"}),
        **ssh.service({}),
    }


def conversation() -> list[bytes]:
    """As of an engine that builds, in the pieces in which it would send them."""
    peer = H2Connection(H2Configuration(client_side=True, header_encoding=None))
    peer.initiate_connection()
    pieces = [peer.data_to_send()]

    def call(path: str, *messages: bytes, end: bool, **metadata: str) -> None:
        stream = peer.get_next_available_stream_id()
        head = [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "localhost")]
        peer.send_headers(stream, [*head, *((key.replace("_", "-"), value) for key, value in metadata.items())])
        pieces.append(peer.data_to_send())
        for message in messages:
            peer.send_data(stream, frame(message))
            pieces.append(peer.data_to_send())
        if end:
            peer.end_stream(stream)
            pieces.append(peer.data_to_send())

    asked = [messages.packet(messages.REQUEST, number) for number in (1, 0)]
    call(filesync.METHOD, *asked, messages.packet(messages.FIN), end=False, dir_name="context")
    call("/moby.buildkit.secrets.v1.Secrets/GetSecret", b"\x0a\x01s", end=True)
    call(filesend.METHOD, b"\x12\x06\x0a\x01f\x10\xa4\x03", messages.packet(messages.DATA, 0, b"x"), b"", end=False)
    call("/grpc.health.v1.Health/Check", b"", end=True)
    return pieces


PIECES = conversation()
MUTATIONS = st.lists(
    st.tuples(
        st.integers(0, len(PIECES) - 1),
        st.sampled_from(["cut", "flip", "twice", "drop", "insert", "oversize"]),
        st.integers(0, 2**16),
        st.binary(min_size=1, max_size=20),
    ),
    max_size=4,
)


def mutated(mutations: t.Iterable[tuple[int, str, int, bytes]]) -> list[bytes]:
    pieces = list(PIECES)
    for at, how, where, junk in mutations:
        piece = pieces[at]
        place = where % (len(piece) or 1)
        pieces[at] = {
            "cut": piece[:place],
            "flip": piece[:place] + bytes([piece[place] ^ (junk[0] or 1)]) + piece[place + 1 :] if piece else junk,
            "twice": piece * 2,
            "drop": b"",
            "insert": piece[:place] + junk + piece[place:],
            "oversize": b"\xff\xff\xff" + piece[3:],
        }[how]
    return pieces


@settings(max_examples=150, deadline=None)
@given(MUTATIONS)
def test_whatever_it_says_it_ends(mutations: list[tuple[int, str, int, bytes]]) -> None:
    with tempfile.TemporaryDirectory() as root:
        failures: list[BaseException] = []
        server = Server(services(root), failures.append)
        said = bytearray()
        writer = threading.Thread(target=lambda: said.extend(b"".join(iter(server.outgoing, b""))))
        writer.start()
        try:
            for piece in mutated(mutations):
                server.receive(piece)
        except FormatError:
            pass
        finally:
            server.close()
            writer.join(PATIENCE)
            server.join(PATIENCE)
        assert not writer.is_alive()
        assert not [thread for thread in threading.enumerate() if thread.name.startswith(("/moby", "/grpc", "list"))]


def test_what_is_mutated_is_a_conversation() -> None:
    with tempfile.TemporaryDirectory() as root:
        server, arrived = Server(services(root), lambda failure: None), threading.Event()

        def listen() -> None:
            said = b""
            for data in iter(server.outgoing, b""):
                said += data
                if b"secret" in said:
                    arrived.set()

        listener = threading.Thread(target=listen)
        listener.start()
        for piece in PIECES:
            server.receive(piece)
        assert arrived.wait(PATIENCE)
        server.close()
        listener.join(PATIENCE)
        server.join(PATIENCE)
