# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.disk import buildrecord
from ansible_collections.slipway.images.plugins.module_utils.disk.buildrecord import BASE, REGISTRYS, BuildRecord

RECORD = BuildRecord("sha256:" + "a" * 64, {"context": "sha256:1", "option labels": '{"ü": "\udce9"}'})


@pytest.mark.parametrize(
    ("now", "changed"),
    [
        ({"a": "1", BASE + "b": "2", REGISTRYS + "b": "3"}, []),
        ({"a": "2", BASE + "b": "2", REGISTRYS + "b": "3"}, ["a"]),
        ({BASE + "b": "2"}, ["a"]),
        ({"a": "1", "c": "1", BASE + "b": "x"}, [BASE + "b", "c"]),
        ({"a": "1", BASE + "b": "", REGISTRYS + "b": ""}, []),  # unknown
        ({"a": "1"}, []),  # not looked for
        ({"a": "1", BASE + "other": "2"}, [BASE + "other"]),
    ],
)
def test_what_differs(now: dict[str, str], changed: list[str]) -> None:
    assert BuildRecord("", {"a": "1", BASE + "b": "2", REGISTRYS + "b": "3"}).differs(now) == changed


def test_what_is_written_is_read(tmp_path: Path) -> None:
    file = tmp_path / "deep/er/x.json"
    assert buildrecord.read(str(file)) is None
    assert buildrecord.write(str(file), RECORD) == ""
    assert buildrecord.read(str(file)) == RECORD
    assert os.listdir(file.parent) == ["x.json"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_cut_anywhere_it_is_no_record(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    buildrecord.write(str(file), RECORD)
    whole = file.read_bytes()
    for cut in range(len(whole)):
        file.write_bytes(whole[:cut])
        assert buildrecord.read(str(file)) is None


@pytest.mark.parametrize(
    "data",
    [
        {"version": buildrecord.VERSION + 1, "id": RECORD.id, "inputs": {}},
        {"id": RECORD.id, "inputs": {}},
        {"version": buildrecord.VERSION, "id": "busybox", "inputs": {}},
        {"version": buildrecord.VERSION, "id": None, "inputs": {}},
        {"version": buildrecord.VERSION, "id": RECORD.id, "inputs": ["a"]},
        {"version": buildrecord.VERSION, "id": RECORD.id},
        ["version", "id", "inputs"],
        "version id inputs",
        None,
    ],
)
def test_what_is_no_record(tmp_path: Path, data: object) -> None:
    (tmp_path / "x.json").write_text(json.dumps(data))
    assert buildrecord.read(str(tmp_path / "x.json")) is None


def test_what_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_bytes(b"\xff\xfe")
    assert buildrecord.read(str(tmp_path / "x.json")) is None
    assert buildrecord.read(str(tmp_path)) is None


@pytest.mark.parametrize("where", ["file/x.json", "file/deep/x.json", "x.json"])
def test_a_record_that_cannot_be_kept_is_a_warning(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "x.json").mkdir()
    warning = buildrecord.write(str(tmp_path / where), RECORD)
    assert warning.startswith("cannot keep a record of this build in %s" % (tmp_path / where).parent)
    assert sorted(os.listdir(tmp_path)) == ["file", "x.json"], "nothing half-written stays"


def test_nobody_reads_half_of_it(tmp_path: Path) -> None:
    file = str(tmp_path / "x.json")
    records = [BuildRecord("sha256:" + str(n) * 64, {"context": str(n) * 9000}) for n in range(4)]
    buildrecord.write(file, records[0])
    writers = [
        threading.Thread(target=lambda r=record: [buildrecord.write(file, r) for _turn in range(20)])
        for record in records
    ]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert buildrecord.read(file) in records
    assert os.listdir(tmp_path) == ["x.json"]


def test_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    one = buildrecord.path("unix:///a.sock", "app:1")
    assert one.startswith("/cache/slipway-images/builds/") and one.endswith(".json")
    assert buildrecord.path("unix:///a.sock", "app:1") == one
    assert len({one, buildrecord.path("unix:///b.sock", "app:1"), buildrecord.path("unix:///a.sock", "app:2")}) == 3
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", "/home/u")
    assert buildrecord.directory() == "/home/u/.cache/slipway-images/builds"
