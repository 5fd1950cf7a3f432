# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError
from ansible_collections.slipway.images.plugins.module_utils.image.export import Export
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference

NAMES = (Reference.parse("a:1"), Reference.parse("host/b:2"))


def output(kind: str, dest: str | None = None) -> list[dict[str, t.Any]]:
    return [{"type": kind, "dest": dest}]


def test_an_image_is_none() -> None:
    assert Export.of([], NAMES) is None
    assert Export.of(output("image"), NAMES) is None


@pytest.mark.parametrize(
    ("kind", "names", "attrs", "directory"),
    [
        ("local", (), {}, True),
        ("tar", (), {}, False),
        ("oci", (), {}, False),
        ("docker", NAMES, {"name": "a:1,host/b:2"}, False),
    ],
)
def test_files(kind: str, names: tuple[Reference, ...], attrs: dict[str, str], directory: bool) -> None:
    export = Export.of(output(kind, "/x"), names)
    assert export == Export(kind, "/x") and export.directory is directory
    assert export.image is (kind in ("oci", "docker"))
    assert json.loads(export.query(names)) == [{"Type": kind, "Attrs": attrs}]


@pytest.mark.parametrize(
    ("outputs", "names", "said"),
    [
        ([], (), "name is missing"),
        (output("image"), (), "name is missing"),
        (output("image", "/x"), NAMES, "has no dest"),
        (output("tar"), (), "say with dest where the tar goes"),
        (output("local", "/x"), NAMES, "leave out name"),
        (output("tar", "/x"), NAMES, "leave out name"),
        (output("tar", "/x") + output("local", "/y"), (), "a task for each"),
    ],
)
def test_what_cannot_be(outputs: list[dict[str, t.Any]], names: tuple[Reference, ...], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Export.of(outputs, names)
