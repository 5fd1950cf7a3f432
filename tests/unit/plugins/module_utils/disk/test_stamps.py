# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import time
import typing as t
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.disk import stamps, tree
from ansible_collections.slipway.images.plugins.module_utils.disk.stamps import NEVER, UNREAD, Stamp, differences
from ansible_collections.slipway.images.plugins.module_utils.image.ignore import IgnoreRules
from hypothesis import given, settings
from hypothesis import strategies as st

FILE = Stamp(tree.FILE, 0o644, 3, 10, 20, 7, b"a" * 32)


class Directory:
    """Looks at itself; `read` are the paths that it read to do so."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.read: list[str] = []

    def look(self, known: stamps.Stamps) -> dict[str, Stamp]:
        self.read.clear()
        walk = tree.walk(str(self.root), IgnoreRules())
        return stamps.look(((entry.path, entry) for entry in walk), known, self._digest)

    def settled(self) -> dict[str, Stamp]:
        """All of it read, and old."""
        named = {entry.path: entry for entry in tree.walk(str(self.root), IgnoreRules())}
        late = time.time_ns() + stamps.YOUNG + 10**9
        return {path: Stamp.of(entry, self._content(entry), late) for path, entry in named.items()}

    def _digest(self, entry: tree.Entry) -> bytes:
        self.read.append(entry.path)
        return self._content(entry)

    def _content(self, entry: tree.Entry) -> bytes:
        return stamps.sha256(tree.content(str(self.root), entry)) if entry.kind == tree.FILE else b""


@pytest.fixture
def here(tmp_path: Path) -> Directory:
    (tmp_path / "d").mkdir()
    (tmp_path / "d/a").write_text("one")
    (tmp_path / "b").write_text("two")
    (tmp_path / "l").symlink_to("b")
    return Directory(tmp_path)


def same_times(path: Path, change: t.Callable[[], object]) -> None:
    before = path.stat()
    change()
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_what_is_as_it_was_is_not_read(here: Directory) -> None:
    known = here.settled()
    assert here.look(known) == known
    assert here.read == []


@pytest.mark.parametrize(
    ("change", "read", "said"),
    [
        (lambda root: os.utime(root / "b", (1, 1)), ["b"], []),
        (lambda root: (root / "b").write_text("TWO"), ["b"], ["b modified"]),
        (lambda root: same_times(root / "b", lambda: (root / "b").write_text("TWO")), ["b"], ["b modified"]),
        (lambda root: same_times(root / "b", lambda: (root / "b").write_text("three")), [], ["b modified"]),
        (lambda root: (root / "b").chmod(0o600), ["b"], ["b mode 0644 -> 0600"]),
        (lambda root: (root / "new").write_text("x"), [], ["new added"]),
        (lambda root: (root / "d/a").unlink(), [], ["d/a removed"]),
        (lambda root: os.replace(root / "d/a", root / "b"), ["b"], ["b modified", "d/a removed"]),
        (lambda root: ((root / "l").unlink(), (root / "l").symlink_to("d")), [], ["l modified"]),
        (lambda root: ((root / "l").unlink(), (root / "l").write_text("b")), [], ["l modified"]),
        (lambda root: (root / "d").chmod(0o700), [], ["d mode 0755 -> 0700"]),
    ],
)
def test_what_may_be_another_is_read(
    here: Directory, change: t.Callable[[Path], object], read: list[str], said: list[str]
) -> None:
    (here.root / "b").chmod(0o644)
    (here.root / "d").chmod(0o755)
    known = here.settled()
    change(here.root)
    now = here.look(known)
    assert (here.read, differences(known, now)) == (read, said)


@pytest.mark.parametrize("back", [0, 1])
def test_a_young_file_is_read_again(here: Directory, back: int) -> None:
    """One that was written in the tick in which it was read may have been written again in it; and when the clock is
    set back, everything is from the future."""
    (entry,) = (entry for entry in tree.walk(str(here.root), IgnoreRules()) if entry.path == "b")
    changed = entry.stat.st_ctime_ns
    for now, ctime in (
        (changed - back * 10**15, NEVER),
        (changed + stamps.YOUNG, NEVER),
        (changed + stamps.YOUNG + 1, changed),
    ):
        assert Stamp.of(entry, b"", now).ctime == ctime
    here.look({"b": Stamp.of(entry, b"x" * 32, changed)})
    assert here.read == ["b"]


def test_times_beyond_all_bounds(here: Directory) -> None:
    for second in (2**33, -(2**31), 10**10):  # the last is more nanoseconds than 63 bits hold
        os.utime(here.root / "b", (second, second))
        known = here.settled()
        assert stamps.unpack(stamps.pack(known), len(known)) == known


def test_what_people_read() -> None:
    many = {"%02d" % number: FILE for number in range(stamps.MOST_SHOWN + 1)}
    assert len(differences({}, many)) == stamps.MOST_SHOWN + 1
    assert differences({}, {**many, "z": FILE})[-2:] == ["19 added", "and 2 more"]
    assert differences({os.fsdecode(b"\xff"): FILE}, {}) == [r"\xff removed"]
    assert differences({"a": FILE}, {"a": FILE._replace(content=UNREAD)}) == ["a modified"]
    assert differences({"a": FILE}, {"a": FILE._replace(mtime=0, ctime=NEVER, inode=1)}) == []
    assert stamps.name("", "a") == "a"
    assert stamps.name("lib", "a") == "lib:a"


NUMBERS = st.integers(0, 2**63 - 1)
STAMPS = st.dictionaries(
    st.binary(min_size=1, max_size=20).filter(lambda name: b"\0" not in name).map(os.fsdecode),
    st.builds(
        Stamp,
        st.sampled_from([tree.FILE, tree.DIRECTORY, tree.SYMLINK]),
        st.integers(0, 0o7777),
        NUMBERS,
        st.integers(-(2**63), 2**63 - 1),
        NUMBERS,
        st.integers(0, 2**64 - 1),
        st.binary(min_size=32, max_size=32),
    ),
    max_size=5,
)


@given(STAMPS)
@settings(max_examples=150, deadline=None)
def test_what_is_packed_is_unpacked(known: dict[str, Stamp]) -> None:
    assert stamps.unpack(stamps.pack(known), len(known)) == known
    assert list(stamps.unpack(stamps.pack(known), len(known))) == list(known)


def test_permissions_count_even_where_a_file_system_keeps_no_time_of_their_change(here: Directory) -> None:
    (here.root / "b").chmod(0o644)
    known = here.settled()
    before = {**known, "b": known["b"]._replace(mode=0o600)}
    assert (here.look(before), here.read) == (
        {**known, "b": here.look(before)["b"]._replace(mode=0o644, content=known["b"].content)},
        [],
    )
    assert differences(before, here.look(before)) == ["b mode 0600 -> 0644"]
