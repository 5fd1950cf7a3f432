# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import queue
import socket
import struct
import threading
import typing as t
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.buildkit import protobuf, ssh
from ansible_collections.slipway.images.tests.support.caller import PATIENCE, Talk
from ansible_collections.slipway.images.tests.unit.plugins.module_utils.conftest import Start

FORWARD = "/moby.sshforward.v1.SSH/ForwardAgent"
CHECK = "/moby.sshforward.v1.SSH/CheckAgent"


def packed(body: bytes) -> bytes:
    return struct.pack(">L", len(body)) + body


class Agent:
    """Answers each request with its own body, reversed, in two pieces; the body b"\\x0bhang" with nothing."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.heard: queue.Queue[bytes] = queue.Queue()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock = self.listener.accept()[0]
                with sock, sock.makefile("rb") as stream:
                    while head := stream.read(4):
                        body = stream.read(int.from_bytes(head, "big"))
                        self.heard.put(body)
                        if body != b"\x0bhang":
                            answer = packed(body[::-1])
                            sock.sendall(answer[:3])
                            sock.sendall(answer[3:])
                    self.heard.put(b"")


@pytest.fixture
def agent(tmp_path: Path) -> t.Iterator[Agent]:
    agent = Agent(tmp_path / "agent")
    yield agent
    agent.listener.shutdown(socket.SHUT_RDWR)
    agent.listener.close()


def say(talk: Talk, data: bytes) -> None:
    talk.send(protobuf.field(1, data))


def answers(talk: Talk) -> bytes:
    return b"".join(protobuf.octets(protobuf.last(message).get(1)) for message in talk.end())


LIST, SIGN, DELETE_ALL, BIND = packed(b"\x0b"), packed(b"\x0dsign me"), packed(b"\x13"), packed(b"\x1bsession-bind")
ASKED = BIND + LIST + DELETE_ALL + SIGN + packed(b"")
SAID = ssh.REFUSED + packed(b"\x0b") + ssh.REFUSED + packed(b"em ngis\x0d") + ssh.REFUSED


@pytest.mark.parametrize("cut", range(0, len(ASKED), 3))
def test_only_listing_and_signing_reach_the_agent(start: Start, agent: Agent, cut: int) -> None:
    caller, failures = start(ssh.service({"default": agent.path}))
    talk = caller.call(FORWARD, end=False)
    say(talk, ASKED[:cut])
    say(talk, ASKED[cut:])
    talk.send(end=True)
    assert answers(talk) == SAID
    assert (talk.status, failures) == (0, [])
    assert [agent.heard.get(timeout=PATIENCE) for _turn in range(3)] == [b"\x0b", b"\x0dsign me", b""]


def test_which_agent(start: Start, agent: Agent) -> None:
    caller, _failures = start(ssh.service({"deploy": agent.path}))
    assert caller.call(CHECK, protobuf.field(1, b"deploy")).end() == [b""]
    talk = caller.call(CHECK, b"")
    assert (talk.end(), talk.status, talk.text) == ([], 2, "no ssh agent with the id default")
    talk = caller.call(FORWARD, metadata=[("buildkit.ssh.id", "other")])
    assert (talk.end(), talk.status) == ([], 2)
    talk = caller.call(FORWARD, protobuf.field(1, LIST), metadata=[("buildkit.ssh.id", "deploy")])
    assert answers(talk) == packed(b"\x0b")


def test_an_agent_that_is_not_there(start: Start, tmp_path: Path) -> None:
    caller, failures = start(ssh.service({"default": str(tmp_path / "none")}))
    talk = caller.call(FORWARD)
    assert (talk.end(), talk.status, failures) == ([], 14, [])
    assert "No such file" in talk.text


def test_a_message_without_measure(start: Start, agent: Agent) -> None:
    caller, failures = start(ssh.service({"default": agent.path}))
    talk = caller.call(FORWARD, protobuf.field(1, b"\xff\xff\xff\xff"), end=False)
    assert talk.end() == []
    assert "at most" in str(failures[0])


def test_nobody_waits_for_an_agent_once_the_build_is_over(start: Start, agent: Agent) -> None:
    caller, _failures = start(ssh.service({"default": agent.path}))
    talk = caller.call(FORWARD, protobuf.field(1, packed(b"\x0bhang")), end=False)
    assert agent.heard.get(timeout=PATIENCE) == b"\x0bhang"
    talk.cancel()
    assert agent.heard.get(timeout=PATIENCE) == b"", "hung up"
    assert caller.server.drain(PATIENCE)
