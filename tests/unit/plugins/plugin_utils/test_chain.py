# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import typing as t
from base64 import b64decode, b64encode
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible import constants, context
from ansible.plugins.action.normal import ActionModule as Normal
from ansible_collections.slipway.images.plugins.plugin_utils.chain import TOLD, ActionModule, Tale

NEWS = {"host": [["unix:///e.sock", "name", "app:1", "x"]], "registries": [["digest", "app:1", "y"]]}
NOTHING: dict[str, t.Any] = {"host": [], "registries": []}

Do = t.Callable[..., dict[str, t.Any]]


def encoded(news: t.Any) -> str:
    return b64encode(json.dumps(news).encode()).decode()


def decoded(told: str) -> t.Any:
    return json.loads(b64decode(told))


@pytest.fixture(autouse=True)
def run_in_check_mode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path))
    monkeypatch.setattr(context, "CLIARGS", {"check": True})


@pytest.fixture
def asked() -> list[dict[str, t.Any]]:
    """The arguments that modules were started with."""
    return []


@pytest.fixture
def do(asked: list[dict[str, t.Any]], monkeypatch: pytest.MonkeyPatch) -> Do:
    """Does one task of which the module says `result`."""

    def do(result: dict[str, t.Any], *, check: bool = True, to: str = "", host: str = "one", **how: t.Any) -> t.Any:
        def execute(_self: t.Any, _name: str | None, args: dict[str, t.Any] | None, **_how: t.Any) -> dict[str, t.Any]:
            asked.append({**(args or {}), **({TOLD: decoded(args[TOLD])} if args and TOLD in args else {})})
            return {"invocation": {"module_args": dict(args or {})}, **result}

        monkeypatch.setattr(Normal, "_execute_module", execute)
        action = ActionModule.__new__(ActionModule)
        action._task = SimpleNamespace(args={"name": "app:1"}, check_mode=check, delegate_to=to or None)
        return action._execute_module(task_vars={"inventory_hostname": host}, **how)

    return do


def test_what_one_task_tells_the_next_one_is_told(do: Do, asked: list[dict[str, t.Any]]) -> None:
    said = do({"changed": True, TOLD: encoded(NEWS)})
    assert said == {"changed": True, "invocation": {"module_args": {"name": "app:1"}}}
    do({TOLD: encoded(NEWS)})
    do({TOLD: encoded(NOTHING)})
    twice = {part: events * 2 for part, events in NEWS.items()}
    assert asked == [{"name": "app:1", TOLD: told} for told in (NOTHING, NEWS, twice)]


def test_registries_are_for_all_hosts_and_engines_are_not(do: Do, asked: list[dict[str, t.Any]]) -> None:
    do({TOLD: encoded(NEWS)})
    do({TOLD: encoded(NOTHING)}, host="two")
    do({TOLD: encoded(NOTHING)}, host="two", to="one")
    assert [args[TOLD]["host"] for args in asked] == [[], [], NEWS["host"]]
    assert [args[TOLD]["registries"] for args in asked] == [[], NEWS["registries"], NEWS["registries"]]


@pytest.mark.parametrize("result", [{}, {TOLD: "********"}, {TOLD: encoded("x")[:-1]}])
def test_a_module_that_broke_off(do: Do, asked: list[dict[str, t.Any]], result: dict[str, t.Any]) -> None:
    """In check mode it has done nothing; in truth nobody knows what."""
    do({TOLD: encoded(NEWS)})
    for check in (True, False, True):
        assert TOLD not in do({"failed": True, **result}, check=check)
    assert [args[TOLD] for args in asked] == [NOTHING, NEWS, NEWS, NOTHING]


def test_what_runs_on_by_itself(do: Do, asked: list[dict[str, t.Any]]) -> None:
    do({TOLD: encoded(NEWS)})
    do({"ansible_job_id": "1"}, check=False, wrap_async=True)
    do({})
    assert [args.get(TOLD) for args in asked] == [NOTHING, None, NOTHING]


def test_a_run_is_as_without_us(
    do: Do, asked: list[dict[str, t.Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context, "CLIARGS", {"check": False})
    do({})
    assert (asked, list(tmp_path.iterdir())) == ([{}], [])


def test_many_tell_at_once(tmp_path: Path) -> None:
    """Forks append whole lines."""
    long = {"host": [["name", "x" * 100_000, number] for number in range(3)], "registries": []}
    for host in ("one", "two", "one"):
        Tale(host).add(long)
    assert len(Tale("one").told()["host"]) == 6
    assert Tale("three").told() == NOTHING
