# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a task's options to an engine at the other end of a connection."""

from __future__ import annotations

import typing as t
from contextlib import ExitStack
from functools import partial

from ansible_collections.slipway.images.plugins.module_utils.engine.client import Auths, Engine, greet
from ansible_collections.slipway.images.plugins.module_utils.engine.version import NEWEST
from ansible_collections.slipway.images.plugins.module_utils.errors import SlipwayError
from ansible_collections.slipway.images.plugins.module_utils.task.endpoint import endpoint
from ansible_collections.slipway.images.plugins.module_utils.wire.address import Address
from ansible_collections.slipway.images.plugins.module_utils.wire.transport import Transport

if t.TYPE_CHECKING:
    from ansible_collections.slipway.images.plugins.module_utils.wire.tls import Tls


Options = t.Mapping[str, t.Any]


def connect(params: Options, warnings: list[str]) -> Engine:
    """Connect as the options of `task.spec.ENGINE` (and `REGISTRY`, where a module has it) say.

    TLS is used when any of `https://`, `tls`, `validate_certs` (or what stands in for them, see `task.endpoint`) asks
    for it, and then verifies unless `validate_certs` is false.
    """
    where = endpoint(params, warnings)
    name = where["context"]
    try:
        return _meet(where, params, warnings)
    except SlipwayError as error:
        if not name:
            raise
        raise type(error)("docker context %s: %s" % (name, error), **{**error.facts, "context": name}) from error


class Nowhere(t.NamedTuple):
    """In place of a connection. Who asks an engine that is not there has a bug."""

    timeout: float
    address: str = "nowhere"

    def close(self) -> None:
        pass


def alone(params: Options, warnings: list[str]) -> Engine:
    """In place of an engine, for a task that needs none: it knows who we are to registries."""
    transport = t.cast(Transport, Nowhere(params["timeout"]))
    return Engine(transport, NEWEST, partial(_credentials, params, warnings), warnings=warnings)


def _meet(where: Options, params: Options, warnings: list[str]) -> Engine:
    address = Address.parse(where["docker_host"], bool(where["tls"] or where["validate_certs"]))
    tls = _tls(where, params["tls_hostname"]) if address.tls else None
    with ExitStack() as unless_met:
        transport = Transport(address, tls, params["timeout"])
        unless_met.callback(transport.close)
        engine = greet(transport, params["api_version"], partial(_credentials, params, warnings), warnings)
        unless_met.pop_all()
        return engine


def _tls(where: Options, hostname: str | None) -> Tls:
    from ansible_collections.slipway.images.plugins.module_utils.wire.tls import Tls

    return Tls(
        verify=where["validate_certs"] is not False,
        ca_path=where["ca_path"],
        client_cert=where["client_cert"],
        client_key=where["client_key"],
        hostname=hostname,
    )


def _credentials(params: Options, warnings: list[str]) -> Auths:
    """What the task says of itself goes to the registries of its own images, and to no other."""
    from ansible_collections.slipway.images.plugins.module_utils.disk.credentials import Credentials, given, registries

    own = given(params.get("registry_username"), params.get("registry_password"), params.get("registry_token"))
    names = params.get("name") or []
    mine = registries([names] if isinstance(names, str) else names) if own else frozenset[str]()
    return Credentials(warnings, params.get("docker_config"), own, mine)
