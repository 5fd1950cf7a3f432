# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.slipway.images.plugins.module_utils.errors import TransportError, UsageError
from ansible_collections.slipway.images.plugins.module_utils.wire.address import Address
from ansible_collections.slipway.images.plugins.module_utils.wire.proxy import Proxy, of
from ansible_collections.slipway.images.plugins.module_utils.wire.tls import Tls
from ansible_collections.slipway.images.plugins.module_utils.wire.transport import Transport
from ansible_collections.slipway.images.plugins.module_utils.wire.upgrade import upgrade
from ansible_collections.slipway.images.tests.support.proxy import proxy
from ansible_collections.slipway.images.tests.unit.plugins.module_utils.wire.conftest import Certificates, Peer, Serve

ENGINE = Address("engine.test", 2375)
Environment = t.Callable[..., None]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> Environment:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)

    def set_to(**variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return set_to


@pytest.mark.parametrize(
    ("address", "variables", "url"),
    [
        (ENGINE, {}, None),
        (ENGINE, {"http_proxy": "http://p:1"}, "http://p:1"),
        (ENGINE, {"HTTP_PROXY": "p:1/"}, "http://p:1"),
        (ENGINE, {"https_proxy": "http://p:1"}, None),
        (Address("engine.test", 2376, tls=True), {"HTTPS_PROXY": "http://p:1", "http_proxy": "http://q"}, "http://p:1"),
        (ENGINE, {"all_proxy": "https://[::1]:3"}, "https://[::1]:3"),
        (ENGINE, {"http_proxy": "http://p:1", "no_proxy": "other.test,.test"}, None),
        (ENGINE, {"http_proxy": "http://p:1", "NO_PROXY": "engine.test:2375"}, None),
        (ENGINE, {"http_proxy": "http://p:1", "NO_PROXY": "other.test"}, "http://p:1"),
        (Address("10.1.2.3", 2375), {"http_proxy": "http://p:1", "no_proxy": "10.0.0.0/8"}, None),
        (Address("localhost", 2375), {"http_proxy": "http://p:1"}, None),
        (Address("127.0.0.2", 2375), {"http_proxy": "http://p:1"}, None),
    ],
)
def test_whom_the_environment_names(
    environment: Environment, address: Address, variables: dict[str, str], url: str | None
) -> None:
    environment(**variables)
    assert of(address) == (Proxy(url) if url else None)


def test_who_we_are_is_not_shown(environment: Environment) -> None:
    environment(http_proxy="http://me:hun%40ter@p:1")
    found = of(ENGINE)
    assert found == Proxy("http://p:1", {"proxy-authorization": "Basic bWU6aHVuQHRlcg=="})
    assert "bWU6" not in repr(found)


@pytest.mark.parametrize("url", ["socks5://me:hunter2@p:1", "http://me:hunter2@", "http://me:hunter2@p:x", "http://["])
def test_what_is_no_proxy_of_ours(environment: Environment, url: str) -> None:
    environment(http_proxy=url)
    with pytest.raises(UsageError, match=r"for tcp://engine.test:2375 is not http://host:port") as caught:
        Transport(ENGINE)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("where", ["tcp", "tls"])
@pytest.mark.parametrize("login", ["", "me:hun@ter"])
def test_requests_and_upgrades_go_through(
    serve: Serve, certificates: Certificates, environment: Environment, where: str, login: str
) -> None:
    def talk(peer: Peer) -> str:
        peer.head()
        if "upgrade" not in peer.headers:
            peer.answer(b'{"by": "proxy"}')
            return peer.line
        peer.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
        peer.send(peer.stream.read(5)[::-1])
        return peer.line

    address, server = serve(talk, where, certificates.context() if where == "tls" else None)
    named = Address("engine.test", address.port, tls=address.tls)
    with proxy(login) as between:
        given = f"http://{login.replace(':hun@', ':hun%40')}{'@' if login else ''}{between.address}"
        environment(**{"https_proxy" if address.tls else "http_proxy": given})
        transport = Transport(named, Tls(ca_path=certificates.ca), 10)
        assert transport.request("GET", "/_ping").json() == {"by": "proxy"}
        stream = upgrade(transport, "/v1.41/session", [])
        stream.send(b"hello")
        assert stream.receive(5) == b"olleh"
        stream.close()
        transport.close()
    tunnel = f"CONNECT engine.test:{address.port} HTTP/1."
    plain = f"GET http://engine.test:{address.port}/_ping HTTP/1.1"
    assert [line.startswith(tunnel) for line in between.asked] == [address.tls, True]
    assert address.tls or between.asked[0] == plain
    assert server.conversations(2) == ["GET /_ping HTTP/1.1", "POST /v1.41/session HTTP/1.1"]


@pytest.mark.parametrize("tls", [False, True])
def test_one_that_does_not_know_us(environment: Environment, tls: bool) -> None:
    with proxy("me:hunter2") as between:
        environment(all_proxy=f"http://me:wrong@{between.address}")
        with pytest.raises(TransportError, match=r"the proxy .*407|the proxy .*Authentication Required") as caught:
            Transport(Address("engine.test", 2376, tls=tls), timeout=10).request("GET", "/_ping")
    assert "wrong" not in str(caught.value)
