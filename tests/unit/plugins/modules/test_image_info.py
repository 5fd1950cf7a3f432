# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.errors import NotFound, UsageError
from ansible_collections.slipway.images.plugins.module_utils.image import facts
from ansible_collections.slipway.images.plugins.module_utils.task.run import report
from ansible_collections.slipway.images.plugins.modules.image_info import SPEC, Known, Seen, observe, plan
from ansible_collections.slipway.images.tests.support.fake import Attrs, id_of, image, params
from ansible_collections.slipway.images.tests.unit.plugins.module_utils.engine.conftest import (
    Daemon,
    daemon,
    engine,
    meet,
    serve,
)

__all__ = ["daemon", "engine", "meet", "serve"]  # fixtures

A, B = (facts.complete(image(word, Size=5, RootFS={"Layers": [word]})) for word in "ab")
STEPS = [{"Id": "<missing>", "Size": 5, "CreatedBy": "COPY"}]
FILTERS: dict[str, t.Any] = {
    "dangling": None,
    "label": [],
    "before": None,
    "since": None,
    "reference": [],
    "until": None,
}


# The plan


def told(seen: Seen, **given: t.Any) -> dict[str, t.Any]:
    todo = plan(params(SPEC, **given), seen)
    assert (todo.before, todo.after, todo.actions) == ({}, {}, ())
    return report(todo, todo.foretold())


def test_names_are_told_in_their_order_and_missed() -> None:
    seen = Seen({"b": Known(B), "gone:1": Known({}), "a:1": Known(A)})
    result = told(seen, name=["b", "gone:1", "a:1"])
    assert result["images"] == [B, A] and result["image"] == B
    assert result["missing"] == ["gone:1"]
    assert result["ansible_facts"]["slipway_images"] == {"b": B, "gone:1": {}, "a:1": A}
    assert result["changed"] is False and not {"history", "layers", "in_use_by"} & result.keys()


def test_what_went_in_between_is_passed_over() -> None:
    result = told(Seen({A["Id"]: Known({}), B["Id"]: Known(B)}))
    assert result["images"] == [B] and result["image"] == B
    assert (result["missing"], result["ansible_facts"]["slipway_images"]) == ([], {})


def test_an_engine_without_images() -> None:
    result = told(Seen({}))
    assert (result["images"], result["image"], result["missing"]) == ([], {}, [])


def test_what_else_is_asked_is_told_by_id() -> None:
    seen = Seen({"a:1": Known(A, STEPS, (("a", 5),)), "gone": Known({})}, {A["Id"]: ["z", "c"], "other": ["x"]})
    result = told(seen, name=["a:1", "gone"], history=True, layers=True, in_use_by=True)
    assert result["history"] == {A["Id"]: STEPS}
    assert result["layers"] == {A["Id"]: [{"digest": "a", "size": 5}]}
    assert result["in_use_by"] == {A["Id"]: ["c", "z"]}


def test_no_user_is_an_empty_list() -> None:
    assert told(Seen({"a": Known(A)}), name=["a"], in_use_by=True)["in_use_by"] == {A["Id"]: []}


# What is observed


def row(attrs: Attrs, created: int = 1, labels: dict[str, str] | None = None) -> Attrs:
    return {"Id": attrs["Id"], "Created": created, "Labels": labels}


def has(daemon: Daemon, *images: Attrs, **rows: t.Any) -> None:
    daemon.answers["GET /images/json"] = [row(attrs) for attrs in images]
    for attrs in images:
        daemon.answers["GET /images/%s/json" % attrs["Id"]] = attrs


def seen(engine: Engine, **given: t.Any) -> list[str]:
    if "filters" in given:
        given["filters"] = {**FILTERS, **given["filters"]}
    observed = observe(engine, params(SPEC, **given))
    return [known.attrs["Id"] for known in observed.named.values() if known.attrs]


def lines(daemon: Daemon) -> list[str]:
    return sorted(asked.line.replace("/v1.41", "") for asked in daemon.asked[1:])


def test_all_is_one_list_and_an_inspect_each(daemon: Daemon, engine: Engine) -> None:
    has(daemon, A, B)
    daemon.answers["GET /images/json"] *= 2  # Podman has a row for each name
    assert seen(engine) == [A["Id"], B["Id"]]
    assert lines(daemon) == sorted(["GET /images/json", *("GET /images/%s/json" % attrs["Id"] for attrs in (A, B))])


def test_one_that_vanishes_is_no_error(daemon: Daemon, engine: Engine) -> None:
    has(daemon, A, B)
    del daemon.answers["GET /images/%s/json" % A["Id"]]
    assert seen(engine) == [B["Id"]]


def test_nor_is_one_that_vanishes_before_its_history_is_told(daemon: Daemon, engine: Engine) -> None:
    daemon.answers["GET /images/a:latest/json"] = A
    assert observe(engine, params(SPEC, name=["a"], history=True)).named == {"a": Known({})}


def test_an_image_may_have_no_history(daemon: Daemon, engine: Engine) -> None:
    has(daemon, A, B)
    daemon.answers["GET /images/%s/history" % B["Id"]] = STEPS
    observed = observe(engine, params(SPEC, layers=True))
    assert observed.named == {A["Id"]: Known(A, [], (("a", 5),)), B["Id"]: Known(B, STEPS, (("b", 5),))}


def test_a_name_is_one_inspect(daemon: Daemon, engine: Engine) -> None:
    daemon.answers["GET /images/a:latest/json"] = A
    assert seen(engine, name=["a", "a", "gone:1"]) == [A["Id"]]
    assert lines(daemon) == ["GET /images/a:latest/json", "GET /images/gone:1/json"]


def test_an_empty_list_of_names_is_not_all(daemon: Daemon, engine: Engine) -> None:
    has(daemon, A, B)
    assert seen(engine, name=[]) == []


def test_ids(daemon: Daemon, engine: Engine) -> None:
    has(daemon, A, B)
    short = B["Id"][len("sha256:") :][:12]
    assert seen(engine, name=[A["Id"], short, short[:6]]) == [A["Id"], B["Id"], B["Id"]]


def test_a_short_id_of_several(daemon: Daemon, engine: Engine) -> None:
    has(daemon, *(image("", Id="sha256:%s%064x" % ("c0ffee", n)) for n in (1, 2)))
    with pytest.raises(UsageError, match="ambiguous"):
        seen(engine, name=["c0ffee"])


def test_what_is_missing_from_config_is_there(daemon: Daemon, engine: Engine) -> None:
    daemon.answers["GET /images/a:latest/json"] = {"Id": id_of("x"), "Config": {"Cmd": ["sh"]}}
    attrs = observe(engine, params(SPEC, name=["a"])).named["a"].attrs
    assert (attrs["Config"]["Cmd"], attrs["Config"]["Labels"]) == (["sh"], {})


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({}, {}),
        ({"dangling": True}, {"dangling": ["true"]}),
        ({"dangling": False}, {"dangling": ["false"]}),
        ({"label": ["a", "!b", "c=1"]}, {"label": ["a", "c=1"]}),
        ({"before": "x:1", "since": "y"}, {"before": ["x:1"], "since": ["y"]}),
        ({"reference": ["a/*", "b"]}, {"reference": ["a/*", "b"]}),
        ({"until": "24h"}, {}),
    ],
)
def test_filters_that_the_engine_knows(
    daemon: Daemon, engine: Engine, given: dict[str, t.Any], sent: dict[str, list[str]]
) -> None:
    has(daemon)
    assert seen(engine, filters=given, all=True) == []
    assert json.loads(daemon.last.query["filters"]) == sent
    assert daemon.last.query["all"] == "1"


@pytest.mark.parametrize(
    ("given", "ids"),
    [
        ({"label": ["!keep"]}, [A["Id"]]),
        ({"label": ["!keep=2"]}, [A["Id"], B["Id"]]),
        ({"until": "1970-01-01T00:00:02Z"}, [A["Id"]]),  # what was made in that very second counts as later
        ({"until": "3"}, [A["Id"], B["Id"]]),
    ],
)
def test_filters_that_not_every_engine_knows(
    daemon: Daemon, engine: Engine, given: dict[str, t.Any], ids: list[str]
) -> None:
    has(daemon, A, B)
    daemon.answers["GET /images/json"] = [row(A, 1), row(B, 2, {"keep": "1"})]
    assert seen(engine, filters=given) == ids


def test_users_are_asked_for_once(daemon: Daemon, engine: Engine) -> None:
    has(daemon, A, B)
    daemon.answers["GET /containers/json"] = [{"Id": "c", "Names": ["/web"], "ImageID": A["Id"]}]
    assert observe(engine, params(SPEC, in_use_by=True)).users == {A["Id"]: ["web"]}


@pytest.mark.parametrize(("name", "says"), [("", "empty"), ("App", "lower-case"), ("a b", "white space")])
def test_bad_names(engine: Engine, name: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        seen(engine, name=[name])


def test_an_image_to_compare_with_that_is_not_there(daemon: Daemon, engine: Engine) -> None:
    daemon.answers["GET /images/json"] = (404, {"message": "No such image: x:latest"})
    with pytest.raises(NotFound, match="No such image: x:latest"):
        seen(engine, filters={"before": "x"})
