# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import typing as t
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.disk import buildrecord, stampfile, tree
from ansible_collections.slipway.images.plugins.module_utils.disk.buildrecord import BASE, REGISTRYS, BuildRecord
from ansible_collections.slipway.images.plugins.module_utils.disk.selection import ALL, Ask
from ansible_collections.slipway.images.plugins.module_utils.disk.stamps import Stamp

STAMPS = {"a": Stamp(tree.FILE, 0o644, 3, 10, 20, 7, b"\n" * 32)}
ASKED = (Ask("", ("src/*.c", "\udce9")), Ask("lib"), Ask("", (), ("x",)))
RECORD = BuildRecord("sha256:" + "a" * 64, {"Dockerfile": "1", "option labels": '{"ü": "\udce9"}'}, STAMPS, ASKED)


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


@pytest.mark.parametrize("record", [RECORD, BuildRecord(RECORD.id, {}), BuildRecord(RECORD.id, {}, {}, ())])
def test_what_is_written_is_read(tmp_path: Path, record: BuildRecord) -> None:
    file = str(tmp_path / "x")
    assert buildrecord.read(file) is None
    assert buildrecord.write(file, record) == ""
    assert buildrecord.read(file) == record
    buildrecord.forget(file)
    assert buildrecord.read(file) is None
    assert BuildRecord("", {}).asked == ALL


@pytest.mark.parametrize(
    "change",
    [
        {"id": "busybox"},
        {"id": None},
        {"id": ""},
        {"inputs": ["a"]},
        {"inputs": None},
        {"asked": 7},
        {"asked": ["a"]},
        {"asked": [["a", None, []]]},
    ],
)
def test_what_is_no_record(tmp_path: Path, change: dict[str, t.Any]) -> None:
    file = str(tmp_path / "x")
    stampfile.write(file, {"id": RECORD.id, "inputs": {}, "asked": [], **change}, {})
    assert buildrecord.read(file) is None
    stampfile.write(file, {"id": RECORD.id, "inputs": {}}, {})
    assert buildrecord.read(file) is None


def test_a_record_that_cannot_be_kept_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    (tmp_path / "file").write_text("")
    warning = buildrecord.write(buildrecord.path("engine", "app"), RECORD)
    assert warning.startswith("cannot keep a record of this build in %s/file/slipway-images/builds, so" % tmp_path)


def test_who_writes_one_sweeps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    buildrecord.write(buildrecord.path("engine", "one"), RECORD)
    os.utime(buildrecord.path("engine", "one"), (1, 1))
    buildrecord.write(buildrecord.path("engine", "two"), RECORD)
    assert buildrecord.read(buildrecord.path("engine", "one")) is None
    assert buildrecord.read(buildrecord.path("engine", "two")) == RECORD
