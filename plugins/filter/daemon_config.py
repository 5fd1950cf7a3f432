# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Docker engine's `daemon.json`: what it becomes, and what the engine must go through for that."""

from __future__ import annotations

DOCUMENTATION = r"""
name: daemon_config
short_description: Merge settings into a daemon.json
version_added: 0.1.0
author: the slipway.images authors (@slipway-images)
description:
  - Lays settings over those that a C(daemon.json) has, and tells whether the engine takes them by a reload or needs a
    restart.
positional: wanted, strict
options:
  _input:
    description: The text of the file, empty when there is none.
    type: str
    required: true
  wanted:
    description:
      - The settings. Dictionaries are merged, anything else replaces what is there, and null removes a setting.
    type: dict
    required: true
  strict:
    description:
      - Report settings that Docker 20.10 does not know or that are of a wrong kind. Newer engines can judge their
        configuration themselves (C(dockerd --validate)).
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: A mirror more needs a reload only
  ansible.builtin.debug:
    msg: "{{ '' | slipway.images.daemon_config({'registry-mirrors': ['https://mirror.example.com']}) }}"
"""

RETURN = r"""
_value:
  description: What becomes of the file.
  type: dict
  contains:
    config:
      description: The settings, merged.
      type: dict
    changed:
      description: The settings that differ from those of the file.
      type: list
      elements: str
    effect:
      description: V(none), V(reload) or V(restart).
      type: str
    problems:
      description: One line for each reason not to write this.
      type: list
      elements: str
"""

import json
import typing as t

Config = dict[str, t.Any]

# What 20.10 takes over on SIGHUP, as its "Reloaded configuration" shows. Newer ones take the same.
RELOADABLE = {
    *("allow-nondistributable-artifacts", "authorization-plugins", "debug", "default-cgroupns-mode"),
    *("default-ipc-mode", "default-runtime", "default-shm-size", "features", "insecure-registries", "labels"),
    *("live-restore", "max-concurrent-downloads", "max-concurrent-uploads", "max-download-attempts"),
    *("registry-mirrors", "runtimes", "shutdown-timeout"),
}
# Of these it also notices that they are gone; the others it keeps until it is restarted (seen on 20.10).
FORGOTTEN = {"features", "max-concurrent-downloads", "max-concurrent-uploads", "max-download-attempts"}
# The image store is chosen when the engine starts.
STARTING_FEATURES = {"containerd-snapshotter"}

# The settings of 20.10: the names of its flags, in the plural where they may be repeated, and some that have no flag.
_BOOLS = """
    debug experimental icc init ip-forward ip-masq ip6tables iptables ipv6 live-restore no-new-privileges raw-logs
    rootless selinux-enabled tls tlsverify userland-proxy cri-containerd
"""
_NUMBERS = """
    cpu-rt-period cpu-rt-runtime max-concurrent-downloads max-concurrent-uploads max-download-attempts mtu
    network-control-plane-mtu network-diagnostic-port oom-score-adjust shutdown-timeout swarm-raft-election-tick
    swarm-raft-heartbeat-tick
"""
_TEXTS = """
    api-cors-header bip bridge cgroup-parent cluster-advertise cluster-store containerd containerd-namespace
    containerd-plugins-namespace data-root default-cgroupns-mode default-gateway default-gateway-v6 default-ipc-mode
    default-runtime exec-root fixed-cidr fixed-cidr-v6 graph group host-gateway-ip init-path ip log-driver log-level
    metrics-addr pidfile seccomp-profile storage-driver swarm-default-advertise-addr tlscacert tlscert tlskey
    userland-proxy-path userns-remap deprecated-key-path
"""
_LISTS = """
    allow-nondistributable-artifacts authorization-plugins default-address-pools dns dns-opts dns-search exec-opts hosts
    insecure-registries labels node-generic-resources registry-mirrors storage-opts
"""
_DICTS = "builder cluster-store-opts default-ulimits features log-opts runtimes"
_GROUPS: list[tuple[type, str]] = [(bool, _BOOLS), (int, _NUMBERS), (str, _TEXTS), (list, _LISTS), (dict, _DICTS)]
KINDS: dict[str, tuple[type, ...]] = {
    **{name: (kind,) for kind, names in _GROUPS for name in names.split()},
    "default-shm-size": (int, str),  # bytes, or 64M
}
_CALLED: dict[type, str] = {bool: "true or false", int: "a number", str: "a text", list: "a list", dict: "a dictionary"}


def daemon_config(text: str, wanted: t.Mapping[str, t.Any], strict: bool = False) -> dict[str, t.Any]:
    try:
        current = json.loads(text) if text.strip() else {}
    except ValueError as exc:
        return _refusal(f"what is there is not JSON: {exc}")
    if not isinstance(current, dict):
        return _refusal("what is there is not a JSON object")
    config = merged(current, wanted)
    return {
        "config": config,
        "changed": [key for key in sorted({**current, **config}) if current.get(key) != config.get(key)],
        "effect": effect(current, config),
        "problems": list(problems(config)) if strict else [],
    }


def merged(current: t.Mapping[str, t.Any], wanted: t.Mapping[str, t.Any]) -> Config:
    config = dict(current)
    for key, value in wanted.items():
        if value is None:
            config.pop(key, None)
        elif isinstance(value, dict):
            held = config.get(key)
            config[key] = merged(held if isinstance(held, dict) else {}, value)
        else:
            config[key] = value
    return config


def effect(current: t.Mapping[str, t.Any], config: t.Mapping[str, t.Any]) -> str:
    """What an engine that runs with `current` must go through to run with `config`."""
    changed = {key for key in {**current, **config} if current.get(key) != config.get(key)}
    if not changed:
        return "none"
    gone = {key for key in changed if key not in config}
    if _starting(current) != _starting(config):
        return "restart"
    return "reload" if changed <= RELOADABLE and gone <= FORGOTTEN else "restart"


def _starting(config: t.Mapping[str, t.Any]) -> Config:
    features = config.get("features")
    return {key: features[key] for key in STARTING_FEATURES & features.keys()} if isinstance(features, dict) else {}


def problems(config: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    for key, value in config.items():
        kinds = KINDS.get(key)
        if kinds is None:
            yield f"{key} is not a setting of this engine"
        elif not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            yield f"{key} must be {' or '.join(_CALLED[kind] for kind in kinds)}, and is {json.dumps(value)}"


def _refusal(problem: str) -> dict[str, t.Any]:
    return {"config": {}, "changed": [], "effect": "none", "problems": [problem]}


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"daemon_config": daemon_config}
