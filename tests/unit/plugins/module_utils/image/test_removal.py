# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules themselves, case by case; `tests/integration/test_removal_engine.py` has the engine judge them."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.slipway.images.plugins.module_utils.errors import Conflict
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference
from ansible_collections.slipway.images.plugins.module_utils.image.removal import Container, Gone, Store, Target, remove
from ansible_collections.slipway.images.plugins.module_utils.image.retention import Stored

D1, D2 = ("sha256:" + digit * 64 for digit in "12")


def image(id: str, *names: str, parent: str = "") -> Stored:
    digests = tuple(name for name in names if "@" in name)
    return Stored(id, parent, tuple(name for name in names if "@" not in name), digests)


def store(*images: Stored, up: str = "", off: str = "") -> Store:
    used = [Container("runs", up, True)] * bool(up) + [Container("rests", off, False)] * bool(off)
    return Store({one.id: one for one in images}, tuple(used))


GOES: list[tuple[str, Store, Target, dict[str, bool], Gone]] = [
    ("last name", store(image("i", "a:1")), Target("i", "a:1"), {}, Gone(("a:1",), ("i",))),
    ("one of two", store(image("i", "a:1", "b:1")), Target("i", "a:1"), {}, Gone(("a:1",))),
    ("with its digest", store(image("i", "a:1", "a@" + D1)), Target("i", "a:1"), {}, Gone(("a:1", "a@" + D1), ("i",))),
    ("other tag", store(image("i", "a:1", "a:2", "a@" + D1)), Target("i", "a:1"), {}, Gone(("a:1",))),
    ("other digest", store(image("i", "a:1", "b@" + D1)), Target("i", "a:1"), {}, Gone(("a:1",))),
    ("digest alone", store(image("i", "a:1", "a@" + D1)), Target("i", "a@" + D1), {}, Gone(("a@" + D1,))),
    ("two digests", store(image("i", "a@" + D1, "a@" + D2)), Target("i", "a@" + D1), {}, Gone(("a@" + D1,))),
    ("by id", store(image("i", "a:1", "a@" + D1)), Target("i"), {}, Gone(("a:1", "a@" + D1), ("i",))),
    ("nameless", store(image("i")), Target("i"), {}, Gone((), ("i",))),
    ("all names", store(image("i", "a:1", "b:1")), Target("i"), {"force": True}, Gone(("a:1", "b:1"), ("i",))),
    ("base", store(image("i", "a:1"), image("j", "b:1", parent="i")), Target("i", "a:1"), {}, Gone(("a:1",))),
    (
        "parents",
        store(image("i"), image("j", parent="i"), image("k", parent="j")),
        Target("k"),
        {},
        Gone((), tuple("kji")),
    ),
    ("noprune", store(image("i"), image("j", parent="i")), Target("j"), {"noprune": True}, Gone((), ("j",))),
    ("named parent", store(image("i", "a:1"), image("j", parent="i")), Target("j"), {}, Gone((), ("j",))),
    ("used parent", store(image("i"), image("j", parent="i"), off="i"), Target("j"), {}, Gone((), ("j",))),
    (
        "two children",
        store(image("i"), image("j", parent="i"), image("k", parent="i")),
        Target("j"),
        {},
        Gone((), ("j",)),
    ),
    ("used, not last", store(image("i", "a:1", "a:2"), up="i"), Target("i", "a:1"), {}, Gone(("a:1",))),
    ("runs, forced", store(image("i", "a:1"), up="i"), Target("i", "a:1"), {"force": True}, Gone(("a:1",))),
    ("rests, forced", store(image("i", "a:1"), off="i"), Target("i", "a:1"), {"force": True}, Gone(("a:1",), ("i",))),
    ("rests, forced id", store(image("i", "a:1"), off="i"), Target("i"), {"force": True}, Gone(("a:1",), ("i",))),
    (
        "force spares parents",
        store(image("i"), image("j", parent="i"), off="i"),
        Target("j"),
        {"force": True},
        Gone((), ("j",)),
    ),
]


@pytest.mark.parametrize(("there", "target", "how", "gone"), [case[1:] for case in GOES], ids=[c[0] for c in GOES])
def test_what_goes(there: Store, target: Target, how: dict[str, bool], gone: Gone) -> None:
    left, really = remove(there, target, **how)
    assert really == gone
    assert set(left.images) == set(there.images) - set(gone.deleted)
    names = {name for one in left.images.values() for name in (*one.tags, *one.digests)}
    assert names == {one.name for one in there.names().values()} - set(gone.untagged)
    assert not left.has(target)


REFUSED = [
    (
        store(image("i", "a:1"), up="i"),
        Target("i", "a:1"),
        False,
        "a:1 is the last name of image i, and container runs",
    ),
    (store(image("i", "a:1", "a@" + D1), off="i"), Target("i", "a@" + D1), False, "container rests uses it"),
    (store(image("i", "a:1"), up="i"), Target("i"), True, "in use by container runs, which is running"),
    (store(image("i", "a:1"), off="i"), Target("i"), False, "in use by container rests, which is stopped; force"),
    (store(image("i", "a:1", "b:1")), Target("i"), False, r"several names \(a:1, b:1\); force"),
    (store(image("i", "a:1", "b@" + D1)), Target("i"), False, "several names"),
    (store(image("i", "a:1"), image("j", parent="i")), Target("i"), True, r"dependent images \(j is built on it\)"),
    (store(image("i"), image("j", parent="i"), up="i"), Target("i"), False, "dependent images"),
]


@pytest.mark.parametrize(("there", "target", "force", "why"), REFUSED)
def test_what_is_refused(there: Store, target: Target, force: bool, why: str) -> None:
    with pytest.raises(Conflict, match=why):
        remove(there, target, force)


def test_the_engines_rows() -> None:
    rows: list[dict[str, t.Any]] = [
        {"Id": "i", "ParentId": "", "RepoTags": ["<none>:<none>"], "RepoDigests": ["a@" + D1], "Created": 1, "Size": 2},
        {"Id": "j", "ParentId": "i", "RepoTags": ["b:1"], "RepoDigests": None, "Created": 1, "Size": 2},
        {"Id": "k", "ParentId": "j", "RepoTags": None, "RepoDigests": None, "Created": 1, "Size": 2},
    ]
    containers: list[dict[str, t.Any]] = [
        {"Id": "c" * 64, "Names": None, "ImageID": "i", "State": "created"},
        {"Id": "d" * 64, "Names": ["/web"], "ImageID": "i", "State": "paused"},
    ]
    read = Store.of(rows, containers)
    assert read.names() == {
        Reference.parse("a@" + D1): Target("i", "a@" + D1),
        Reference.parse("docker.io/library/b:1"): Target("j", "b:1"),
    }
    assert read.containers == (Container("c" * 12, "i", False), Container("web", "i", True))
    assert [read.depth(id) for id in "ijk"] == [0, 1, 2]
    assert (read.user("i"), read.user("i", (True,)), read.user("j")) == ("c" * 12, "web", "")
