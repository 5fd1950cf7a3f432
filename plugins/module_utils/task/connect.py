# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a task's options to an engine at the other end of a connection."""

from __future__ import annotations

import typing as t
from functools import partial

from ansible_collections.slipway.images.plugins.module_utils.engine.client import Auths, Engine, greet
from ansible_collections.slipway.images.plugins.module_utils.wire.address import Address
from ansible_collections.slipway.images.plugins.module_utils.wire.transport import Transport

if t.TYPE_CHECKING:
    from ansible_collections.slipway.images.plugins.module_utils.wire.tls import Tls


def connect(params: t.Mapping[str, t.Any], warnings: list[str]) -> Engine:
    """Connect as the options of `task.spec.ENGINE` (and `REGISTRY`, where a module has it) say.

    TLS is used when any of `https://`, `tls`, `validate_certs` (or `DOCKER_TLS_VERIFY`) asks for it, and then
    verifies unless `validate_certs` is false.
    """
    address = Address.parse(params["docker_host"], bool(params["tls"] or params["validate_certs"]))
    tls = _tls(params) if address.tls else None
    transport = Transport(address, tls, params["timeout"])
    return greet(transport, params["api_version"], partial(_credentials, params, warnings), warnings)


def _tls(params: t.Mapping[str, t.Any]) -> Tls:
    from ansible_collections.slipway.images.plugins.module_utils.wire.tls import Tls

    return Tls(
        verify=params["validate_certs"] is not False,
        ca_path=params["ca_path"],
        client_cert=params["client_cert"],
        client_key=params["client_key"],
        hostname=params["tls_hostname"],
    )


def _credentials(params: t.Mapping[str, t.Any], warnings: list[str]) -> Auths:
    """What the task says of itself goes to the registries of its own images, and to no other."""
    from ansible_collections.slipway.images.plugins.module_utils.disk.credentials import Credentials, given, registries

    own = given(params.get("registry_username"), params.get("registry_password"), params.get("registry_token"))
    names = params.get("name") or []
    mine = registries([names] if isinstance(names, str) else names) if own else frozenset[str]()
    return Credentials(warnings, params.get("docker_config"), own, mine)
