# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import typing as t
from base64 import b64decode, b64encode

from ansible_collections.slipway.images.plugins.module_utils.engine import images
from ansible_collections.slipway.images.plugins.module_utils.engine.foretelling import Foretelling
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference
from ansible_collections.slipway.images.plugins.module_utils.task.chain import Chain
from ansible_collections.slipway.images.plugins.module_utils.task.plan import Outcome, Plan
from ansible_collections.slipway.images.tests.support.fake import Fake, id_of, image


def encoded(news: dict[str, t.Any]) -> str:
    return b64encode(json.dumps(news).encode()).decode()


EMPTY: dict[str, t.Any] = {"host": [], "registries": []}
NOTHING = encoded(EMPTY)
TODO = Plan({"app:1": "absent"}, {"app:1": "(known after make)"}, ("make app:1",), {"app:1": {}})
REMOTE = Reference.parse("reg.example/app:1")


def make(engine: Foretelling, todo: Plan) -> Outcome:
    id = engine.make("make", [Reference.parse("app:1")])
    engine.world.push(REMOTE, id)
    return Outcome({"app:1": id}, todo.actions, {"app:1": images.inspect(engine, id)})


def read(chain: Chain) -> dict[str, t.Any]:
    return t.cast("dict[str, t.Any]", json.loads(b64decode(chain.news())))


def begun(fake: Fake) -> dict[str, t.Any]:
    chain = Chain(fake.engine, NOTHING, real=False)
    chain.follow(TODO, make)
    return read(chain)


def test_what_one_task_foretells_the_next_one_sees() -> None:
    fake = Fake()
    chain = Chain(fake.engine, NOTHING, real=False)
    outcome = chain.follow(TODO, make)
    assert (outcome.after, outcome.images["app:1"]["Id"]) == (
        {"app:1": "(known after make of app:1)"},
        "(known after make of app:1)",
    )
    assert chain.facts(outcome) == {"app:1": {}}  # as it is
    after = Chain(fake.engine, chain.news(), real=False)
    assert images.inspect(after.engine, "app:1") == outcome.images["app:1"]
    assert read(after) == EMPTY


def test_facts_tell_nothing_where_the_task_was_told_of_what_is_not() -> None:
    fake = Fake()
    chain = Chain(fake.engine, encoded(begun(fake)), real=False)
    attrs = images.inspect(chain.engine, "app:1")
    assert chain.facts(chain.follow(Plan({}, {}, images={"app:1": attrs}), None)) == {}


def test_a_module_that_does_nothing_foretells_nothing() -> None:
    chain = Chain(Fake().engine, NOTHING, real=False)
    for plan, foretell in ((TODO, None), (Plan({"app:1": "a"}, {"app:1": "a"}), make)):
        assert chain.follow(plan, foretell) == plan.foretold()
    assert read(chain) == EMPTY


def test_each_engine_has_a_world_of_its_own_and_all_have_the_registries() -> None:
    news = begun(Fake(address="unix:///one.sock"))
    assert {event[0] for event in news["host"]} == {"unix:///one.sock"}
    other = Chain(Fake(address="unix:///two.sock").engine, encoded(news), real=False)
    assert images.inspect(other.engine, "app:1") == {}
    assert t.cast(Foretelling, other.engine).world.digests == {REMOTE: "(known after push of reg.example/app:1)"}


def test_a_task_that_really_runs_sees_what_is() -> None:
    fake = Fake({"app:1": image("a")})
    news = begun(fake)
    chain = Chain(fake.engine, encoded(news), real=True)
    assert images.inspect(chain.engine, "app:1") == image("a")
    assert chain.follow(TODO, make) == TODO.foretold()
    outcome = Outcome({"app:1": id_of("a")}, (), {"app:1": image("a")})
    assert chain.facts(outcome) == outcome.images
    # What it does to a name counts from then on, and what was foretold of that no longer does.
    later = {part: [*news[part], *read(chain)[part]] for part in news}
    after = t.cast(Foretelling, Chain(fake.engine, encoded(later), real=False).engine)
    assert images.inspect(after, "app:1") == image("a")
    assert after.world.digests == {}


def test_it_forgets_also_what_it_found_as_it_should_be() -> None:
    fake = Fake({"app:1": image("a")})
    chain = Chain(fake.engine, encoded(begun(fake)), real=True)
    chain.follow(Plan({"app:1": id_of("a")}, {"app:1": id_of("a")}), make)
    assert [event[1:] for event in read(chain)["host"]] == [["name", "app:1", None]]
