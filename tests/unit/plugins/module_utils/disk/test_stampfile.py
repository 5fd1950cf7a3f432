# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import stat
import threading
import time
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.disk import stampfile, tree
from ansible_collections.slipway.images.plugins.module_utils.disk.stamps import NEVER, Stamp

KNOWN = {
    "a/ü\udce9": Stamp(tree.FILE, 0o644, 3, 10, 20, 7, b"\n" * 32),
    "a": Stamp(tree.DIRECTORY, 0o755, 0, 0, 0, 0, b"\0" * 32),
}


def header(file: str) -> stampfile.Header:
    found = stampfile.read(file)
    assert found
    return found[0]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    file = tmp_path / "deep/er/x"
    assert stampfile.read(str(file)) is None
    for known in (KNOWN, {}):
        assert stampfile.write(str(file), {"said": "\udce9"}, known) == ""
        found = stampfile.read(str(file))
        assert found and (found[0]["said"], found[1]) == ("\udce9", known)
    assert os.listdir(file.parent) == ["x"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_cut_or_changed_anywhere_it_is_none(tmp_path: Path) -> None:
    file = tmp_path / "x"
    stampfile.write(str(file), {}, KNOWN)
    whole = file.read_bytes()
    for at in range(len(whole)):
        file.write_bytes(whole[:at])
        assert stampfile.read(str(file)) is None
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert stampfile.read(str(file)) is None


@pytest.mark.parametrize("told", [{"version": stampfile.VERSION + 1}, {"count": 7}, {"count": "1"}, {"taken": None}])
def test_what_another_wrote_is_none(tmp_path: Path, told: stampfile.Header) -> None:
    stampfile.write(str(tmp_path / "x"), told, KNOWN)
    assert stampfile.read(str(tmp_path / "x")) is None


def test_what_cannot_be_read_is_none(tmp_path: Path) -> None:
    assert stampfile.read(str(tmp_path)) is None
    (tmp_path / "x").write_bytes(b"[]\n" + bytes(32))
    assert stampfile.read(str(tmp_path / "x")) is None


def test_after_the_clock_was_set_back_no_time_is_trusted(tmp_path: Path) -> None:
    stampfile.write(str(tmp_path / "x"), {"taken": time.time_ns() + 10**12}, KNOWN)
    found = stampfile.read(str(tmp_path / "x"))
    assert found and {stamp.ctime for stamp in found[1].values()} == {NEVER}
    assert found[1]["a"] == KNOWN["a"]


@pytest.mark.parametrize("where", ["file/x", "file/deep/x", "x"])
def test_what_cannot_be_written_is_told(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "x").mkdir()
    assert stampfile.write(str(tmp_path / where), {}, KNOWN)
    assert sorted(os.listdir(tmp_path)) == ["file", "x"], "nothing half-written stays"


def test_nobody_reads_half_of_it(tmp_path: Path) -> None:
    file = str(tmp_path / "x")
    told = [{"number": number, "ballast": str(number) * 9000} for number in range(4)]
    stampfile.write(file, told[0], KNOWN)
    writers = [
        threading.Thread(target=lambda said=said: [stampfile.write(file, said, KNOWN) for _turn in range(20)])
        for said in told
    ]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        found = header(file)
        assert found["ballast"] == str(found["number"]) * 9000
    assert os.listdir(tmp_path) == ["x"]


def test_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    one = stampfile.path("unix:///a.sock", "app:1")
    assert one.startswith("/cache/slipway-images/builds/") and one.endswith(".build")
    assert stampfile.path("unix:///a.sock", "app:1") == one
    assert len({one, stampfile.path("unix:///b.sock", "app:1"), stampfile.path("unix:///a.sock", "app:2")}) == 3
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", "/home/u")
    assert stampfile.directory() == "/home/u/.cache/slipway-images/builds"


def test_what_nobody_uses_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    stampfile.sweep()  # of nothing
    files = [Path(stampfile.path("engine", str(number))) for number in range(6)]
    for age, file in enumerate(files):
        stampfile.write(str(file), {}, {})
        os.utime(file, (time.time() - age * 60,) * 2)
    os.utime(files[0], (1, 1))
    stampfile.sweep()
    assert [file.exists() for file in files] == [False, *[True] * 5]
    monkeypatch.setattr(stampfile, "MOST", 3)
    header(str(files[5]))  # and so it is in use
    stampfile.sweep()
    assert [file.exists() for file in files[1:]] == [True, True, False, False, True]
    stampfile.forget(str(files[1]))
    stampfile.forget(str(files[1]))
    assert not files[1].exists()
