# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Argument specs as values that add up, and the options that modules share (each with its doc fragment)."""

from __future__ import annotations

import os
import typing as t

from ansible.module_utils.basic import AnsibleFallbackNotFound
from ansible_collections.slipway.images.plugins.module_utils.disk import filename


class Spec(t.NamedTuple):
    """`options`: name -> Ansible argument spec; `rules`: `mutually_exclusive`, `required_one_of` and their like.

    `secrets`: which values inside of options that are not `no_log` as a whole nobody may see (an argument of a build).
    """

    options: t.Mapping[str, t.Mapping[str, t.Any]]
    rules: t.Mapping[str, t.Sequence[t.Any]] = {}
    secrets: t.Callable[[t.Mapping[str, t.Any]], t.Iterable[str]] | None = None

    def __add__(self, other: Spec) -> Spec:  # type: ignore[override]
        rules = {key: [*self.rules.get(key, ()), *other.rules.get(key, ())] for key in {**self.rules, **other.rules}}
        return Spec({**self.options, **other.options}, rules, other.secrets or self.secrets)


def native(value: t.Any, option: t.Mapping[str, t.Any]) -> t.Any:
    """`value` of an `option` with the paths in it as `os` takes them, whatever the locale."""
    if isinstance(value, list):
        return [native(each, {**option, "type": option.get("elements")}) for each in value]
    if isinstance(value, dict) and "options" in option:
        return {name: native(each, option["options"].get(name, {})) for name, each in value.items()}
    return filename.native(value) if option.get("type") == "path" and value is not None else value


def environment(name: str) -> str:
    """A fallback like Ansible's `env_fallback`; as to Docker, a variable that holds nothing is not set."""
    value = os.environ.get(name)
    if not value:
        raise AnsibleFallbackNotFound
    return value


def _env(name: str) -> tuple[t.Callable[[str], str], list[str]]:
    return (environment, [name])


ENGINE = Spec(
    {
        "docker_host": {"type": "str", "aliases": ["docker_url"]},
        "context": {"type": "str", "aliases": ["cli_context"]},
        "tls": {"type": "bool"},
        "validate_certs": {"type": "bool", "aliases": ["tls_verify"]},
        "tls_hostname": {"type": "str", "fallback": _env("DOCKER_TLS_HOSTNAME")},
        "ca_path": {"type": "path", "aliases": ["ca_cert", "tls_ca_cert", "cacert_path"]},
        "client_cert": {"type": "path", "aliases": ["tls_client_cert", "cert_path"]},
        "client_key": {"type": "path", "aliases": ["tls_client_key", "key_path"]},
        "api_version": {
            "type": "str",
            "default": "auto",
            "aliases": ["docker_api_version"],
            "fallback": _env("DOCKER_API_VERSION"),
        },
        "timeout": {"type": "int", "default": 60, "fallback": _env("DOCKER_TIMEOUT")},
    },
    {"mutually_exclusive": [["docker_host", "context"]], "required_together": [["client_cert", "client_key"]]},
)
"""How to reach the engine. Names, aliases and variables are those that users of community.docker know; what the
environment says of the endpoint itself is for `task.endpoint` to weigh."""

REGISTRY = Spec(
    {
        "registry_username": {"type": "str"},
        "registry_password": {"type": "str", "no_log": True},
        "registry_token": {"type": "str", "no_log": True},
        "docker_config": {"type": "path", "fallback": _env("DOCKER_CONFIG")},
    },
    {
        "required_together": [["registry_username", "registry_password"]],
        "mutually_exclusive": [["registry_username", "registry_token"]],
    },
)
"""Who we are to a registry: for this task, else as the Docker configuration on the target says."""
