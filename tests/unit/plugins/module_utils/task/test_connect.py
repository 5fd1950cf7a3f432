# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import hashlib
import json
import typing as t
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.errors import TransportError, UsageError
from ansible_collections.slipway.images.plugins.module_utils.task.connect import connect
from ansible_collections.slipway.images.plugins.module_utils.task.endpoint import OPTIONS
from ansible_collections.slipway.images.plugins.module_utils.wire.transport import Transport
from ansible_collections.slipway.images.tests.unit.plugins.module_utils.wire.conftest import Certificates, certificates

__all__ = ["certificates"]

DEFAULTS: dict[str, t.Any] = {
    **dict.fromkeys((*OPTIONS, "context", "tls_hostname")),
    "api_version": "auto",
    "timeout": 10,
    "docker_config": "/nonexistent",
}


def decoded(header: str) -> t.Any:
    return json.loads(base64.urlsafe_b64decode(header))


def test_over_a_unix_socket(daemon: t.Any, serve: t.Any) -> None:
    address, _server = serve(daemon.talk)
    warnings: list[str] = []
    with connect({**DEFAULTS, "docker_host": str(address), "api_version": "1.40", "tls": True}, warnings) as engine:
        assert (engine.api, engine.transport.address) == ((1, 40), address)
        assert engine.warnings is warnings


def test_a_bad_address() -> None:
    with pytest.raises(UsageError, match="unknown scheme"):
        connect({**DEFAULTS, "docker_host": "ftp://host"}, [])


def test_an_engine_that_is_none_is_left(daemon: t.Any, serve: t.Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the way there was made of (an ssh) goes."""
    closed: list[Transport] = []

    def close(transport: Transport) -> None:
        closed.append(transport)

    monkeypatch.setattr(Transport, "close", close)
    address, _server = serve(lambda peer: peer.head() and peer.answer(b"no", "404 Not Found"))
    with pytest.raises(TransportError, match="not as a Docker engine"):
        connect({**DEFAULTS, "docker_host": str(address)}, [])
    assert len(closed) == 1


def test_a_context_is_named_when_it_leads_nowhere(daemon: t.Any, serve: t.Any, tmp_path: Path) -> None:
    folder = tmp_path / "contexts/meta" / hashlib.sha256(b"prod").hexdigest()
    folder.mkdir(parents=True)
    params = {**DEFAULTS, "context": "prod", "docker_config": str(tmp_path)}
    meta = '{"Endpoints": {"docker": {"Host": "%s"}}}'
    (folder / "meta.json").write_text(meta % serve(daemon.talk)[0])
    connect(params, []).transport.close()
    for there, kind in (("unix:///nowhere", TransportError), ("npipe:////x", UsageError)):
        (folder / "meta.json").write_text(meta % there)
        with pytest.raises(kind, match=f"^docker context prod: .*{there}") as caught:
            connect(params, [])
        assert caught.value.facts["context"] == "prod"


@pytest.mark.parametrize(
    ("how", "fails"),
    [
        ({"tls": True, "ca_path": "ca"}, None),
        ({"validate_certs": True, "ca_path": "ca"}, None),
        ({"tls": True, "validate_certs": False}, None),
        ({"tls": True}, "is signed by an authority that is not trusted"),
        ({"validate_certs": True, "ca_path": "foreign"}, "is signed by an authority that is not trusted"),
        ({"tls": True, "ca_path": "ca", "tls_hostname": "engine.test"}, None),
        ({"tls": True, "ca_path": "ca", "tls_hostname": "other.test"}, "is for another host name"),
    ],
)
def test_tls_verifies_unless_told_not_to(
    daemon: t.Any, serve: t.Any, certificates: Certificates, how: dict[str, t.Any], fails: str | None
) -> None:
    address, _server = serve(daemon.talk, "tls", certificates.context())
    given = {name: getattr(certificates, value) if name == "ca_path" else value for name, value in how.items()}
    params = {**DEFAULTS, "docker_host": "tcp://127.0.0.1:%d" % address.port, **given}
    if fails:
        with pytest.raises(TransportError, match=fails):
            connect(params, [])
    else:
        connect(params, []).transport.close()


@pytest.mark.parametrize("how", [{}, {"validate_certs": False}])
def test_tcp_is_plain_until_tls_is_asked_for(daemon: t.Any, serve: t.Any, how: dict[str, t.Any]) -> None:
    address, _server = serve(daemon.talk, "tcp")
    with connect({**DEFAULTS, "docker_host": "tcp://127.0.0.1:%d" % address.port, **how}, []) as engine:
        assert engine.transport.address.tls is False


def test_a_client_certificate(daemon: t.Any, serve: t.Any, certificates: Certificates) -> None:
    address, _server = serve(daemon.talk, "tls", certificates.context(wants_client=True))
    params = {**DEFAULTS, "docker_host": "https://127.0.0.1:%d" % address.port, "ca_path": certificates.ca}
    own = {"client_cert": certificates.client, "client_key": getattr(certificates, "client-key")}
    with connect({**params, **own}, []) as engine:
        assert engine.api == (1, 41)


@pytest.mark.parametrize(
    ("name", "registry", "known"),
    [
        ("host:5000/app:1", "host:5000", True),
        (["host:5000/app:1", "app"], "docker.io", True),
        ("host:5000/app:1", "docker.io", False),
        (None, "host:5000", False),
        ("sha256:" + "0" * 64, "docker.io", False),
    ],
)
def test_own_credentials_are_for_ones_own_images(
    daemon: t.Any, serve: t.Any, name: t.Any, registry: str, known: bool
) -> None:
    params = {**DEFAULTS, "docker_host": str(serve(daemon.talk)[0]), "name": name}
    own = {"registry_username": "alice", "registry_password": "s3cret"}
    with connect({**params, **own}, []) as engine:
        assert (decoded(engine.auths.header(registry)).get("username") == "alice") is known
    with connect(params, []) as engine:
        assert "username" not in decoded(engine.auths.header(registry))
