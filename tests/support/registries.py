# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Registries for tests: small real web servers, a token server in front of a registry, and content pushed by hand.

All on the standard library and none on the collection, whose witness this is.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import json
import secrets
import socket
import ssl
import threading
import typing as t
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

OCI = "application/vnd.oci.image.%s.v1+json"
INDEX, MANIFEST, CONFIG = OCI % "index", OCI % "manifest", OCI % "config"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


@dataclass(frozen=True)
class Request:
    """`path` without its query; names of `headers` are in lower case."""

    method: str
    path: str
    query: t.Mapping[str, list[str]]
    headers: t.Mapping[str, str]
    body: bytes = b""


class Reply(t.NamedTuple):
    body: bytes = b""
    status: int = 200
    headers: t.Mapping[str, str] = {}


@dataclass
class Site:
    """A web server; `route` answers, `requests` are what it was asked, in order."""

    route: t.Callable[[Request], Reply]
    requests: list[Request] = field(default_factory=list)
    address: str = ""  # host:port

    def asked(self, part: str = "") -> list[str]:
        return ["%s %s" % (r.method, r.path) for r in self.requests if part in r.path]


@contextlib.contextmanager
def site(route: t.Callable[[Request], Reply], tls: ssl.SSLContext | None = None) -> t.Iterator[Site]:
    served = Site(route)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle(self) -> None:
            # Who begins to speak TLS to a server that knows none is to hear so at once, not at the end of a time limit.
            with contextlib.suppress(OSError):
                if tls or self.connection.recv(1, socket.MSG_PEEK) != b"\x16":
                    super().handle()

        def answer(self) -> None:
            url = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = self.rfile.read(int(headers.get("content-length", 0)))
            request = Request(self.command, url.path, parse_qs(url.query), headers, body)
            served.requests.append(request)
            reply = served.route(request)
            self.send_response_only(reply.status)
            for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body)

        do_GET = do_HEAD = do_POST = do_PUT = answer

        def log_message(self, *_what: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        served.address = "127.0.0.1:%d" % server.server_port
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield served
        finally:
            server.shutdown()


def refusal(status: int, code: str, message: str, **headers: str) -> Reply:
    """As a registry says it."""
    return Reply(json.dumps({"errors": [{"code": code, "message": message}]}).encode(), status, headers)


@contextlib.contextmanager
def gate(behind: str, users: t.Mapping[str, str], public: str = "") -> t.Iterator[Site]:
    """A token server and, on the same port, a registry that wants its tokens: what is asked with a good one is passed
    on to `behind` (`host:port`). The tokens are opaque, and each good for one scope. Anybody may have one for
    repositories that begin with `public`; the password of a user is his refresh token as well."""
    tokens: dict[str, str] = {}  # token -> scope

    def issue(request: Request) -> Reply:
        form = parse_qs(request.body.decode()) if request.method == "POST" else request.query
        scope = form.get("scope", [""])[0]
        shown = request.headers.get("authorization", "").removeprefix("Basic ")
        user, _colon, password = base64.b64decode(shown).decode().partition(":")
        refresh = form.get("refresh_token", [""])[0]
        known = refresh in users.values() or (bool(user) and users.get(user) == password)
        if (shown or refresh) and not known:
            return Reply(b'{"details": "incorrect username or password"}', 401)
        token = secrets.token_urlsafe()
        if known or (public and scope.startswith("repository:" + public)):
            tokens[token] = scope
        return Reply(json.dumps({"access_token" if request.method == "POST" else "token": token}).encode())

    def route(request: Request) -> Reply:
        if request.path == "/token":
            return issue(request)
        repository = request.path.removeprefix("/v2/").rpartition("/")[0].rpartition("/")[0]
        scope = "repository:%s:pull" % repository
        if tokens.get(request.headers.get("authorization", "").removeprefix("Bearer ")) != scope:
            challenge = 'Bearer realm="http://%s/token",service="gate",scope="%s"' % (gated.address, scope)
            return refusal(401, "UNAUTHORIZED", "authentication required", **{"WWW-Authenticate": challenge})
        status, headers, body = call(behind, request.method, request.path, headers=request.headers)
        passed = ("Content-Type", "Content-Length", "Docker-Content-Digest", "Link", "Location")
        return Reply(body, status, {name: headers[name] for name in passed if name in headers})

    with site(route) as gated:
        yield gated


def call(
    address: str, method: str, path: str, body: bytes = b"", headers: t.Mapping[str, str] | None = None
) -> tuple[int, t.Mapping[str, str], bytes]:
    with contextlib.closing(http.client.HTTPConnection(address, timeout=30)) as connection:
        connection.request(method, path, body, dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()


def digest_of(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def push_blob(address: str, repository: str, content: bytes, media_type: str) -> dict[str, t.Any]:
    """Gives its descriptor."""
    _status, headers, _body = call(address, "POST", "/v2/%s/blobs/uploads/" % repository)
    url = urlsplit(headers["Location"])
    digest = digest_of(content)
    path = "%s?%s&digest=%s" % (url.path, url.query, digest)
    status, _headers, said = call(address, "PUT", path, content, {"Content-Type": "application/octet-stream"})
    assert status == 201, said
    return {"mediaType": media_type, "digest": digest, "size": len(content)}


def push_manifest(address: str, repository: str, label: str, document: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    content = json.dumps(document).encode()
    headers = {"Content-Type": document["mediaType"]}
    path = "/v2/%s/manifests/%s" % (repository, label or digest_of(content))
    status, _headers, said = call(address, "PUT", path, content, headers)
    assert status == 201, said
    return {"mediaType": document["mediaType"], "digest": digest_of(content), "size": len(content)}


def push_image(address: str, repository: str, label: str = "", **config: t.Any) -> dict[str, t.Any]:
    """An image of one layer that is none; gives the descriptor of its manifest."""
    config = {"os": "linux", "architecture": "amd64", "rootfs": {"type": "layers", "diff_ids": []}, **config}
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": push_blob(address, repository, json.dumps(config).encode(), CONFIG),
        "layers": [push_blob(address, repository, b"layer of " + repr(config).encode(), LAYER)],
    }
    return push_manifest(address, repository, label, document)


def push_index(address: str, repository: str, label: str, *platforms: t.Mapping[str, str]) -> dict[str, t.Any]:
    """An image for each platform, and an attestation of the first as BuildKit writes it."""
    rows = []
    for platform in platforms:
        image = push_image(address, repository, **platform, config={"Labels": {"for": platform["architecture"]}})
        rows.append({**image, "platform": dict(platform)})
    proof = {**push_image(address, repository, os="unknown", architecture="unknown"), "annotations": {}}
    proof["annotations"]["vnd.docker.reference.type"] = "attestation-manifest"
    rows.append({**proof, "platform": {"os": "unknown", "architecture": "unknown"}})
    annotations = {"org.opencontainers.image.title": "many"}
    document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": rows, "annotations": annotations}
    return push_manifest(address, repository, label, document)
