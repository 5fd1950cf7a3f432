# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.building import exports, receipt
from ansible_collections.slipway.images.plugins.module_utils.buildkit import filesend, messages, protobuf
from ansible_collections.slipway.images.plugins.module_utils.image.export import Export
from ansible_collections.slipway.images.tests.unit.plugins.module_utils.conftest import Start


class Stop(Exception):
    pass


@pytest.fixture
def record(tmp_path: Path) -> str:
    return str(tmp_path / "cache/record")


def arrive(start: Start, taken: receipt.Receipt, text: bytes) -> None:
    """As from an engine: the file `f` with this text, or a stream of it."""
    caller, failures = start(taken.services)
    if isinstance(taken, receipt._File):
        caller.call(filesend.METHOD, protobuf.field(1, text)).end()
    else:
        talk = caller.call(filesend.METHOD, end=False)
        fields = ((1, b"f"), (2, 0o640), (6, 10**9))
        talk.send(protobuf.field(2, protobuf.message(*fields)), messages.END_OF_LIST)
        assert messages.parse(talk.message() or b"").type == messages.REQUEST
        talk.send(messages.packet(messages.DATA, 0, text), messages.packet(messages.DATA, 0))
        talk.send(messages.packet(messages.FIN), end=True)
        talk.end()
    assert not failures


@pytest.mark.parametrize("kind", ["local", "tar"])
def test_what_was_taken_stands(start: Start, tmp_path: Path, record: str, kind: str) -> None:
    export = Export(kind, str(tmp_path / "dest"))
    assert exports.found(export, record) == {export.dest: exports.ABSENT}
    said = []
    for text in (b"one", b"one", b"two"):
        before = exports.standing(export, record)
        with receipt.of(export) as taken:
            assert not taken.complete
            arrive(start, taken, text)
            assert taken.complete
            digest = taken.digest()
            said.append(taken.settle(record))
        assert exports.standing(export, record) == digest
        assert (before != digest) is said[-1]
    assert said == [True, False, True]
    assert (tmp_path / "dest/f" if kind == "local" else tmp_path / "dest").read_bytes() == b"two"
    assert sorted(os.listdir(tmp_path)) == (["cache", "dest"] if kind == "local" else ["dest"])


@pytest.mark.parametrize("kind", ["local", "tar"])
@pytest.mark.parametrize("there", [False, True])
def test_nothing_is_left_of_a_failure(start: Start, tmp_path: Path, kind: str, there: bool) -> None:
    dest = tmp_path / "dest"
    if there and kind == "local":
        dest.mkdir()
    elif there:
        dest.write_text("old")
    with pytest.raises(Stop), receipt.of(Export(kind, str(dest))) as taken:
        arrive(start, taken, b"new")
        raise Stop
    assert os.listdir(tmp_path) == (["dest"] if there else [])
    assert dest.is_dir() or not there or dest.read_text() == "old"


def test_permissions_of_a_file_stay(start: Start, tmp_path: Path, record: str) -> None:
    dest = tmp_path / "dest"
    dest.write_text("old")
    dest.chmod(0o600)
    with receipt.of(Export("tar", str(dest))) as taken:
        arrive(start, taken, b"new")
        assert taken.settle(record)
    assert dest.stat().st_mode & 0o7777 == 0o600
