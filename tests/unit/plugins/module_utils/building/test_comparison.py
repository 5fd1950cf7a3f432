# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.building.comparison import Comparison, compare, key
from ansible_collections.slipway.images.plugins.module_utils.disk import buildrecord, stamps
from ansible_collections.slipway.images.plugins.module_utils.disk.buildrecord import BASE, REGISTRYS, BuildRecord
from ansible_collections.slipway.images.plugins.module_utils.disk.context import Context, Tally
from ansible_collections.slipway.images.plugins.module_utils.image.buildrequest import BuildRequest
from ansible_collections.slipway.images.plugins.modules.image_build import SPEC
from ansible_collections.slipway.images.tests.support.fake import params

ID = "sha256:" + "a" * 64


@pytest.fixture
def context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Context:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(stamps, "YOUNG", -(10**18))  # nothing is
    (tmp_path / "context").mkdir()
    for name in ("Dockerfile", "a"):
        (tmp_path / "context" / name).write_text("FROM scratch\n")
    return Context.open(str(tmp_path / "context"))


def compared(context: Context, before: dict[str, str], now: dict[str, str], touched: int = 1) -> tuple[str, Comparison]:
    """The file of the record, and the comparison after a file was touched."""
    file, tally = buildrecord.path("engine", "app:1"), Tally()
    list(context.blocks(tally))
    record = BuildRecord(ID, before, tally.stamps)
    buildrecord.write(file, record)
    os.utime(os.path.join(context.root, "a"), (touched, touched))
    return file, compare(file, record, now, context)


@pytest.mark.parametrize(
    ("name", "before", "now", "said"),
    [
        ("argument A", "=1.2", "=1.3", ["argument A 1.2 -> 1.3"]),
        ("argument A", "=", "unset", ['argument A "" -> unset']),
        ("argument A", None, "=1", ["argument A absent -> 1"]),
        ("argument A", "=1", "f" * 64, ["argument A changed"]),
        ("argument A", None, "f" * 64, ["argument A added"]),
        ("argument A", "f" * 64, None, ["argument A removed"]),
        ("option target", "one", "two", ["option target one -> two"]),
        ("option extrahosts", '["a:1"]', "[%s]" % ("x" * 40), ["option extrahosts changed"]),
        (
            "option labels",
            '{"a": "1", "b": "2"}',
            '{"b": "3", "c": "4"}',
            ["label a 1 -> absent", "label b 2 -> 3", "label c absent -> 4"],
        ),
        ("option labels", None, '{"a": "line\\nline"}', ["label a added"]),
        ("Dockerfile", "1", "2", ["Dockerfile modified"]),
        (BASE + "x:1", ID, "sha256:" + "b" * 64, ["base image x:1 aaaaaaaaaaaa -> bbbbbbbbbbbb"]),
        (BASE + "x:1", "", ID, ["base image x:1 absent -> aaaaaaaaaaaa"]),
        (REGISTRYS + "x:1", ID, "sha256:" + "b" * 64, ["registry's x:1 aaaaaaaaaaaa -> bbbbbbbbbbbb"]),
    ],
)
def test_a_change_in_words(context: Context, name: str, before: str | None, now: str | None, said: list[str]) -> None:
    given = [{} if value is None else {name: value} for value in (before, now)]
    assert compared(context, given[0], given[1])[1].told == tuple(said)


def test_what_was_only_touched_is_noted_when_nothing_changed(context: Context) -> None:
    file, found = compared(context, {"a": "1"}, {"a": "1"})
    assert (found.changed, found.told) == ((), ())
    noted = buildrecord.read(file)
    assert noted and (noted.id, noted.inputs, noted.stamps["a"].mtime) == (ID, {"a": "1"}, 10**9)
    file, found = compared(context, {"a": "1"}, {"a": "2"}, touched=2)
    noted = buildrecord.read(file)
    assert found.changed == ("a",)
    assert noted and noted.stamps["a"].mtime == 10**9, "it is what the image was made of"


def test_what_another_task_wrote_meanwhile_stays(context: Context) -> None:
    file, _found = compared(context, {"a": "1"}, {"a": "1"})
    mine = buildrecord.read(file)
    newer = BuildRecord("sha256:" + "9" * 64, {"a": "2"}, {})
    buildrecord.write(file, newer)
    os.utime(os.path.join(context.root, "a"), (3, 3))
    assert mine and compare(file, mine, {"a": "1"}, context).changed == ()
    assert buildrecord.read(file) == newer


def test_the_dockerfile_of_a_context_is_told_once(context: Context) -> None:
    (Path(context.root) / "Dockerfile").write_text("FROM x\n")
    record = BuildRecord(ID, {"Dockerfile": "1"}, {"Dockerfile": stamps.Stamp(b"0", 0o644, 1, 1, 1, 1, b"x" * 32)})
    found = compare("/nowhere/x", record, {"Dockerfile": "2"}, context)
    assert found.changed == ("Dockerfile", "context")
    assert found.told == ("Dockerfile modified", "a added")


def request(dest: str | None) -> BuildRequest:
    outputs = [{"type": "local", "dest": dest}] if dest else []
    return BuildRequest.of(params(SPEC, name=None if dest else "app:1", outputs=outputs))


def test_builds_into_one_directory_have_records_of_their_own() -> None:
    base = dict.fromkeys(("path", "archive", "url", "dockerfile", "target"))
    given = [{}, {"path": "a"}, {"url": "a"}, {"target": "a"}]
    assert len({key(request("/x"), {**base, **more}) for more in given}) == len(given)
    assert key(request(None), base) == "app:1"
