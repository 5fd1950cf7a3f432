# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.buildkit import messages, protobuf
from ansible_collections.slipway.images.plugins.module_utils.disk import tree
from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError
from ansible_collections.slipway.images.plugins.module_utils.image.ignore import IgnoreRules


def facts(mode: int, size: int = 0, ns: int = 0, device: int = 0) -> os.stat_result:
    return os.stat_result((mode, 0, 0, 1, 7, 7, size, 0, ns // 10**9, 0), {"st_mtime_ns": ns, "st_rdev": device})


@pytest.mark.parametrize(
    ("kind", "mode", "go"),
    [
        (tree.FILE, stat.S_IFREG | 0o644, 0o644),
        (tree.HARDLINK, stat.S_IFREG | 0o644, 0o644),
        (tree.FILE, stat.S_IFREG | 0o7755, 0o755 | 1 << 23 | 1 << 22 | 1 << 20),
        (tree.DIRECTORY, stat.S_IFDIR | 0o1777, 0o777 | 1 << 31 | 1 << 20),
        (tree.SYMLINK, stat.S_IFLNK | 0o777, 0o777 | 1 << 27),
        (tree.FIFO, stat.S_IFIFO | 0o600, 0o600 | 1 << 25),
        (tree.BLOCK, stat.S_IFBLK | 0o600, 0o600 | 1 << 26),
        (tree.CHARACTER, stat.S_IFCHR | 0o600, 0o600 | 1 << 26 | 1 << 21),
    ],
)
def test_go_modes(kind: bytes, mode: int, go: int) -> None:
    assert messages.go_mode(facts(mode).st_mode, kind) == go


@pytest.mark.parametrize("kind", [tree.FILE, tree.HARDLINK, tree.SYMLINK, tree.DIRECTORY, tree.FIFO, tree.CHARACTER])
def test_what_is_sent_arrives(kind: bytes) -> None:
    device = os.makedev(1, 3) if kind == tree.CHARACTER else 0
    target = "é/x" if kind in (tree.HARDLINK, tree.SYMLINK) else ""
    entry = tree.Entry("a/é\udcff", kind, facts(0o6751, 12, -5, device), target)
    packet = messages.parse(messages.stat_packet(entry, {"user.x": b"1"}))
    arrival = messages.arrival(packet.stat)
    assert arrival == (entry.path, kind, 0o6751, -5, target, device, {"user.x": b"1"})


@pytest.mark.parametrize("mode", [1 << 24, 1 << 19, 1 << 31 | 1 << 27])
def test_what_nobody_can_write_does_not(mode: int) -> None:
    with pytest.raises(FormatError, match="nobody knows what it is"):
        messages.arrival(protobuf.message((1, b"x"), (2, mode)))


def read(packet: bytes) -> dict[int, protobuf.Value]:
    found = protobuf.last(packet)
    assert found.keys() == {2}, "STAT is 0 and so is not said"
    return protobuf.last(protobuf.octets(found[2]))


def test_a_stat() -> None:
    entry = tree.Entry("é/\udcff", tree.HARDLINK, facts(stat.S_IFREG | 0o600, 12, -5), "a")
    said = read(messages.stat_packet(entry, {"user.x": b"1"}))
    assert said[1] == b"\xc3\xa9/\xff"
    assert (said[2], said[5], protobuf.number(said[6]), said[7]) == (0o600, 12, -5, b"a")
    assert said[10] == b"\x0a\6user.x\x12\1" + b"1"
    assert not said.keys() & {3, 4}, "all belongs to 0:0"


def test_a_device_and_a_directory() -> None:
    device = read(
        messages.stat_packet(tree.Entry("d", tree.BLOCK, facts(stat.S_IFBLK, device=os.makedev(8, 3)), ""), {})
    )
    assert (device[8], device[9]) == (8, 3)
    assert 5 not in read(messages.stat_packet(tree.Entry("d", tree.DIRECTORY, facts(stat.S_IFDIR, 4096), ""), {}))


@pytest.mark.parametrize(
    ("sent", "data"),
    [
        (messages.Packet(messages.REQUEST), b"\x08\1"),
        (messages.Packet(messages.REQUEST, 300), b"\x08\1\x18\xac\x02"),
        (messages.Packet(messages.DATA, 1, b"x"), b"\x08\2\x18\1\x22\1x"),
        (messages.Packet(messages.FIN), b"\x08\3"),
        (messages.Packet(messages.STAT), messages.END_OF_LIST),
    ],
)
def test_packets(sent: messages.Packet, data: bytes) -> None:
    assert messages.packet(*sent) == data
    assert messages.parse(data) == sent


def test_a_hard_link_keeps_its_size(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("12345")
    (tmp_path / "b").hardlink_to(tmp_path / "a")
    first, second = tree.walk(str(tmp_path), IgnoreRules())
    assert read(messages.stat_packet(second, {}))[5] == read(messages.stat_packet(first, {}))[5] == 5
