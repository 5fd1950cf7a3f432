# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.slipway.images.plugins.module_utils.buildkit import control, protobuf
from ansible_collections.slipway.images.plugins.module_utils.buildkit.control import Kind, Solve
from ansible_collections.slipway.images.plugins.module_utils.buildkit.protobuf import message


def numbers(solve: Solve) -> list[int]:
    return [number for number, _value in protobuf.fields(solve.message())]


def test_a_build() -> None:
    solve = Solve("ref", "session", {"filename": "D", "no-cache": ""}, (Kind("moby", {"name": "x"}),))
    assert solve.message() == message(
        (1, b"ref"),
        (3, b"moby"),
        (4, message((1, b"name"), (2, b"x"))),
        (5, b"session"),
        (6, b"dockerfile.v0"),
        (7, message((1, b"filename"), (2, b"D"))),
        (7, message((1, b"no-cache"))),
    )


def test_what_else_may_be_in_one() -> None:
    cache = Kind("registry", {"ref": "r/c"})
    assert numbers(Solve("r", "s", {}, cache_to=(cache, cache), entitlements=("network.host",))) == [1, 5, 6, 8, 9]
    assert numbers(Solve("r", "s", {}, exporters=(Kind("moby", {}), Kind("tar", {})))) == [1, 5, 6, 13, 13]
    assert numbers(Solve("r", "s", {})) == [1, 5, 6]


def test_values_that_are_not_utf8() -> None:
    assert b"\xff" in Solve("r", "s", {"build-arg:A": "\udcff"}).message()


def test_what_came_of_it() -> None:
    pair = message((1, b"containerimage.digest"), (2, b"sha256:1"))
    assert control.solved(message((1, pair), (9, b"new"), (1, message((1, b"empty"))))) == {
        "containerimage.digest": "sha256:1",
        "empty": "",
    }
    assert control.solved(b"") == {}
