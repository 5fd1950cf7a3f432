# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.slipway.images.plugins.module_utils.engine import images
from ansible_collections.slipway.images.plugins.module_utils.errors import (
    Conflict,
    EngineError,
    NotFound,
    SlipwayError,
    UsageError,
)
from ansible_collections.slipway.images.plugins.module_utils.image.digest import short
from ansible_collections.slipway.images.plugins.module_utils.task.run import report
from ansible_collections.slipway.images.plugins.modules.image_tag import SPEC, apply, observe, plan
from ansible_collections.slipway.images.tests.support.fake import Fake, id_of, image, params

ONE, TWO = id_of("one"), id_of("two")


@pytest.fixture
def fake() -> Fake:
    return Fake(images={"app:1": image("one"), "app:latest": image("two")})


def task(fake: Fake, check: bool = False, **given: t.Any) -> dict[str, t.Any]:
    options = params(SPEC, **({} if "images" in given else {"name": "app:1"}), **given)
    todo = plan(options, observe(fake.engine, options))
    assert not fake.writes
    outcome = todo.foretold() if check or not todo.actions else apply(fake.engine, todo)
    return report(todo, outcome)


@pytest.mark.parametrize(
    ("given", "after", "actions"),
    [
        ({"targets": ["app:1"]}, {"app:1": ONE}, []),
        ({"targets": ["new"]}, {"new": ONE}, ["new:latest"]),
        ({"targets": ["new", "new:latest", "b:1"]}, {"new": ONE, "new:latest": ONE, "b:1": ONE}, ["new:latest", "b:1"]),
        ({"targets": ["app"]}, {"app": ONE}, ["app:latest"]),
        ({"targets": ["app", "b:1"], "existing": "keep"}, {"app": TWO, "b:1": ONE}, ["b:1"]),
        ({"targets": ["app:1", "b:1"], "existing": "fail"}, {"app:1": ONE, "b:1": ONE}, ["b:1"]),
    ],
)
def test_targets(fake: Fake, given: dict[str, t.Any], after: dict[str, str], actions: list[str]) -> None:
    foretold, done = task(fake, check=True, **given), task(fake, **given)
    assert foretold == done
    assert done["actions"] == ["tag %s as %s" % (short(ONE), name) for name in actions]
    assert done["changed"] is bool(actions)
    assert done["diff"]["after"] == after
    assert {name: attrs["Id"] for name, attrs in done["ansible_facts"]["slipway_images"].items()} == {
        **after,
        "app:1": ONE,
    }
    assert done["image"]["Id"] == ONE
    assert [dict(call.params) for call in fake.writes] == [
        {"repo": name.partition(":")[0], "tag": name.partition(":")[2]} for name in actions
    ]
    fake.calls.clear()
    again = task(fake, **given)
    assert (again["changed"], again["actions"]) == (False, [])


@pytest.mark.parametrize(
    ("given", "kind", "says"),
    [
        (
            {"targets": ["b:1", "app"], "existing": "fail"},
            Conflict,
            "other images bear these names: app \\(%s" % short(TWO),
        ),
        ({"targets": ["App"]}, UsageError, "lower-case"),
        ({"targets": ["app@" + ONE]}, UsageError, "has a digest"),
    ],
)
def test_what_fails(fake: Fake, given: dict[str, t.Any], kind: type[SlipwayError], says: str) -> None:
    with pytest.raises(kind, match=says):
        task(fake, **given)


def test_several_images_at_once(fake: Fake) -> None:
    """Each is what its name means before: the two names of the first row change places."""
    entries = [
        {"name": "app:1", "targets": ["app:latest", "new:1", "new:1"]},
        {"name": "app:latest", "targets": ["app:1", "new:2"]},
        {"name": ONE, "targets": ["new:3"]},
    ]
    foretold, done = task(fake, check=True, images=entries), task(fake, images=entries)
    assert foretold == done
    assert done["diff"]["after"] == {"app:latest": ONE, "new:1": ONE, "app:1": TWO, "new:2": TWO, "new:3": ONE}
    assert [dict(call.params) for call in fake.writes] == [
        {"repo": name.partition(":")[0], "tag": name.partition(":")[2]} for name in done["diff"]["after"]
    ]
    facts = {name: attrs["Id"] for name, attrs in done["ansible_facts"]["slipway_images"].items()}
    assert facts == {**done["diff"]["after"], ONE: ONE}


def test_no_image_at_all(fake: Fake) -> None:
    done = task(fake, images=[])
    assert (done["changed"], done["images"], done["image"]) == (False, [], {})


def test_of_several_images_none_is_touched_when_one_is_not_there(fake: Fake) -> None:
    with pytest.raises(NotFound, match="no:1 is not on the engine"):
        task(fake, images=[{"name": "app:1", "targets": ["b:1"]}, {"name": "no:1", "targets": ["b:2"]}])
    with pytest.raises(UsageError, match="b:latest cannot name app:1 and app: a name means one image"):
        task(fake, images=[{"name": "app:1", "targets": ["b"]}, {"name": "app", "targets": ["b:latest"]}])
    assert not fake.writes


def test_a_tag_that_fails_halfway(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was done before it is told of."""
    options = params(SPEC, name="app:1", targets=["b:1", "app", "c:1"])
    todo = plan(options, observe(fake.engine, options))
    really = images.tag

    def tag(engine: t.Any, id: str, repository: str, label: str) -> None:
        if repository == "app":
            raise EngineError("disk on fire")
        really(engine, id, repository, label)

    monkeypatch.setattr(images, "tag", tag)
    with pytest.raises(EngineError) as caught:
        apply(fake.engine, todo)
    assert caught.value.outcome is not None
    said = report(todo, caught.value.outcome)
    assert (said["changed"], said["actions"]) == (True, ["tag %s as b:1" % short(ONE)])
    assert said["diff"]["after"] == {"b:1": ONE, "app": TWO, "c:1": "absent"}


def test_an_image_that_is_not_there() -> None:
    with pytest.raises(NotFound, match="app:1 is not on the engine"):
        task(Fake(), targets=["b:1"])
