# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Docker 28.5.2 with the containerd image store was seen to do; `tests/integration/test_removal_engine.py` has it
judge random cases."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.images.plugins.module_utils.errors import Conflict
from ansible_collections.slipway.images.plugins.module_utils.image.contentremoval import remove
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference
from ansible_collections.slipway.images.plugins.module_utils.image.removal import Container, Gone, Store, Target
from ansible_collections.slipway.images.plugins.module_utils.image.retention import Stored

ID, P, Q, C = ("sha256:" + digit * 64 for digit in "1234")
FORCE = {"force": True}
ALL = Gone(("a:1",), (ID,))
A_BY_ID, B_BY_ID = "a@" + ID, "b@" + ID


def image(*names: str, id: str = ID, parent: str = "") -> Stored:
    digests = tuple(name for name in names if "@" in name)
    return Stored(id, parent, tuple(name for name in names if "@" not in name), digests)


def store(*images: Stored, up: str = "", off: str = "") -> Store:
    used = [Container("runs", up, True)] * bool(up) + [Container("rests", off, False)] * bool(off)
    return Store({one.id: one for one in images}, tuple(used), containerd=True)


ONE, TAGS, REPOS = image("a:1"), image("a:1", "a:2"), image("a:1", "b:1")
PULLED, BARE = image("a:1", A_BY_ID), image(A_BY_ID)  # pulled by digest, and given a tag, or not
LINEAGE = (image("p:1", id=P), image(id=Q, parent=P), image("a:1", parent=Q))
UPON = (image("a:1", parent=Q), image(id=Q), image("c:1", id=C, parent=ID))

GOES: list[tuple[str, Store, str, dict[str, bool], Gone]] = [
    ("last name", store(ONE), "a:1", {}, ALL),
    ("id", store(ONE), "", {}, ALL),
    ("made up", store(ONE), A_BY_ID, {}, ALL),
    ("one of two", store(TAGS), "a:1", {}, Gone(("a:1",))),
    ("one of two, used", store(TAGS, up=ID), "a:1", {}, Gone(("a:1",))),
    ("made up of two", store(TAGS), A_BY_ID, {}, Gone(("a:1", "a:2"), (ID,))),
    ("made up of one of two repositories", store(REPOS, up=ID), B_BY_ID, {}, Gone(("b:1",))),
    ("id of two, forced", store(TAGS), "", FORCE, Gone(("a:1", "a:2"), (ID,))),
    ("last name, rests, forced", store(ONE, off=ID), "a:1", FORCE, Gone(("a:1",))),
    ("last name, runs, forced", store(ONE, up=ID), "a:1", FORCE, Gone(("a:1",))),
    ("id, rests, forced", store(ONE, off=ID), "", FORCE, ALL),
    ("made up, rests, forced", store(ONE, off=ID), A_BY_ID, FORCE, ALL),
    ("pulled, tag", store(PULLED), "a:1", {}, Gone(("a:1", A_BY_ID), (ID,))),
    ("pulled, digest", store(PULLED), A_BY_ID, {}, Gone(("a:1", A_BY_ID), (ID,))),
    ("pulled, id", store(PULLED), "", {}, Gone(("a:1", A_BY_ID), (ID,))),
    ("pulled, tag, rests, forced", store(PULLED, off=ID), "a:1", FORCE, Gone(("a:1",))),
    ("pulled, digest, rests, forced", store(PULLED, off=ID), A_BY_ID, FORCE, Gone((A_BY_ID,))),
    ("pulled, id, rests, forced", store(PULLED, off=ID), "", FORCE, Gone(("a:1", A_BY_ID), (ID,))),
    ("pulled, other tag", store(image("a:1", "a:2", A_BY_ID)), "a:1", {}, Gone(("a:1",))),
    ("bare, rests, forced", store(BARE, off=ID), A_BY_ID, FORCE, Gone((A_BY_ID,))),
    ("bare and another", store(image("b:1", A_BY_ID), up=ID), A_BY_ID, {}, Gone((A_BY_ID,))),
    ("what it was built on", store(*LINEAGE), "a:1", {}, Gone(("a:1",), (ID, Q))),
    ("noprune", store(*LINEAGE), "a:1", {"noprune": True}, ALL),
    ("used parent", store(*LINEAGE, off=Q), "a:1", FORCE, ALL),
    ("missing ancestor", store(*LINEAGE[1:]), "a:1", {}, ALL),
    (
        "several names spare parents",
        store(LINEAGE[1], image("a:1", "b:1", parent=Q)),
        "",
        FORCE,
        Gone(REPOS.tags, (ID,)),
    ),
    ("a base, by its name", store(*UPON), "a:1", {}, Gone(("a:1",), (Q,))),
    ("a base, forced", store(*UPON), "a:1", FORCE, Gone(("a:1",), (ID, Q))),
    ("a base, by its id", store(*UPON), "", {}, Gone(("a:1",), (ID, Q))),
    ("a base without a name", store(image(), image("c:1", id=C, parent=ID)), "", {}, Gone((), (ID,))),
]


@pytest.mark.parametrize(("there", "name", "how", "gone"), [case[1:] for case in GOES], ids=[c[0] for c in GOES])
def test_what_goes(there: Store, name: str, how: dict[str, bool], gone: Gone) -> None:
    target = Target(ID, name)
    assert there.has(target)
    left, really = remove(there, target, **how)
    assert really == gone
    assert set(left.images) == set(there.images) - set(gone.deleted)
    names = {name for one in left.images.values() for name in (*one.tags, *one.digests)}
    assert names == {name for one in there.images.values() for name in (*one.tags, *one.digests)} - set(gone.untagged)


REFUSED = [
    (store(ONE, off=ID), "a:1", False, "a:1 is the last name of image 111111111111, and container rests uses it"),
    (store(PULLED, up=ID), A_BY_ID, False, "is the last name of image 111111111111, and container runs uses it"),
    (store(ONE, off=ID), "", False, "in use by container rests, which is stopped; force removes it nevertheless"),
    (store(TAGS, off=ID), A_BY_ID, False, "in use by container rests, which is stopped"),
    (store(ONE, up=ID), A_BY_ID, True, "in use by container runs, which is running"),
    (store(ONE, up=ID), "", True, "in use by container runs, which is running"),
    (store(TAGS), "", False, r"it has several names \(a:1, a:2\); force removes them all"),
    (store(image("b:1", A_BY_ID)), "", False, "several names"),
]


@pytest.mark.parametrize(("there", "name", "force", "why"), REFUSED)
def test_what_is_refused(there: Store, name: str, force: bool, why: str) -> None:
    with pytest.raises(Conflict, match=why):
        remove(there, Target(ID, name), force)


def test_a_repository_with_the_id_is_a_name_as_long_as_it_has_a_tag() -> None:
    there = store(image("h:5/a:1", "b:1"))
    assert there.names()[Reference.parse("h:5/a@" + ID)] == Target(ID, "h:5/a@" + ID)
    left, _gone = remove(there, Target(ID, "h:5/a:1"))
    assert (left.has(Target(ID, "h:5/a@" + ID)), left.has(Target(ID, B_BY_ID))) == (False, True)
