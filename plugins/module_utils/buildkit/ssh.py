# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`moby.sshforward.v1.SSH`: an ssh agent of this host inside the build, to list keys and to sign, and nothing else.

Agent protocol (draft-miller-ssh-agent): each message is four bytes of length and a type, and each request has one
answer, in order. So a request that is not for us to pass on is answered here.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.buildkit import methods, protobuf
from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError
from ansible_collections.slipway.images.plugins.module_utils.grpc.call import Call, Handler, unary
from ansible_collections.slipway.images.plugins.module_utils.grpc.status import UNAVAILABLE, UNKNOWN, Status

ALLOWED = (11, 13)  # SSH_AGENTC_REQUEST_IDENTITIES, SSH_AGENTC_SIGN_REQUEST
REFUSED = b"\0\0\0\1\5"  # SSH_AGENT_FAILURE
LONGEST = 256 << 10  # bytes, as in OpenSSH's own agent
_LENGTH = struct.Struct(">L")


def service(sockets: t.Mapping[str, str]) -> dict[str, Handler]:
    """`sockets`: id -> path of an agent's unix socket. A build that names no id means `default`."""

    def path(id: str) -> str:
        if (id or "default") not in sockets:
            raise Status(UNKNOWN, f"no ssh agent with the id {id or 'default'}")
        return sockets[id or "default"]

    def check(request: bytes) -> bytes:
        path(protobuf.text(protobuf.last(request).get(1)))
        return b""

    def forward(call: Call) -> None:
        where = path("".join(call.values("buildkit.ssh.id")))
        with socket.socket(socket.AF_UNIX) as agent:
            try:
                agent.connect(where)
                call.at_end(lambda: _hang_up(agent))
                for answer in _answers(call, agent):
                    call.send(protobuf.field(1, answer))
            except OSError as exc:
                raise Status(UNAVAILABLE, f"the ssh agent at {where}: {exc.strerror}") from exc

    return {methods.CHECK_AGENT: unary(check), methods.FORWARD_AGENT: forward}


def _answers(call: Call, agent: socket.socket) -> t.Iterator[bytes]:
    held = bytearray()
    for data in call:
        held += protobuf.octets(protobuf.last(data).get(1))
        while len(held) >= _LENGTH.size:
            end = _LENGTH.size + _length(held)
            if len(held) < end:
                break
            if end > _LENGTH.size and held[_LENGTH.size] in ALLOWED:
                agent.sendall(held[:end])
                yield _read(agent)
            else:
                yield REFUSED
            del held[:end]


def _read(agent: socket.socket) -> bytes:
    head = _exactly(agent, _LENGTH.size)
    return head + _exactly(agent, _length(head))


def _length(head: bytes | bytearray) -> int:
    length: int = _LENGTH.unpack_from(head)[0]
    if length > LONGEST:
        raise FormatError(f"a message of {length} bytes to or from an ssh agent; at most {LONGEST} are taken")
    return length


def _exactly(agent: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        piece = agent.recv(size - len(data))
        if not piece:
            raise Status(UNAVAILABLE, "the ssh agent hung up")
        data += piece
    return bytes(data)


def _hang_up(agent: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it was the first
        agent.shutdown(socket.SHUT_RDWR)
