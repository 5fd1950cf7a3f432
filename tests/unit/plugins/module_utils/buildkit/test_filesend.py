# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.buildkit import filesend, messages, protobuf
from ansible_collections.slipway.images.plugins.module_utils.buildkit.messages import DATA, ERROR, FIN, REQUEST
from ansible_collections.slipway.images.plugins.module_utils.disk.delivery import Delivery
from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError
from ansible_collections.slipway.images.tests.support.caller import Talk
from ansible_collections.slipway.images.tests.unit.plugins.module_utils.conftest import Start

DIRECTORY, SYMLINK, FIFO = 1 << 31, 1 << 27, 1 << 25


def stat(path: str, mode: int = 0o644, target: str = "") -> bytes:
    fields = ((1, path.encode()), (2, mode), (6, 10**9), (7, target.encode()))
    return protobuf.field(2, protobuf.message(*fields))


@pytest.fixture
def ends() -> list[str]:
    return []


@pytest.fixture
def begin(start: Start, tmp_path: Path, ends: list[str]) -> t.Iterator[tuple[Talk, list[BaseException], Path]]:
    caller, failures = start(filesend.directory(Delivery(str(tmp_path)), lambda: ends.append("complete")))
    yield caller.call(filesend.METHOD, end=False), failures, tmp_path


def asked(talk: Talk) -> tuple[int, int]:
    packet = messages.parse(talk.message() or b"")
    return packet.type, packet.id


def test_a_directory(begin: t.Any, ends: list[str]) -> None:
    talk, failures, root = begin
    talk.send(stat("a", DIRECTORY | 0o755), stat("a/b", 0o755 | 1 << 23), stat("a/c", SYMLINK | 0o777, "b"))
    assert asked(talk) == (REQUEST, 1)
    talk.send(stat("empty"), stat("hard", 0o755, "a/b"))
    assert asked(talk) == (REQUEST, 3)
    for data in (b"one", b"two", b""):
        talk.send(messages.packet(DATA, 1, data))
    talk.send(messages.packet(DATA, 3), messages.END_OF_LIST)
    assert asked(talk) == (FIN, 0)
    assert not ends
    talk.send(messages.packet(FIN), end=True)
    assert (talk.end(), talk.status, failures, ends) == ([], 0, [], ["complete"])
    assert (root / "a/b").read_bytes() == (root / "hard").read_bytes() == b"onetwo"
    assert (root / "a/b").stat().st_mode & 0o7777 == 0o4755
    assert (root / "empty").read_bytes() == b""


def test_only_so_many_files_are_open(begin: t.Any, ends: list[str]) -> None:
    talk, _failures, root = begin
    count = 3 * filesend.AT_ONCE
    talk.send(*(stat(f"{number:04}") for number in range(count)), messages.END_OF_LIST)
    first = [asked(talk)[1] for _turn in range(filesend.AT_ONCE)]
    assert first == list(range(filesend.AT_ONCE))
    for number in range(count):
        talk.send(messages.packet(DATA, number, b"%d" % number), messages.packet(DATA, number))
        if number < count - filesend.AT_ONCE:
            assert asked(talk) == (REQUEST, number + filesend.AT_ONCE)
    assert asked(talk) == (FIN, 0)
    talk.send(messages.packet(FIN), end=True)
    talk.end()
    assert ends == ["complete"] and len(list(root.iterdir())) == count


@pytest.mark.parametrize(
    "packets",
    [
        [stat("../x")],
        [stat("a", SYMLINK, "/etc"), stat("a/passwd")],
        [stat("x", 1 << 19)],
        [messages.packet(DATA, 0, b"unasked")],
        [messages.packet(REQUEST, 0)],
        [stat("a"), messages.packet(DATA, 0), messages.packet(DATA, 0, b"more")],
        [messages.END_OF_LIST, stat("late")],
        [messages.packet(FIN)],
        [stat("a"), messages.END_OF_LIST, messages.packet(FIN)],
        [protobuf.field(2, b"\xff")],
    ],
)
def test_what_nobody_sends(begin: t.Any, ends: list[str], packets: list[bytes]) -> None:
    talk, failures, _root = begin
    talk.send(*packets, end=True)
    talk.end()
    assert talk.status == 2 and [type(failure) for failure in failures] == [FormatError]
    assert not ends


@pytest.mark.parametrize("packets", [[], [stat("a")], [stat("a"), messages.END_OF_LIST], [messages.END_OF_LIST]])
def test_an_end_in_the_middle(begin: t.Any, ends: list[str], packets: list[bytes]) -> None:
    talk, failures, _root = begin
    talk.send(*packets, end=True)
    talk.end()
    assert (talk.status, failures, ends) == (2, [], []), "what it was, the engine says"


def test_the_engine_gives_up(begin: t.Any, ends: list[str]) -> None:
    talk, failures, _root = begin
    talk.send(stat("a"), messages.packet(ERROR, 0, b"disk on fire"))
    talk.end()
    assert "disk on fire" in talk.text
    assert not failures and not ends


def test_a_stream(start: Start, ends: list[str]) -> None:
    got: list[bytes] = []
    caller, _failures = start(filesend.stream(got.append, lambda: ends.append("complete")))
    talk = caller.call(filesend.METHOD, *(protobuf.field(1, data) for data in (b"one", b"two")))
    assert (talk.end(), talk.status) == ([], 0)
    assert (b"".join(got), ends) == (b"onetwo", ["complete"])


def test_a_stream_that_breaks_off(start: Start, ends: list[str]) -> None:
    caller, _failures = start(filesend.stream(lambda data: None, lambda: ends.append("complete")))
    talk = caller.call(filesend.METHOD, protobuf.field(1, b"one"), end=False)
    talk.cancel()
    caller.server.close()
    caller.server.join(10)
    assert not ends
