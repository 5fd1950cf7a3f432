# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Registries asked without the engine, but as it would ask: its insecure ones, its certificates, our logins."""

from __future__ import annotations

import threading
import typing as t
from ipaddress import ip_address, ip_network

from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.engine.registry import distribution
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference

if t.TYPE_CHECKING:
    from ansible_collections.slipway.images.plugins.module_utils.registry.client import Registry


class Registries:
    """A door to each registry, opened when first asked for; threads may share it. `timeout`: seconds."""

    def __init__(self, engine: Engine, timeout: float) -> None:
        self.engine = engine
        self._timeout = timeout
        self._open: dict[str, Registry] = {}
        self._turn = threading.Lock()

    def at(self, host: str) -> Registry:
        """`host` as in `Reference.registry`."""
        from ansible_collections.slipway.images.plugins.module_utils.registry.client import Registry, is_local
        from ansible_collections.slipway.images.plugins.module_utils.wire.tls import Tls

        with self._turn:
            if host not in self._open:
                tls = Tls(**self.engine.auths.certificates(host))
                insecure = not is_local(host) and is_insecure(self.engine.get("/info"), host)
                self._open[host] = Registry(host, self.engine.auths.lookup(host), tls, insecure, self._timeout)
            return self._open[host]

    def digest(self, reference: Reference) -> str:
        """What the registry has under a name now: asked through the engine, which knows mirrors, or where that cannot
        ask (Podman), without it. Raises `NotFound`, `Denied` and what else either says."""
        asked = distribution(self.engine, reference)
        if asked:
            return str(asked["Descriptor"]["digest"])
        from ansible_collections.slipway.images.plugins.module_utils.registry.contents import describe

        label = reference.digest or reference.tag or "latest"
        return describe(self.at(reference.registry), reference.repository, label).digest

    def close(self) -> None:
        for registry in self._open.values():
            registry.close()

    def __enter__(self) -> Registries:
        return self

    def __exit__(self, *_why: object) -> None:
        self.close()


def is_insecure(info: t.Mapping[str, t.Any], host: str) -> bool:
    """Does the engine (`GET /info`) hold this registry for insecure: by its name, or by an address in its networks?"""
    config = info.get("RegistryConfig") or {}
    known = (config.get("IndexConfigs") or {}).get(host)
    if known:
        return not known.get("Secure", True)
    try:
        address = ip_address(host.rpartition(":")[0] if host.count(":") == 1 else host)
    except ValueError:
        return False
    return any(address in ip_network(network) for network in config.get("InsecureRegistryCIDRs") or ())
