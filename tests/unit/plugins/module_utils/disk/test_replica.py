# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import threading
import typing as t
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.disk import stampfile, stamps, tree
from ansible_collections.slipway.images.plugins.module_utils.disk.replica import Replica
from ansible_collections.slipway.images.plugins.module_utils.disk.selection import Ask
from ansible_collections.slipway.images.plugins.module_utils.disk.stamps import UNREAD, Stamp, Stamps
from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError
from ansible_collections.slipway.images.plugins.module_utils.image.ignore import IgnoreRules

Held = dict[str, dict[str, tuple[int, int, bytes]]]


class Engine:
    """Takes files of equal size and time for equal files, as BuildKit does; `held` is what it has, by key."""

    def __init__(self, scratch: Path, ahead: bool) -> None:
        self.root, self.record = scratch / "context", str(scratch / "cache/x.build")
        self.root.mkdir()
        self.held: Held = {}
        self.sent: list[str] = []
        self.ahead = ahead

    def build(
        self, done: bool = True, known: Stamps | None = None, meanwhile: t.Callable[[], object] = lambda: None
    ) -> Stamps:
        """What a build of all of it says that it was made of. `meanwhile`: after it was listed."""
        replica = Replica.open(self.record, "owner", {"": str(self.root)}, known or {})
        held, new = self.held.get(replica.key, {}), {}
        self.sent.clear()
        listed = follow(self, replica, Ask())
        meanwhile()
        for entry in listed.values():
            facts = entry.stat.st_size, entry.stat.st_mtime_ns
            if entry.kind == tree.FILE and held.get(entry.path, ())[:2] != facts:
                data = b"".join(replica.sent("", entry, tree.content(str(self.root), entry)))
                self.sent.append(entry.path)
                new[entry.path] = (*facts, data)
            elif entry.kind == tree.FILE:
                new[entry.path] = held[entry.path]
        self.held[replica.key] = self.now = new
        if self.ahead:
            replica.ahead()
        return replica.settle(done)

    def built(self) -> dict[str, bytes]:
        return {path: stamps.sha256([data]) for path, (_size, _mtime, data) in self.now.items()}


def follow(engine: Engine, replica: Replica, ask: Ask) -> dict[str, tree.Entry]:
    entries = replica.listed(str(engine.root), ask, ask.entries(str(engine.root), IgnoreRules()))
    return {entry.path: entry for entry in entries}


def send(engine: Engine, replica: Replica, entry: tree.Entry) -> None:
    for _piece in replica.sent("", entry, tree.content(str(engine.root), entry)):
        pass


def contents(found: Stamps) -> dict[str, bytes]:
    return {name: stamp.content for name, stamp in found.items() if stamp.kind == tree.FILE}


def rewrite(path: Path, text: str) -> None:
    """Without a trace but in its ctime."""
    before = path.stat()
    path.write_text(text)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.fixture(autouse=True)
def _old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stamps, "YOUNG", -(10**18))  # nothing is young


@pytest.fixture(params=[False, True], ids=["afterwards", "ahead"])
def engine(tmp_path: Path, request: pytest.FixtureRequest) -> Engine:
    engine = Engine(tmp_path, request.param)
    for name in "abc":
        (engine.root / name).write_text(name)
    (engine.root / "d").mkdir()
    (engine.root / "d/link").symlink_to("../a")
    return engine


def test_what_is_sent_once_is_held(engine: Engine) -> None:
    first = engine.build()
    assert engine.sent == ["a", "b", "c"]
    assert contents(first) == engine.built() and first.keys() == {"a", "b", "c", "d", "d/link"}
    assert engine.build() == first and engine.sent == []
    (engine.root / "b").write_text("other")
    assert contents(engine.build()) == engine.built() and engine.sent == ["b"]


def test_what_changed_without_a_trace_is_sent_and_all_beside_it(engine: Engine) -> None:
    engine.build()
    rewrite(engine.root / "b", "X")
    second = engine.build()
    assert engine.sent == ["a", "b", "c"] and contents(second) == engine.built()
    assert engine.now["b"][2] == b"X"
    assert engine.build() == second and engine.sent == []


def test_what_cannot_be_read_to_tell_is_no_error_yet(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    engine.build()
    rewrite(engine.root / "b", "X")

    def unreadable(_root: str, entry: tree.Entry) -> t.NoReturn:
        raise UsageError(entry.path)

    monkeypatch.setattr(tree, "content", unreadable)
    replica = Replica.open(engine.record, "owner", {"": str(engine.root)}, {})
    assert replica.key not in engine.held


@pytest.mark.parametrize("known", [True, False])
def test_what_was_only_written_anew_is_not(engine: Engine, known: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """As by a deployment that keeps the times."""
    first = engine.build()
    (engine.root / "x").write_text("b")
    facts = (engine.root / "b").stat()
    os.utime(engine.root / "x", ns=(facts.st_atime_ns, facts.st_mtime_ns))
    os.replace(engine.root / "x", engine.root / "b")
    told = {}
    if known:
        (entry,) = (entry for entry in tree.walk(str(engine.root), IgnoreRules()) if entry.path == "b")
        told = {"b": Stamp.of(entry, first["b"].content, 2 * 10**18)}
        monkeypatch.setattr(tree, "content", None)
    assert contents(engine.build(known=told)) == contents(first) and engine.sent == []


def test_what_was_young_is_read_once_more_and_then_not_again(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stamps, "YOUNG", 10**18)
    first = engine.build()
    assert {stamp.ctime for stamp in first.values()} == {stamps.NEVER}
    rewrite(engine.root / "b", "X")
    assert contents(engine.build()) == engine.built() and engine.now["b"][2] == b"X"
    monkeypatch.setattr(stamps, "YOUNG", -(10**18))
    third = engine.build()
    assert engine.sent == [] and contents(third) == engine.built()
    monkeypatch.setattr(tree, "content", None)
    assert engine.build() == third


def test_what_was_read_and_is_young_still_is_read_again(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stamps, "YOUNG", 10**18)
    engine.build()
    engine.build()
    rewrite(engine.root / "b", "X")
    assert contents(engine.build()) == engine.built() and engine.now["b"][2] == b"X"


def test_a_build_that_fails_has_sent_what_it_has_sent(engine: Engine) -> None:
    engine.build()
    (engine.root / "b").write_text("broken")
    (engine.root / "new").write_text("n")
    engine.build(done=False)
    assert engine.sent == ["b", "new"]
    rewrite(engine.root / "new", "N")
    mended = engine.build()
    assert contents(mended) == engine.built() and engine.now["new"][2] == b"N"
    (engine.root / "c").write_text("more")
    assert contents(engine.build()) == engine.built() and engine.sent == ["c"]


def test_what_changes_after_it_was_listed_is_what_was_sent(engine: Engine) -> None:
    first = engine.build(meanwhile=lambda: (engine.root / "b").write_text("X"))
    assert contents(first) == engine.built() and engine.now["b"][2] == b"X"


def test_what_changes_without_being_sent_is_not_what_was_built(engine: Engine) -> None:
    first = engine.build()
    second = engine.build(meanwhile=lambda: rewrite(engine.root / "b", "X"))
    assert engine.sent == [] and contents(second) == contents(first) == engine.built()
    (entry,) = (entry for entry in tree.walk(str(engine.root), IgnoreRules()) if entry.path == "b")
    assert not second["b"].holds(entry.stat)


@pytest.mark.parametrize("still", [True, False])
def test_what_a_killed_build_left_is_read(engine: Engine, still: bool) -> None:
    engine.build()
    noted = Path(engine.record + ".replica").read_bytes()
    (engine.root / "new").write_text("n")
    engine.build()
    Path(engine.record + ".replica").write_bytes(noted)
    found = engine.build(meanwhile=lambda: None if still else rewrite(engine.root / "new", "N"))
    assert engine.sent == []
    assert found["new"].content == (engine.built()["new"] if still else UNREAD)


def test_who_lost_account_starts_anew(engine: Engine) -> None:
    engine.build()
    Path(engine.record + ".replica").unlink()
    rewrite(engine.root / "b", "X")
    assert contents(engine.build()) == engine.built() and engine.sent == ["a", "b", "c"]


def test_what_is_gone_or_no_file_any_more(engine: Engine) -> None:
    engine.build()
    (engine.root / "a").unlink()
    (engine.root / "b").unlink()
    (engine.root / "b").mkdir()
    assert engine.build().keys() == {"b", "c", "d", "d/link"}


def test_another_directory_is_not_taken_for_this(engine: Engine) -> None:
    engine.build()
    one, other = (Replica.open(engine.record, owner, {"": str(engine.root)}, {}) for owner in ("owner", "other"))
    assert one.key in engine.held
    assert other.key.startswith("other") and other.key != Replica.open(engine.record, "other", {}, {}).key


def test_what_was_asked_for(engine: Engine) -> None:
    """BuildKit looks for an ignore file first, and keeps that apart."""
    replica = Replica.open(engine.record, "owner", {}, {})
    probe = Ask("", (".dockerignore",))
    (engine.root / ".dockerignore").write_text("x\n")
    for ask in (probe, Ask("", ("a", "b")), Ask("lib"), probe):
        follow(engine, replica, ask)
        if ask is probe:
            assert replica.asked in ([], [Ask("", ("a", "b")), Ask("lib"), probe])
    assert {"a", "b", "lib:a", "lib:d/link", ".dockerignore"} <= replica.settle(True).keys()


def test_nothing_asked_nothing_written(engine: Engine) -> None:
    Replica.open(engine.record, "owner", {}, {}).settle(False)
    assert not Path(engine.record + ".replica").exists()


def test_what_is_told_ahead_is_told_once(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    replica, written = Replica.open(engine.record, "owner", {}, {}), list[int]()
    monkeypatch.setattr(stampfile, "write", lambda _file, _header, now: written.append(len(now)))
    replica.ahead()
    listed = follow(engine, replica, Ask("", ("a", "b")))
    for name in "ab":
        send(engine, replica, listed[name])
    replica.ahead()
    assert contents(replica.settle(True)).keys() == {"a", "b"} and written == [2]


@pytest.mark.parametrize("more", ["listed", "begun", "ended", "sent"])
def test_what_comes_after_that_is_told_too(engine: Engine, more: str) -> None:
    replica = Replica.open(engine.record, "owner", {}, {})
    listed = follow(engine, replica, Ask())
    for name in "abc":
        send(engine, replica, listed[name])
    another = replica.listed(str(engine.root), Ask("lib"), Ask().entries(str(engine.root), IgnoreRules()))
    if more == "ended":
        for _piece in replica.sent("lib", next(another), [b"a"]):
            pass
    replica.ahead()
    if more == "sent":
        (engine.root / "c").write_text("x")
        send(engine, replica, listed["c"])
    else:
        for _entry in another:
            if more == "begun":
                break
    found = replica.settle(True)
    assert found["c"].content == stamps.sha256([b"x" if more == "sent" else b"c"])
    assert ("lib:a" in found, "lib:d/link" in found) == (more != "sent", more in ("listed", "ended"))
    _header, noted = stampfile.read(engine.record + ".replica") or ({}, {})
    assert noted == found


def test_two_transfers_that_end_together(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    replica, written = Replica.open(engine.record, "owner", {}, {}), list[int]()
    awaited, join = threading.Event(), threading.Thread.join

    def write(_file: str, _header: object, now: Stamps) -> None:
        assert awaited.wait(10)
        written.append(len(now))

    def waiting(thread: threading.Thread, timeout: float | None = None) -> None:
        awaited.set()
        join(thread, timeout)

    monkeypatch.setattr(stampfile, "write", write)
    monkeypatch.setattr(threading.Thread, "join", waiting)
    follow(engine, replica, Ask("", ("d",)))
    replica.ahead()
    replica.ahead()
    assert replica.settle(True).keys() == {"d", "d/link"} and written == [2]


def test_nobody_reads_ahead(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a build that fails had of the engine without our knowledge, nobody asks for."""
    replica = Replica.open(engine.record, "owner", {}, {})
    follow(engine, replica, Ask())
    monkeypatch.setattr(tree, "content", None)
    replica.ahead()
    assert replica.settle(False).keys() == {"d", "d/link"}
