# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import gc
import json
import sys
import typing as t
from base64 import b64decode, b64encode
from dataclasses import replace

import pytest
from ansible.module_utils import basic
from ansible.module_utils.common.parameters import PASS_VARS
from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.errors import BuildError, EngineError, UsageError
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference
from ansible_collections.slipway.images.plugins.module_utils.task.plan import Outcome, Plan
from ansible_collections.slipway.images.plugins.module_utils.task.run import report, run
from ansible_collections.slipway.images.plugins.module_utils.task.spec import ENGINE, Spec

SPEC = ENGINE + Spec(
    {"name": {"type": "str", "required": True}, "args": {"type": "dict"}},
    secrets=lambda params: (params["args"] or {}).values(),
)
OLD, NEW = {"Id": "old"}, {"Id": "new"}
TODO = Plan({"a": "old"}, {"a": "(known after)"}, ("build a",), {"a": OLD}, {"deleted": []})
DONE = Outcome({"a": "new"}, ("build a",), {"a": NEW}, {"deleted": ["x"]})

Play = t.Callable[..., dict[str, t.Any]]


class Module:
    """A module whose three functions note that they were called and give what the test wants."""

    def __init__(self, todo: t.Any = TODO, outcome: t.Any = DONE, seen: t.Any = "seen") -> None:
        self.todo, self.outcome, self.seen = todo, outcome, seen
        self.calls: list[str] = []
        self.warnings: list[str] = []
        self.invocation: dict[str, t.Any] = {}

    def _give(self, name: str, what: t.Any) -> t.Any:
        self.calls.append(name)
        if isinstance(what, Exception):
            raise what
        return what

    def observe(self, engine: Engine, params: t.Mapping[str, t.Any]) -> t.Any:
        engine.warnings.extend(self.warnings)
        assert params["name"] == "a"
        return self._give("observe", self.seen)

    def plan(self, params: t.Mapping[str, t.Any], seen: t.Any) -> Plan:
        assert (params["name"], seen) == ("a", self.seen)
        return t.cast(Plan, self._give("plan", self.todo))

    def apply(self, engine: Engine, todo: Plan) -> Outcome:
        assert todo is self.todo
        return t.cast(Outcome, self._give("apply", self.outcome))


@pytest.fixture
def play(daemon: t.Any, serve: t.Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Play:
    """Runs a module as Ansible does: arguments in, JSON on standard output."""

    def play(module: Module, check: bool = False, chained: t.Any = None, **arguments: t.Any) -> dict[str, t.Any]:
        given = {"name": "a", "docker_host": str(serve(daemon.talk)[0]), "_ansible_check_mode": check, **arguments}
        if "inject_invocation" in PASS_VARS:  # from ansible-core 2.21 on it is not there unless asked for
            given["_ansible_inject_invocation"] = True
        monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": given}).encode())
        monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)  # from ansible-core 2.19 on
        if internal := sys.modules.get("ansible.module_utils._internal"):  # another test may need the controller
            monkeypatch.setattr(internal, "is_controller", False, raising=False)
        with pytest.raises(SystemExit) as ended:
            run(SPEC, module.observe, module.plan, module.apply, chained)
        result = json.loads(capsys.readouterr().out)
        assert bool(ended.value.code) is bool(result.get("failed"))
        module.invocation = result.pop("invocation", {})
        return t.cast("dict[str, t.Any]", result)

    return play


def facts(attrs: dict[str, str]) -> dict[str, t.Any]:
    return {"slipway_images": {"a": attrs}}


def test_a_run(play: Play) -> None:
    module = Module()
    assert play(module) == {
        "changed": True,
        "actions": ["build a"],
        "image": NEW,
        "images": [NEW],
        "diff": {"before": {"a": "old"}, "after": {"a": "new"}},
        "ansible_facts": facts(NEW),
        "deleted": ["x"],
    }
    assert module.calls == ["observe", "plan", "apply"]


def test_at_its_end_a_process_does_not_look_for_cycles_among_all_that_was_imported(play: Play) -> None:
    gc.unfreeze()
    play(Module())
    assert gc.get_freeze_count() > 10_000
    gc.unfreeze()


def test_where_no_engine_is_needed_none_is_sought(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"name": "a", "docker_host": "unix:///nowhere.sock", "_foretold": "eyJob3N0IjpbXSwicmVnaXN0cmllcyI6W119"}
    monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": given}).encode())
    monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
    module = Module(Plan({}, {}))
    for needless, code in ((False, 1), (True, 0)):
        with pytest.raises(SystemExit) as ended:
            run(SPEC, module.observe, module.plan, module.apply, needless=lambda _params, so=needless: so)
        assert (ended.value.code, "_foretold" in json.loads(capsys.readouterr().out)) == (code, needless)


def test_check_mode_is_not_applying(play: Play) -> None:
    module = Module()
    assert play(module, check=True) == {
        "changed": True,
        "actions": ["build a"],
        "image": OLD,
        "images": [OLD],
        "diff": {"before": {"a": "old"}, "after": {"a": "(known after)"}},
        "ansible_facts": facts(OLD),
        "deleted": [],
    }
    assert module.calls == ["observe", "plan"]


@pytest.mark.parametrize("check", [True, False])
def test_nothing_to_do(play: Play, check: bool) -> None:
    module = Module(Plan({"a": "old"}, {"a": "old"}, (), {"a": OLD}))
    result = play(module, check)
    assert (result["changed"], result["actions"], result["image"]) == (False, [], OLD)
    assert module.calls == ["observe", "plan"]


def test_what_was_done_decides_and_not_what_was_planned(play: Play) -> None:
    result = play(Module(outcome=Outcome({"a": "old"}, ("build a",), {"a": OLD})))
    assert (result["changed"], result["actions"]) == (False, ["build a"])


def test_an_image_that_is_not_there_is_an_empty_dictionary() -> None:
    said = report(Plan({}, {}), Outcome({}, (), {"a": {}, "b": NEW}))
    assert (said["image"], said["images"]) == (NEW, [NEW])
    assert said["ansible_facts"] == {"slipway_images": {"a": {}, "b": NEW}}
    assert report(Plan({}, {}), Outcome({}, (), {"a": {}}))["image"] == {}


@pytest.mark.parametrize("where", ["seen", "todo", "outcome"])
def test_an_error_is_a_failed_task(play: Play, where: str) -> None:
    result = play(Module(**{where: UsageError("no such thing", option="x")}))
    assert (result["failed"], result["msg"], result["changed"]) == (True, "no such thing", False)
    assert result["error"] == {"kind": "usage", "option": "x"}
    before = {"a": "old"} if where == "outcome" else {}
    assert result["diff"] == {"before": before, "after": before}
    assert (result["actions"], result["image"], result["images"]) == ([], {}, [])


def test_no_engine(play: Play) -> None:
    module = Module()
    result = play(module, docker_host="unix:///nonexistent.sock")
    assert (result["error"]["kind"], module.calls) == ("transport", [])


def test_what_was_done_before_it_failed_is_told(play: Play) -> None:
    error = BuildError("step 2 failed", line=3)
    error.results = {"build": {"steps": []}}
    error.outcome = Outcome({"a": "half"}, ("build a",), {"a": NEW})
    result = play(Module(outcome=error))
    assert (result["failed"], result["changed"], result["actions"]) == (True, True, ["build a"])
    assert result["diff"] == {"before": {"a": "old"}, "after": {"a": "half"}}
    assert (result["build"], result["image"]) == ({"steps": []}, NEW)
    assert result["error"] == {"kind": "build", "line": 3}


@pytest.mark.parametrize(("check", "after"), [(True, "(known after)"), (False, "new")])
def test_a_failure_in_the_plan_comes_after_what_can_be_done(play: Play, check: bool, after: str) -> None:
    failure = EngineError("b is not there")
    module = Module(Plan({"a": "old"}, {"a": "(known after)"}, ("build a",), failure=failure))
    result = play(module, check)
    assert (result["failed"], result["msg"], result["changed"]) == (True, "b is not there", True)
    assert (result["actions"], result["diff"]["after"]) == (["build a"], {"a": after})
    assert ("apply" in module.calls) is not check


class Rehearsed(Plan):
    def rehearse(self, engine: Engine) -> None:
        raise EngineError("there is none")


@pytest.mark.parametrize(
    ("check", "actions", "failed"), [(True, ("a",), True), (True, (), False), (False, ("a",), False)]
)
def test_what_would_fail_in_a_run_fails_in_check_mode(
    play: Play, check: bool, actions: tuple[str, ...], failed: bool
) -> None:
    result = play(Module(Rehearsed({}, {}, actions)), check)
    assert result.get("failed", False) is failed


def test_a_failure_in_the_plan_with_nothing_else_to_do(play: Play) -> None:
    result = play(Module(Plan({}, {}, failure=EngineError("b is not there"))))
    assert (result["failed"], result["changed"]) == (True, False)


def test_a_bug_is_no_failed_task(
    daemon: t.Any, serve: t.Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"name": "a", "docker_host": str(serve(daemon.talk)[0])}
    monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": given}).encode())
    monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
    module = Module(outcome=KeyError("bug"))
    with pytest.raises(KeyError, match="bug"):
        run(SPEC, module.observe, module.plan, module.apply)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("name", "outcome"), [("good", DONE), ("bad", EngineError("no"))])
def test_each_warning_is_heard_once_also_on_failure(play: Play, name: str, outcome: t.Any) -> None:
    one, two, three = ("%s warning %d" % (name, number) for number in (1, 2, 3))  # Ansible keeps those of other tests
    module = Module(Plan({}, {"a": "x"}, ("act",), warnings=(three, one)), outcome)
    module.warnings = [one, two, one]
    said = json.dumps(play(module)["warnings"])
    assert [said.count(text) for text in (one, two, three)] == [1, 1, 1]
    assert said.index(one) < said.index(two) < said.index(three)


@pytest.mark.parametrize(
    "outcome",
    [DONE._replace(images={"a": {"Id": "new", "Cmd": "T=hunter22"}}), UsageError("no hunter22", x="hunter22")],
)
def test_a_secret_inside_of_an_option_is_shown_nowhere(
    play: Play, monkeypatch: pytest.MonkeyPatch, outcome: t.Any
) -> None:
    logged: list[str] = []
    monkeypatch.setattr(basic.AnsibleModule, "log", lambda self, msg, log_args=None: logged.append(msg))
    module = Module(outcome=outcome)
    said = play(module, args={"TOKEN": "hunter22"})
    assert "hunter22" not in json.dumps([said, module.invocation])
    assert list(module.invocation["module_args"]["args"]) == ["TOKEN"]
    assert not logged


def chained(engine: t.Any, todo: Plan) -> Outcome:
    engine.world.point(Reference.parse("a:latest"), NEW["Id"])
    return Outcome({"a": "new"}, todo.actions, {"a": NEW})


def news(result: dict[str, t.Any]) -> t.Any:
    return json.loads(b64decode(result["_foretold"]))


def encoded(told: dict[str, t.Any]) -> str:
    return b64encode(json.dumps(told).encode()).decode()


NOTHING = encoded({"host": [], "registries": []})


def test_a_task_of_a_run_in_check_mode_tells_what_it_would_do(play: Play) -> None:
    result = play(Module(), check=True, chained=chained, _foretold=NOTHING)
    ((_address, *event),) = news(result)["host"]
    assert (event, news(result)["registries"]) == (["name", "a:latest", "new"], [])
    assert (result["image"], result["diff"]["after"]) == (NEW, {"a": "new"})
    assert result["ansible_facts"] == facts(OLD)  # what is, since facts may be kept


def test_a_task_that_really_runs_there_runs(play: Play) -> None:
    module = Module()
    told = {"host": [], "registries": [["digest", "a:latest", "new"]]}
    result = play(module, chained=chained, _foretold=encoded(told))
    assert module.calls == ["observe", "plan", "apply"]
    assert (result["image"], result["ansible_facts"]) == (NEW, facts(NEW))
    assert news(result) == {"host": [], "registries": [["digest", "a:latest", None]]}


def test_one_that_has_nothing_to_tell_says_so(play: Play) -> None:
    """And Ansible does not cut that out of the result, although what it was told is for no log."""
    module = Module(Plan({}, {}))
    assert news(play(module, check=True, _foretold=NOTHING)) == {"host": [], "registries": []}
    assert module.invocation["module_args"]["_foretold"] != NOTHING


def test_a_failed_task_tells_as_well(play: Play) -> None:
    todo = replace(TODO, failure=EngineError("b is in use"))
    result = play(Module(todo), check=True, chained=chained, _foretold=NOTHING)
    assert (result["msg"], len(news(result)["host"])) == ("b is in use", 1)
    assert "_foretold" not in play(Module(todo), check=True, chained=chained)


def test_a_secret_that_occurs_in_a_name_does_no_harm(play: Play) -> None:
    result = play(Module(), check=True, chained=chained, _foretold=NOTHING, args={"password": "latest"})
    assert news(result)["host"][0][1:] == ["name", "a:latest", "new"]
