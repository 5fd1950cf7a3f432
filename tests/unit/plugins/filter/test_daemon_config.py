# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import re
import shutil
import subprocess
import typing as t

import pytest
from ansible_collections.slipway.images.plugins.filter import daemon_config as room
from ansible_collections.slipway.images.plugins.filter.daemon_config import FilterModule
from hypothesis import given
from hypothesis import strategies as st

daemon_config = FilterModule().filters()["daemon_config"]

Config = dict[str, t.Any]
MIRROR = "https://mirror.example.com"


@pytest.mark.parametrize(
    ("current", "wanted", "config", "changed", "effect"),
    [
        ({}, {}, {}, [], "none"),
        ({"debug": True}, {"debug": True}, {"debug": True}, [], "none"),
        ({}, {"registry-mirrors": [MIRROR]}, {"registry-mirrors": [MIRROR]}, ["registry-mirrors"], "reload"),
        ({}, {"data-root": "/srv"}, {"data-root": "/srv"}, ["data-root"], "restart"),
        ({}, {"debug": True, "mtu": 9000}, {"debug": True, "mtu": 9000}, ["debug", "mtu"], "restart"),
        # what the user wrote stays
        ({"bip": "10.0.0.1/24"}, {"debug": True}, {"bip": "10.0.0.1/24", "debug": True}, ["debug"], "reload"),
        (
            {"log-opts": {"max-size": "1m"}},
            {"log-opts": {"max-file": "3"}},
            {"log-opts": {"max-size": "1m", "max-file": "3"}},
            ["log-opts"],
            "restart",
        ),
        # lists are replaced, an empty one is a value
        (
            {"registry-mirrors": [MIRROR]},
            {"registry-mirrors": []},
            {"registry-mirrors": []},
            ["registry-mirrors"],
            "reload",
        ),
        # null removes; most settings outlive that in an engine that is only reloaded
        ({"registry-mirrors": [MIRROR]}, {"registry-mirrors": None}, {}, ["registry-mirrors"], "restart"),
        (
            {"max-concurrent-downloads": 9},
            {"max-concurrent-downloads": None},
            {},
            ["max-concurrent-downloads"],
            "reload",
        ),
        ({}, {"debug": None}, {}, [], "none"),
        ({"log-opts": {"a": "1"}}, {"log-opts": {"a": None}}, {"log-opts": {}}, ["log-opts"], "restart"),
        # the image store is chosen at the start, other features are not
        ({}, {"features": {"buildkit": True}}, {"features": {"buildkit": True}}, ["features"], "reload"),
        (
            {"features": {"buildkit": True}},
            {"features": {"containerd-snapshotter": True}},
            {"features": {"buildkit": True, "containerd-snapshotter": True}},
            ["features"],
            "restart",
        ),
        ({"features": {"containerd-snapshotter": True}}, {"features": None}, {}, ["features"], "restart"),
        # where kinds differ, what is wanted wins
        ({"features": 1}, {"features": {"buildkit": True}}, {"features": {"buildkit": True}}, ["features"], "reload"),
    ],
)
def test_what_becomes_of_it(current: Config, wanted: Config, config: Config, changed: list[str], effect: str) -> None:
    answer = daemon_config(json.dumps(current), wanted)
    assert answer == {"config": config, "changed": changed, "effect": effect, "problems": []}


@pytest.mark.parametrize("text", ["", " \n", "{}"])
def test_nothing_there(text: str) -> None:
    assert daemon_config(text, {"debug": True})["config"] == {"debug": True}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"debug": tr', "what is there is not JSON: Expecting value: line 1 column 11 (char 10)"),
        ("[]", "what is there is not a JSON object"),
    ],
)
def test_what_is_broken_is_not_mended(text: str, problem: str) -> None:
    answer = daemon_config(text, {"debug": True})
    assert answer == {"config": {}, "changed": [], "effect": "none", "problems": [problem]}


@pytest.mark.parametrize(
    ("config", "problems"),
    [
        ({"debug": True, "mtu": 1, "bip": "x", "dns": [], "log-opts": {}, "default-shm-size": "1M"}, []),
        ({"default-shm-size": 1}, []),
        ({"registry-mirror": []}, ["registry-mirror is not a setting of this engine"]),
        ({"debug": "yes"}, ['debug must be true or false, and is "yes"']),
        ({"debug": 1}, ["debug must be true or false, and is 1"]),
        ({"mtu": True}, ["mtu must be a number, and is true"]),
        ({"dns": "1.1.1.1"}, ['dns must be a list, and is "1.1.1.1"']),
        ({"default-shm-size": []}, ["default-shm-size must be a number or a text, and is []"]),
    ],
)
def test_a_strict_look(config: Config, problems: list[str]) -> None:
    assert daemon_config("", config, strict=True)["problems"] == problems
    assert daemon_config("", config)["problems"] == []


values = st.recursive(
    st.booleans() | st.integers() | st.text(), lambda held: st.dictionaries(st.text(), held), max_leaves=5
)
configs = st.dictionaries(st.sampled_from([*room.KINDS, "unheard-of"]), values)


@given(configs, configs)
def test_a_second_time_there_is_nothing_to_do(current: Config, wanted: Config) -> None:
    once = daemon_config(json.dumps(current), wanted)
    again = daemon_config(json.dumps(once["config"]), wanted)
    assert (again["config"], again["changed"], again["effect"]) == (once["config"], [], "none")
    assert (once["effect"] == "none") == (once["changed"] == [])


def test_the_table_holds_all_settings_of_the_engine_here() -> None:
    """Where the engine is so old that it needs the table: its settings are its flags, or their plural."""
    if not shutil.which("dockerd"):
        pytest.skip("there is no dockerd here")
    said = subprocess.run(["dockerd", "--help"], capture_output=True, text=True, check=True).stdout
    if "--validate" in said:
        pytest.skip("this engine judges its configuration itself")
    flags = set(re.findall(r"--([a-z][a-z0-9-]+)", said.partition("Options:")[2]))
    plurals = {"add-runtime": "runtimes", "insecure-registry": "insecure-registries"}
    settings = {plurals.get(flag, f"{flag}s" if f"{flag}s" in room.KINDS else flag) for flag in flags}
    assert settings - room.KINDS.keys() == {"config-file", "help", "version", "add-host"} & settings
