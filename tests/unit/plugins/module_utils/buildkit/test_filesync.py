# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import typing as t
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.buildkit import filesync, messages, protobuf
from ansible_collections.slipway.images.plugins.module_utils.buildkit.messages import DATA, ERROR, FIN, REQUEST, STAT
from ansible_collections.slipway.images.plugins.module_utils.buildkit.sources import Directory, Files, Source, Wanted
from ansible_collections.slipway.images.plugins.module_utils.disk import tree
from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError, UsageError
from ansible_collections.slipway.images.tests.support.caller import Caller, Talk
from ansible_collections.slipway.images.tests.unit.plugins.module_utils.conftest import Start

CONTEXT = [("dir-name", "context")]


class Noting:
    """A source that notes what was wanted of it."""

    def __init__(self, source: Source) -> None:
        self.source, self.asked = source, list[Wanted]()
        self.content, self.xattrs = source.content, source.xattrs

    def entries(self, wanted: Wanted) -> t.Iterator[tree.Entry]:
        self.asked.append(wanted)
        return self.source.entries(wanted)


def serve(start: Start, source: Source, any_name: bool = True) -> tuple[Caller, list[BaseException], list[Wanted]]:
    noting = Noting(source)
    return (*start(filesync.service({"context": noting}, any_name=any_name)), noting.asked)


def listed(talk: Talk) -> list[str]:
    """The paths up to the end of the list."""
    paths = []
    while message := talk.message():
        packet = protobuf.last(message)
        assert packet.keys() == {2}
        paths.append(protobuf.text(protobuf.last(protobuf.octets(packet[2]))[1]))
    assert message is not None
    return paths


def fetched(talk: Talk, number: int) -> bytes:
    talk.send(messages.packet(REQUEST, number))
    data = b""
    while True:
        packet = messages.parse(talk.message() or b"")
        assert (packet.type, packet.id) == (DATA, number)
        if not packet.data:
            return data
        data += packet.data


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("a/x", "a-b", "a.txt", "b"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "large").write_bytes(os.urandom(3_000_000))
    (tmp_path / "link").symlink_to("b")
    (tmp_path / "none").write_text("")
    return tmp_path


def test_a_transfer(start: Start, root: Path) -> None:
    caller, failures, asked = serve(start, Directory(str(root)))
    talk = caller.call(filesync.METHOD, end=False, metadata=CONTEXT)
    paths = listed(talk)
    assert paths == ["a", "a/x", "a-b", "a.txt", "b", "large", "link", "none"]
    for path in ("large", "none", "a/x"):
        assert fetched(talk, paths.index(path)) == (root / path).read_bytes()
    talk.send(messages.packet(FIN))
    assert [messages.parse(data).type for data in talk.end()] == [FIN]
    assert (talk.status, failures) == (0, [])
    assert asked == [Wanted()]


def test_the_end_of_a_transfer_is_heard_of(start: Start, root: Path) -> None:
    heard: list[str] = []
    service = filesync.service({"context": Directory(str(root))}, any_name=True, over=lambda: heard.append("over"))
    caller, _failures = start(service)
    talk = caller.call(filesync.METHOD, end=False, metadata=CONTEXT)
    number = listed(talk).index("b")
    assert not heard
    talk.send(messages.packet(FIN))
    talk.end()
    assert heard == ["over"]
    talk = caller.call(filesync.METHOD, end=False, metadata=CONTEXT)
    listed(talk)
    (root / "b").unlink()
    talk.send(messages.packet(REQUEST, number))
    talk.end()
    assert heard == ["over"]


def test_what_is_wanted(start: Start, root: Path) -> None:
    caller, _failures, asked = serve(start, Directory(str(root)))
    wanted = [
        ("followpaths", "link"),
        ("followpaths", "a"),
        ("exclude-patterns", "*%2Fx"),
        ("exclude-patterns-encoded", "1"),
    ]
    talk = caller.call(filesync.METHOD, end=False, metadata=[*CONTEXT, *wanted])
    assert listed(talk) == ["a", "b", "link"]
    assert asked == [Wanted(("link", "a"), (), ("*/x",))]


def test_requests_before_the_list_has_ended(start: Start) -> None:
    """As many as there are files, while nobody reads what we list."""
    files = {f"{number:05}": b"%d" % number for number in range(3000)}
    caller, _failures, _asked = serve(start, Files(files))
    talk = caller.call(filesync.METHOD, end=False, metadata=CONTEXT)
    assert talk.message()
    talk.send(messages.packet(REQUEST, 0))
    kinds = [messages.parse(talk.message() or b"").type for _turn in range(3002)]
    assert sorted(kinds) == [STAT] * 3000 + [DATA] * 2


def test_another_directory_is_none_of_theirs(start: Start, root: Path) -> None:
    caller, failures, asked = serve(start, Directory(str(root)))
    talk = caller.call(filesync.METHOD, metadata=[("dir-name", "home")])
    assert (talk.end(), talk.status, failures, asked) == ([], 5, [], [])


def test_a_file_that_vanishes_is_named(start: Start, root: Path) -> None:
    caller, failures, _asked = serve(start, Directory(str(root)))
    talk = caller.call(filesync.METHOD, end=False, metadata=CONTEXT)
    number = listed(talk).index("b")
    (root / "b").unlink()
    talk.send(messages.packet(REQUEST, number))
    [packet] = map(messages.parse, talk.end())
    assert packet.type == ERROR
    assert packet.data.startswith(b"b of the build context vanished")
    assert talk.status == 2
    assert [type(failure) for failure in failures] == [UsageError]


class Unlistable(Files):
    def entries(self, wanted: Wanted) -> t.Iterator[tree.Entry]:
        yield from super().entries(wanted)
        raise UsageError("cannot read d")


def test_a_directory_that_cannot_be_read_is_named(start: Start) -> None:
    """The engine waits for the end of the list and asks for nothing."""
    caller, failures, _asked = serve(start, Unlistable({"a": b"1"}))
    talk = caller.call(filesync.METHOD, end=False, metadata=CONTEXT)
    packets = talk.end()
    assert messages.parse(packets[-1]) == messages.Packet(ERROR, 0, b"cannot read d")
    assert talk.status == 2
    assert [str(failure) for failure in failures] == ["cannot read d"]


def test_a_name_that_is_not_utf8(start: Start, tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"f\xff")).write_text("1")
    caller, failures, _asked = serve(start, Directory(str(tmp_path)))
    talk = caller.call(filesync.METHOD, end=False, metadata=CONTEXT)
    assert listed(talk) == ["f\udcff"]
    (tmp_path / "e").write_text("1")
    caller, failures, _asked = serve(start, Directory(str(tmp_path)), any_name=False)
    caller.call(filesync.METHOD, end=False, metadata=CONTEXT).end()
    assert str(failures[0]).startswith(r"f\xff of the build context is not UTF-8")


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (messages.packet(REQUEST, 99), FormatError),
        (messages.packet(REQUEST, 0), FormatError),
        (messages.packet(DATA, 1, b"x"), FormatError),
        (b"\x08", FormatError),
        (messages.packet(ERROR, 0, b"disk full"), None),
    ],
    ids=["no such entry", "a directory", "data", "cut", "an error"],
)
def test_an_engine_that_asks_the_wrong_thing(
    start: Start, root: Path, data: bytes, kind: type[BaseException] | None
) -> None:
    caller, failures, _asked = serve(start, Directory(str(root)))
    talk = caller.call(filesync.METHOD, end=False, metadata=CONTEXT)
    listed(talk)
    talk.send(data)
    talk.end()
    assert talk.status == 2
    assert [type(failure) for failure in failures] == ([kind] if kind else [])


def test_an_engine_that_leaves_in_the_middle(start: Start, root: Path) -> None:
    caller, failures, _asked = serve(start, Directory(str(root)))
    talk = caller.call(filesync.METHOD, end=False, metadata=CONTEXT)
    listed(talk)
    talk.send(end=True)
    assert (talk.end(), talk.status) == ([], 2)
    talk = caller.call(filesync.METHOD, end=False, metadata=CONTEXT)
    listed(talk)
    talk.send(messages.packet(REQUEST, 5))
    talk.cancel()
    caller.server.close()
    caller.server.join(10)
    assert failures == []
