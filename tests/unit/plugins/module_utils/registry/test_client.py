# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How we come to a registry: challenges, tokens, redirects, TLS and plain HTTP, and what it refuses."""

from __future__ import annotations

import base64
import socket
import ssl
import subprocess
import threading
import typing as t
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.disk.credentials import Auth
from ansible_collections.slipway.images.plugins.module_utils.errors import (
    Denied,
    EngineError,
    FormatError,
    NotFound,
    RateLimited,
    SlipwayError,
    TransportError,
    TransportTimeout,
)
from ansible_collections.slipway.images.plugins.module_utils.wire.tls import Tls
from ansible_collections.slipway.images.tests.support.registries import Reply, Request, gate, refusal

ALICE = Auth(username="alice", password="s3cret")


def ok(request: Request) -> Reply:
    return Reply(b"[]") if request.path.startswith("/v2/") else refusal(404, "x", "not here")


def get(registry: t.Any, repository: str = "app") -> bytes:
    with registry.request("GET", repository, "tags/list?n=1") as answer:
        return bytes(answer.content(100))


def fails(registry: t.Any, repository: str = "app") -> SlipwayError:
    with pytest.raises(SlipwayError) as caught:
        get(registry, repository)
    assert "\n" not in str(caught.value)
    assert "s3cret" not in str(caught.value) + repr(caught.value.facts)
    return caught.value


def test_an_open_registry_on_this_host_is_plain_http(serve: t.Any, open_registry: t.Any) -> None:
    site = serve(ok)
    assert get(open_registry(site)) == b"[]"
    [request] = site.requests
    assert (request.path, request.query) == ("/v2/app/tags/list", {"n": ["1"]})
    assert "authorization" not in request.headers


def test_basic(serve: t.Any, open_registry: t.Any) -> None:
    wanted = "Basic " + base64.b64encode(b"alice:s3cret").decode()

    def route(request: Request) -> Reply:
        if request.headers.get("authorization") == wanted:
            return ok(request)
        return refusal(401, "UNAUTHORIZED", "authentication required", **{"WWW-Authenticate": 'Basic realm="r"'})

    site = serve(route)
    registry = open_registry(site, ALICE)
    assert get(registry) == get(registry) == b"[]"
    assert len(site.requests) == 3  # the challenge is met once
    for login in (None, Auth(), Auth(username="alice", password="s3cret!")):
        error = fails(open_registry(site, login))
        assert isinstance(error, Denied)
        assert "authentication required" in str(error)


@pytest.mark.parametrize("login", [ALICE, Auth(identitytoken="s3cret")])
def test_tokens(serve: t.Any, open_registry: t.Any, login: Auth) -> None:
    with gate(serve(ok).address, {"alice": "s3cret"}) as site:
        registry = open_registry(site, login)
        assert get(registry) == get(registry) == b"[]"
        method = "POST" if login.identitytoken else "GET"
        assert site.asked() == ["GET /v2/app/tags/list", method + " /token"] + 2 * ["GET /v2/app/tags/list"]
        assert get(registry, "team/other") == b"[]"  # each repository needs a token of its own
        assert len(site.asked("/token")) == 2


def test_anybody_gets_a_token_for_what_is_public(serve: t.Any, open_registry: t.Any) -> None:
    with gate(serve(ok).address, {"alice": "s3cret"}, public="open/") as site:
        assert get(open_registry(site), "open/app") == b"[]"
        assert isinstance(fails(open_registry(site), "closed/app"), Denied)


@pytest.mark.parametrize("login", [Auth(username="alice", password="s3cret!"), Auth(identitytoken="s3cret!")])
def test_a_wrong_password_is_the_token_services_refusal(serve: t.Any, open_registry: t.Any, login: Auth) -> None:
    with gate(serve(ok).address, {"alice": "s3cret"}) as site:
        error = fails(open_registry(site, login))
        assert isinstance(error, Denied)
        assert "the token service http://%s refused" % site.address in str(error)
        assert "incorrect username or password" in str(error)


def test_a_bearer_token_is_shown_as_it_is(serve: t.Any, open_registry: t.Any) -> None:
    def route(request: Request) -> Reply:
        if request.headers.get("authorization") == "Bearer t0ken":
            return ok(request)
        return refusal(401, "UNAUTHORIZED", "no", **{"WWW-Authenticate": 'Bearer realm="http://127.0.0.1:1/t"'})

    site = serve(route)
    assert get(open_registry(site, Auth(registrytoken="t0ken"))) == b"[]"
    assert len(site.requests) == 1
    assert isinstance(fails(open_registry(site, Auth(registrytoken="other"))), Denied)


def test_a_token_that_ran_out_is_fetched_again(serve: t.Any, open_registry: t.Any) -> None:
    with gate(serve(ok).address, {"alice": "s3cret"}) as site:
        registry = open_registry(site, ALICE)
        get(registry)
        registry._shown["app"] = "Bearer stale"
        assert get(registry) == b"[]"


@pytest.mark.parametrize(
    ("realm", "said"),
    [
        ("http://127.0.0.1:1/token", "no registry at http://127.0.0.1:1"),
        ("ftp://x/token", "leads nowhere"),
        ("http://user:s3cret@x/token", "leads nowhere"),
        ("", "leads nowhere"),
    ],
)
def test_a_token_service_that_is_none(serve: t.Any, open_registry: t.Any, realm: str, said: str) -> None:
    site = serve(lambda _request: refusal(401, "x", "no", **{"WWW-Authenticate": 'Bearer realm="%s"' % realm}))
    assert said in str(fails(open_registry(site, ALICE)))


@pytest.mark.parametrize("body", [b"", b"[]", b'{"token": 5}', b'{"token": "a\\nb"}', b'"' + b"x" * 2**20 + b'"'])
def test_a_token_service_that_gives_none(serve: t.Any, open_registry: t.Any, body: bytes) -> None:
    def route(request: Request) -> Reply:
        if request.path == "/token":
            return Reply(body)
        realm = "http://%s/token" % request.headers["host"]
        return refusal(401, "x", "no", **{"WWW-Authenticate": 'Bearer realm="%s"' % realm})

    assert isinstance(fails(open_registry(serve(route))), FormatError)


@pytest.mark.parametrize(
    ("reply", "kind", "said"),
    [
        (refusal(404, "NAME_UNKNOWN", "repository name not known"), NotFound, "repository name not known (HTTP 404)"),
        (refusal(403, "DENIED", "requested\naccess"), Denied, "requested access"),
        (refusal(500, "UNKNOWN", ""), EngineError, "UNKNOWN"),
        (Reply(b"<html>not found</html>", 404), EngineError, "not how a registry speaks"),
        (Reply(b"", 502), EngineError, "Bad Gateway"),
        (Reply(b"x" * 10**6, 500), EngineError, "Internal Server Error"),
        (Reply(b"", 302), EngineError, "HTTP 302"),
    ],
)
def test_refusals(serve: t.Any, open_registry: t.Any, reply: Reply, kind: type[EngineError], said: str) -> None:
    site = serve(lambda _request: reply)
    error = fails(open_registry(site))
    assert error.__class__ is kind
    assert error.facts["status"] == reply.status
    assert "the registry %s refused GET /v2/app/tags/list: " % site.address in str(error)
    assert said in str(error)


def test_too_many_requests(serve: t.Any, open_registry: t.Any) -> None:
    error = fails(open_registry(serve(lambda _r: refusal(429, "TOOMANYREQUESTS", "slow down", **{"Retry-After": "7"}))))
    assert isinstance(error, RateLimited)
    assert (error.kind, error.facts["retry_after"]) == ("engine.rate_limited", 7)
    assert "slow down; try again in 7 seconds" in str(error)


def test_a_redirect_to_another_host_shows_nobody_who_we_are(serve: t.Any, open_registry: t.Any) -> None:
    storage = serve(lambda _request: Reply(b"blob"))

    def route(request: Request) -> Reply:
        if "authorization" not in request.headers:
            return refusal(401, "x", "no", **{"WWW-Authenticate": "Basic"})
        if "moved" not in request.path:
            return Reply(status=307, headers={"Location": "/v2/app/moved"})
        return Reply(status=307, headers={"Location": "http://%s/bucket?signature=a%%2Fb" % storage.address})

    site = serve(route)
    assert get(open_registry(site, ALICE)) == b"blob"
    assert "authorization" in site.requests[-1].headers
    [request] = storage.requests
    assert "authorization" not in request.headers
    assert request.query == {"signature": ["a/b"]}


def test_redirects_end(serve: t.Any, open_registry: t.Any) -> None:
    site = serve(lambda _request: Reply(status=302, headers={"Location": "/again"}))
    assert "more than 5 times" in str(fails(open_registry(site)))
    assert len(site.requests) == 6


def test_silence(serve: t.Any, open_registry: t.Any) -> None:
    over = threading.Event()

    def route(request: Request) -> Reply:
        over.wait(10)
        return ok(request)

    assert isinstance(fails(open_registry(serve(route), timeout=0.05)), TransportTimeout)
    over.set()


def test_nobody_there(open_registry: t.Any) -> None:
    error = fails(open_registry("127.0.0.1:1"))
    assert isinstance(error, TransportError)
    assert "no registry at http://127.0.0.1:1: connection refused; is its name right" in str(error)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=registry.test"]
    names = ["-addext", "subjectAltName=DNS:registry.test,DNS:localhost"]
    subprocess.run([*command, *names, "-keyout", key, "-out", cert], check=True, capture_output=True)
    return cert, key


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch) -> str:
    """A name that is not local but leads here: TLS towards it is verified."""
    resolve = socket.getaddrinfo

    def resolved(host: t.Any, *rest: t.Any, **more: t.Any) -> t.Any:
        return resolve("127.0.0.1" if host == "registry.test" else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    return "registry.test"


@pytest.fixture
def secure(serve: t.Any, certificate: tuple[Path, Path]) -> t.Any:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return lambda route=ok: serve(route, context)


def _port(site: t.Any) -> str:
    return str(site.address.rpartition(":")[2])


def test_tls(secure: t.Any, remote: str, open_registry: t.Any, certificate: tuple[Path, Path]) -> None:
    host = "%s:%s" % (remote, _port(secure()))
    assert get(open_registry(host, tls=Tls(authorities=(str(certificate[0]),)))) == b"[]"
    assert "put that authority's certificate below /etc/docker/certs.d" in str(fails(open_registry(host)))
    assert get(open_registry(host, insecure=True)) == b"[]"


def test_a_token_service_under_the_registrys_authority(
    secure: t.Any, remote: str, open_registry: t.Any, certificate: tuple[Path, Path]
) -> None:
    service = secure(lambda _request: Reply(b'{"token": "t0ken"}'))
    challenge = 'Bearer realm="https://%s:%s/token"' % (remote, _port(service))

    def route(request: Request) -> Reply:
        shown = request.headers.get("authorization")
        return ok(request) if shown == "Bearer t0ken" else refusal(401, "x", "no", **{"WWW-Authenticate": challenge})

    host = "%s:%s" % (remote, _port(secure(route)))
    tls = Tls(authorities=(str(certificate[0]),))
    assert get(open_registry(host, ALICE, tls)) == b"[]"
    [request] = service.requests
    assert request.query == {"scope": ["repository:app:pull"], "account": ["alice"]}
    # That the registry is insecure does not make others so: credentials go only where the certificate is right.
    assert "not trusted here" in str(fails(open_registry(host, ALICE, insecure=True)))
    assert len(service.requests) == 1


def test_tls_on_this_host_is_not_verified(secure: t.Any, open_registry: t.Any) -> None:
    assert get(open_registry(secure())) == b"[]"


def test_plain_http_is_for_the_insecure(serve: t.Any, remote: str, open_registry: t.Any) -> None:
    site = serve(ok)
    host = "%s:%s" % (remote, _port(site))
    assert isinstance(fails(open_registry(host, ALICE)), TransportError)
    assert site.requests == []
    assert get(open_registry(host, insecure=True)) == b"[]"


@pytest.mark.parametrize("header", ["redirect", "realm"])
def test_from_tls_no_way_leads_to_plain_http(
    serve: t.Any, secure: t.Any, remote: str, open_registry: t.Any, certificate: tuple[Path, Path], header: str
) -> None:
    plain = serve(ok)
    url = "http://%s/token" % plain.address
    site = secure(
        lambda _request: (
            Reply(status=302, headers={"Location": url})
            if header == "redirect"
            else refusal(401, "x", "no", **{"WWW-Authenticate": 'Bearer realm="%s"' % url})
        )
    )
    registry = open_registry("%s:%s" % (remote, _port(site)), ALICE, Tls(authorities=(str(certificate[0]),)))
    assert isinstance(fails(registry), FormatError)
    assert plain.requests == []


def test_proxies_of_the_environment(serve: t.Any, open_registry: t.Any, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = serve(lambda _request: Reply(b"by proxy"))
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://" + proxy.address)
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    assert get(open_registry("registry.invalid", insecure=True)) == b"by proxy"
    assert proxy.requests[0].headers["host"].startswith("registry.invalid")
