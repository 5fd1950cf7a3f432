# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import stat
import typing as t
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.disk import tree
from ansible_collections.slipway.images.plugins.module_utils.disk.delivery import Arrival, Delivery
from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError, UsageError

HOUR = 3600 * 10**9


@pytest.fixture
def delivery(tmp_path: Path) -> Delivery:
    (tmp_path / "new").mkdir()
    return Delivery(str(tmp_path / "new"))


def send(delivery: Delivery, *arrivals: Arrival) -> Path:
    for arrival in arrivals:
        delivery.add(arrival)
        if arrival.kind == tree.FILE:
            with delivery.content(arrival) as file:
                file.write(arrival.path.encode())
    return Path(delivery.root)


def directory(path: str) -> Arrival:
    return Arrival(path, tree.DIRECTORY, 0o755, HOUR)


def test_one_of_each(delivery: Delivery) -> None:
    root = send(
        delivery,
        Arrival("d", tree.DIRECTORY, 0o1555, HOUR),
        Arrival("d/suid", tree.FILE, 0o4751, HOUR, xattrs={"user.a": b"1", "no.such.space": b"2"}),
        Arrival("hard", tree.HARDLINK, 0o4751, HOUR, "d/suid"),
        Arrival("link", tree.SYMLINK, 0o777, HOUR, "/nowhere"),
        Arrival("pipe", tree.FIFO, 0o640, -5),
    )
    facts = (root / "d/suid").stat()
    assert (stat.S_IMODE(facts.st_mode), facts.st_mtime_ns, facts.st_nlink) == (0o4751, HOUR, 2)
    assert (root / "hard").read_text() == "d/suid"
    assert os.readlink(root / "link") == "/nowhere"
    assert (root / "link").lstat().st_mtime_ns == HOUR
    assert (root / "pipe").is_fifo() and stat.S_IMODE((root / "pipe").stat().st_mode) == 0o640
    assert delivery.directories["d"].mode == 0o1555
    assert os.access(root / "d", os.W_OK), "more may come into it"


@pytest.mark.parametrize(
    "path", ["", ".", "..", "/", "/etc", "a/..", "../a", "a//b", "a/", "none/a", "file/a", "link/a", "./a", "a\0b"]
)
def test_nothing_leaves_the_tree(delivery: Delivery, tmp_path: Path, path: str) -> None:
    (tmp_path / "outside").mkdir()
    before = (
        Arrival("file", tree.FILE, 0o644, 0),
        Arrival("link", tree.SYMLINK, 0o777, 0, "../outside"),
        directory("a"),
    )
    send(delivery, *before)
    with pytest.raises(FormatError, match="lies in no directory that it sent"):
        delivery.add(Arrival(path, tree.FILE, 0o644, 0))
    assert not list((tmp_path / "outside").iterdir())
    assert sorted(os.listdir(delivery.root)) == ["a", "file", "link"]


@pytest.mark.parametrize("target", ["/etc/passwd", "../x", "link", "a", "none"])
def test_a_hard_link_is_to_a_file_of_the_same(delivery: Delivery, target: str) -> None:
    send(delivery, Arrival("link", tree.SYMLINK, 0o777, 0, "/etc/passwd"), directory("a"))
    with pytest.raises(FormatError, match="no file that it sent"):
        delivery.add(Arrival("hard", tree.HARDLINK, 0o644, 0, target))


@pytest.mark.parametrize("kind", [tree.FILE, tree.DIRECTORY, tree.SYMLINK])
def test_twice_is_an_error(delivery: Delivery, kind: bytes) -> None:
    send(delivery, Arrival("x", tree.SYMLINK, 0o777, 0, "y"))
    with pytest.raises(UsageError, match="cannot write x of what the build gives: file exists"):
        delivery.add(Arrival("x", kind, 0o644, 0, "z"))


def test_a_content_does_not_follow_links(delivery: Delivery, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    lie: t.Any = Arrival("x", tree.SYMLINK, 0o777, 0, str(tmp_path / "mine"))
    send(delivery, lie)
    with pytest.raises(UsageError), delivery.content(lie._replace(kind=tree.FILE)):
        pass
    assert (tmp_path / "mine").read_text() == "mine"
