# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a real engine has, for tests that compare it with what was foretold."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import random
import socket
import tarfile
import threading
import time
import typing as t
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlencode

from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.task.connect import connect
from ansible_collections.slipway.images.tests.support import engine as support

API = "/v1.40"
DIRECTORY = b"/"
CONNECTION: dict[str, t.Any] = {
    **dict.fromkeys(("validate_certs", "tls_hostname", "ca_path", "client_cert", "client_key")),
    "tls": False,
    "timeout": 60,
    "api_version": "auto",
}


@dataclass(frozen=True)
class Store:
    """What a real engine has, spoken to without the collection's code."""

    address: str

    def call(self, method: str, path: str, body: bytes | dict[str, t.Any] | None = None, **query: t.Any) -> list[t.Any]:
        """The records of the answer, which is one for most endpoints."""
        kind, data = ("tar", body) if isinstance(body, bytes) else ("json", json.dumps(body or {}).encode())
        connection = http.client.HTTPConnection("localhost", timeout=60)
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as connection.sock:
            connection.sock.connect(self.address.removeprefix("unix://"))
            url = "%s%s?%s" % (API, path, urlencode(query))
            connection.request(method, url, data, {"Content-Type": "application/" + kind, "X-Registry-Auth": "e30="})
            answer = connection.getresponse()
            said = answer.read()
        assert answer.status < 300, said
        records = [json.loads(line) for line in said.splitlines() if line.strip()]
        assert not [record for record in records if "error" in record], records
        return records

    def build(self, *lines: str, name: str = "", version: int = 1, **files: int | bytes) -> str:
        """The id of an image of these lines; `files` are bytes, or that many random ones."""
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as tar:
            for path, content in {"Dockerfile": "\n".join(lines).encode(), **files}.items():
                data = random.randbytes(content) if isinstance(content, int) else content
                member = tarfile.TarInfo(path)
                member.type = tarfile.DIRTYPE if data == DIRECTORY else tarfile.REGTYPE
                member.size = 0 if data == DIRECTORY else len(data)
                tar.addfile(member, io.BytesIO(data))
        if version == 2 and self.tarless:
            return self._build_from_afar(out.getvalue(), name or "far:%d" % random.getrandbits(64))
        records = self.call("POST", "/build", out.getvalue(), version=version, rm=1, **({"t": name} if name else {}))
        ids = [r["aux"]["ID"] for r in records if "aux" in r and r.get("id") != "moby.buildkit.trace"]
        return str(ids[-1])

    def _build_from_afar(self, data: bytes, name: str) -> str:
        """Of what is fetched by itself BuildKit says nothing there, not even an id; what has no name is not kept."""
        with _served(data) as url:
            self.call("POST", "/build", remote=url, version=2, t=name)
        return str(self.call("GET", "/images/%s/json" % name)[0]["Id"])

    def container(self, image: str, start: bool = False) -> str:
        id = self.call("POST", "/containers/create", {"Image": image, "Cmd": ["/bin/sleep", "1000"]})[0]["Id"]
        if start:
            self.call("POST", "/containers/%s/start" % id)
        return str(id)

    def tag(self, image: str, name: str) -> None:
        repository, _colon, label = name.rpartition(":")
        self.call("POST", "/images/%s/tag" % image, repo=repository, tag=label)

    def images(self) -> dict[str, list[str]]:
        """Id -> names, of intermediate images too."""
        return {row["Id"]: _names(row) for row in self.call("GET", "/images/json", all=1)[0]}

    @property
    def containerd(self) -> bool:
        """Are the images in the containerd image store?"""
        return "containerd" in str(self.call("GET", "/info")[0]["DriverStatus"])

    @property
    def api(self) -> tuple[int, int]:
        """The newest that it speaks."""
        major, minor = self.call("GET", "/version")[0]["ApiVersion"].split(".")
        return int(major), int(minor)

    @property
    def tarless(self) -> bool:
        """Does its BuildKit not find a tar that is sent to it? So it is in the containerd store of Docker 25 and 26."""
        return self.containerd and self.api < (1, 47)

    def containers(self) -> list[str]:
        return [row["Id"] for row in self.call("GET", "/containers/json", all=1)[0]]

    def clear(self) -> None:
        """No images and no containers: the engine refuses what is needed, or gone with another."""
        for container in self.containers():
            self.call("DELETE", "/containers/" + container, force=1)
        while images := self.images():
            for id, names in images.items():
                for name in names or [id]:
                    with contextlib.suppress(AssertionError):
                        self.call("DELETE", "/images/" + name, force=1)

    def usage(self) -> dict[str, t.Any]:
        """While the containerd store sweeps out what nobody needs any more, it fails to sum it up: "snapshot ..."."""
        for _turn in range(50):
            status, said = support.request(self.address, "GET", API + "/system/df")
            if status == 200:
                return t.cast("dict[str, t.Any]", json.loads(said))
            assert b"snapshot" in said, said
            time.sleep(0.1)
        raise AssertionError(said)

    def layers(self) -> int:
        return int(self.usage().get("LayersSize", 0))  # Docker 29 leaves it out of an answer that has nothing to tell

    def cache(self) -> dict[str, int]:
        """Id -> bytes."""
        return {row["ID"]: row["Size"] for row in self.usage()["BuildCache"] or ()}

    def prune(self, rule: dict[str, t.Any]) -> None:
        """The engine's own."""
        filters = {"dangling": [str(rule.get("dangling", True)).lower()]}
        for label in rule.get("labels", ()):
            filters.setdefault("label!" if label[0] == "!" else "label", []).append(label.lstrip("!"))
        self.call("POST", "/images/prune", filters=json.dumps(filters))


@contextlib.contextmanager
def _served(data: bytes) -> t.Iterator[str]:
    """At a URL."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_what: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield "http://127.0.0.1:%d/context.tar" % server.server_port
        finally:
            server.shutdown()


def _names(row: dict[str, t.Any]) -> list[str]:
    """Without the digests that the containerd store makes up of the id: those that are names it lists as tags, too."""
    digests = [name for name in row["RepoDigests"] or () if not name.endswith("@" + row["Id"])]
    return sorted(name for name in [*(row["RepoTags"] or ()), *digests] if "<none>" not in name)


def connected(store: Store, warnings: list[str] | None = None) -> Engine:
    return connect({**CONNECTION, "docker_host": store.address}, [] if warnings is None else warnings)


def settle(store: Store, chance: random.Random) -> None:
    """A store with a history: builds on builds, layers without size, names that moved, containers."""
    known = ["scratch"]
    for number in range(chance.randint(4, 9)):
        version = chance.choice((1, 1, 2))
        named = ["scratch", *(name for names in store.images().values() for name in names)]
        ids = version == 1 and not store.containerd  # who else builds takes no id for a base
        lines, files = ["FROM " + chance.choice(known if ids else named)], {}
        for step in range(chance.randint(1, 4)):
            path = "f%d-%d" % (number, step)
            files[path] = chance.choice((chance.randint(1, 5000), DIRECTORY))
            instructions = {
                "COPY %s /%s" % (path, path): 3,
                "LABEL l%d=%d" % (chance.randint(0, 2), chance.randint(0, 1)): 1,
                "ENV E%d=%d" % (number, step): 1,
                "WORKDIR /w%d" % chance.randint(0, 1): 1,
            }
            lines += chance.choices(list(instructions), list(instructions.values()))
        if not any(line.startswith("COPY") for line in lines):
            lines.append("COPY f%d-0 /f%d" % (number, number))  # BuildKit makes no image of nothing
        name = chance.choice(("", "", "a:1", "a:2", "b:1", "c/d:%d" % number))
        known.append(store.build(*lines, name=name, version=version, **files))
    for image in chance.sample(known[1:], 2):
        if len(store.images().get(image, "12")) < 2:  # of a used image with more the engine's own prune takes names
            store.container(image)
