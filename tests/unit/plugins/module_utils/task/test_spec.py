# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible.module_utils.basic import AnsibleFallbackNotFound
from ansible_collections.slipway.images.plugins.module_utils.task.endpoint import OPTIONS as ENDPOINT
from ansible_collections.slipway.images.plugins.module_utils.task.spec import (
    ENGINE,
    REGISTRY,
    Spec,
    environment,
)

A = Spec({"a": {"type": "str"}}, {"mutually_exclusive": [["a", "b"]], "required_one_of": [["a"]]})
B = Spec({"b": {"type": "int"}}, {"mutually_exclusive": [["b", "c"]], "required_if": [["b", 1, ["c"]]]})


def test_specs_add_up() -> None:
    both = A + B
    assert both.options == {"a": {"type": "str"}, "b": {"type": "int"}}
    assert both.rules == {
        "mutually_exclusive": [["a", "b"], ["b", "c"]],
        "required_one_of": [["a"]],
        "required_if": [["b", 1, ["c"]]],
    }
    assert A.rules["mutually_exclusive"] == [["a", "b"]], "what was added stays as it was"
    assert A + Spec({}) == Spec({}) + A == A


def test_the_last_word_on_an_option_wins() -> None:
    assert (A + Spec({"a": {"type": "path"}})).options == {"a": {"type": "path"}}


def test_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///x")
    assert environment("DOCKER_HOST") == "unix:///x"
    monkeypatch.setenv("DOCKER_HOST", "")
    with pytest.raises(AnsibleFallbackNotFound):
        environment("DOCKER_HOST")
    monkeypatch.delenv("DOCKER_HOST")
    with pytest.raises(AnsibleFallbackNotFound):
        environment("DOCKER_HOST")


def test_secrets_are_not_logged() -> None:
    assert {name for name, option in REGISTRY.options.items() if option.get("no_log")} == {
        "registry_password",
        "registry_token",
    }


def test_what_the_environment_says_of_the_endpoint_is_weighed_elsewhere() -> None:
    read = {name: option["fallback"][1] for name, option in ENGINE.options.items() if "fallback" in option}
    assert read == {
        "tls_hostname": ["DOCKER_TLS_HOSTNAME"],
        "api_version": ["DOCKER_API_VERSION"],
        "timeout": ["DOCKER_TIMEOUT"],
    }
    assert {name for name in ENDPOINT if ENGINE.options[name].get("default") is not None} == set()
