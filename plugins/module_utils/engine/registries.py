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
from ansible_collections.slipway.images.plugins.module_utils.image.facts import bears
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference, is_local

if t.TYPE_CHECKING:
    from ansible_collections.slipway.images.plugins.module_utils.registry.client import Registry


class Remote(t.NamedTuple):
    """What a registry has under a name: the digest and size (bytes) of a manifest or index, where known.

    `config` is the digest of the image's config, `""` where nobody asked for it.
    """

    digest: str
    size: int | None = None
    config: str = ""

    def same(self, attrs: t.Mapping[str, t.Any], reference: Reference) -> bool:
        """Is that the image of these attrs?"""
        return any(bears(attrs, reference, digest) for digest in (self.digest, self.config) if digest)


class Registries:
    """A door to each registry, opened when first asked for; threads may share it. `timeout`: seconds. `alone`: do not
    ask the engine, nor whether it holds one for insecure."""

    def __init__(self, engine: Engine, timeout: float, alone: bool = False) -> None:
        self.engine = engine
        self._alone = alone
        self._timeout = timeout
        self._open: dict[str, Registry] = {}
        self._turn = threading.Lock()

    def at(self, host: str) -> Registry:
        """`host` as in `Reference.registry`."""
        from ansible_collections.slipway.images.plugins.module_utils.registry.client import Registry
        from ansible_collections.slipway.images.plugins.module_utils.wire.tls import Tls

        with self._turn:
            if host not in self._open:
                tls = Tls(**self.engine.auths.certificates(host))
                alone = self._alone or is_local(host)
                insecure = not alone and is_insecure(self.engine.get("/info"), host)
                self._open[host] = Registry(host, self.engine.auths.lookup(host), tls, insecure, self._timeout)
            return self._open[host]

    def look(self, reference: Reference, attrs: t.Mapping[str, t.Any]) -> Remote:
        """What the registry has under a name now: asked through the engine, which knows mirrors, or where that cannot
        ask (Podman), without it. Raises `NotFound`, `Denied` and what else either says.

        Podman does not learn from a push what digest the image of these `attrs` has in the registry. What has the same
        config, which is what it calls an image by, is the same image.
        """
        asked = distribution(self.engine, reference)
        if asked:
            return Remote(str(asked["Descriptor"]["digest"]), asked["Descriptor"].get("size"))
        from ansible_collections.slipway.images.plugins.module_utils.image.manifest import config
        from ansible_collections.slipway.images.plugins.module_utils.registry.contents import describe, fetch

        registry, label = self.at(reference.registry), reference.digest or reference.tag or "latest"
        there = describe(registry, reference.repository, label)
        remote = Remote(there.digest, there.size or None)
        if not attrs or remote.same(attrs, reference):
            return remote
        inside = config(fetch(registry, reference.repository, there.digest).document)
        return remote._replace(config=inside.digest if inside else "")

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
