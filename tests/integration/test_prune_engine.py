# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What image_prune foretells is what happens, and what the engine's own prune would have done; a real engine judges."""

from __future__ import annotations

import io
import json
import random
import tarfile
import typing as t
from dataclasses import dataclass
from urllib.parse import urlencode

import pytest
from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.task.connect import connect
from ansible_collections.slipway.images.plugins.module_utils.task.plan import Outcome
from ansible_collections.slipway.images.plugins.modules import image_prune
from ansible_collections.slipway.images.tests.support import engine as support

OPTIONS: dict[str, t.Any] = {"images": True, "dangling": True, "until": None, "labels": [], "build_cache": None}
CONNECTION = dict.fromkeys(("validate_certs", "tls_hostname", "ca_path", "client_cert", "client_key"))
API = "/v1.41"


@dataclass(frozen=True)
class Store:
    """A real engine's images, spoken to without the collection's code."""

    address: str

    def call(self, method: str, path: str, body: t.Any = None, **query: t.Any) -> t.Any:
        if isinstance(body, dict):
            return self._json(method, path, body)
        status, said = support.request(self.address, method, "%s%s?%s" % (API, path, urlencode(query)), body)
        assert status < 300, said
        return [json.loads(line) for line in said.splitlines()] if said else []

    def _json(self, method: str, path: str, body: t.Any) -> t.Any:
        import http.client
        import socket

        connection = http.client.HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(self.address.removeprefix("unix://"))
        connection.request(method, API + path, json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        said = json.loads(answer.read() or "{}")
        connection.close()
        assert answer.status < 300, said
        return [said]

    def build(self, *lines: str, name: str = "", version: int = 1, **files: int | bytes) -> str:
        """The id of an image of these lines; `files` are bytes, or the size of a file of random ones."""
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as tar:
            for path, content in {"Dockerfile": "\n".join(lines).encode(), **files}.items():
                member = tarfile.TarInfo(path)
                if content == b"/":
                    member.type, content = tarfile.DIRTYPE, b""
                data = random.randbytes(content) if isinstance(content, int) else content
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
        records = self.call("POST", "/build", out.getvalue(), version=version, rm=1, **({"t": name} if name else {}))
        assert not [record for record in records if "error" in record], records
        found = [
            record["aux"]["ID"] for record in records if record.get("id") != "moby.buildkit.trace" and "aux" in record
        ]
        return str(found[-1])

    def container(self, image: str, start: bool = False, **config: t.Any) -> str:
        body = {"Image": image, "Cmd": ["/bin/sleep", "1000"], **config}
        made = self.call("POST", "/containers/create", body)[0]["Id"]
        if start:
            self.call("POST", "/containers/%s/start" % made)
        return str(made)

    def untag(self, name: str) -> None:
        self.call("DELETE", "/images/" + name, noprune=1)

    def images(self) -> dict[str, list[str]]:
        """Id -> names."""
        rows = self.call("GET", "/images/json", all=1)[0]
        return {row["Id"]: _names(row) for row in rows}

    def layers(self) -> int:
        return int(self.call("GET", "/system/df")[0]["LayersSize"])

    def prune(self, **filters: list[str]) -> None:
        self.call("POST", "/images/prune", filters=json.dumps(filters))


def _names(row: dict[str, t.Any]) -> list[str]:
    return sorted(n for n in [*(row["RepoTags"] or ()), *(row["RepoDigests"] or ())] if "<none>" not in n)


def connected(store: Store) -> Engine:
    params = {**CONNECTION, "docker_host": store.address, "tls": False, "timeout": 60, "api_version": "auto"}
    return connect(params, [])


def foretell(store: Store, **options: t.Any) -> image_prune.Prune:
    params = {**OPTIONS, **options}
    with connected(store) as engine:
        return image_prune.plan(params, image_prune.observe(engine, params))


def foretold(store: Store, plan: image_prune.Prune) -> dict[str, list[str]]:
    gone, untagged = plan.results["deleted"], plan.results["untagged"]
    return {id: [n for n in names if n not in untagged] for id, names in store.images().items() if id not in gone}


def prune(store: Store, plan: image_prune.Prune) -> Outcome:
    with connected(store) as engine:
        return image_prune.apply(engine, plan)


def run_and_hold(store: Store, **options: t.Any) -> image_prune.Prune:
    """The law: check, run, check again."""
    plan = foretell(store, **options)
    survivors, layers = foretold(store, plan), store.layers()
    outcome = prune(store, plan)
    assert store.images() == survivors
    assert plan.results["space_reclaimed"] == layers - store.layers()
    assert outcome == plan.foretold()
    again = foretell(store, **options)
    assert (again.actions, again.before, again.after) == ((), {}, {})
    return plan


@pytest.fixture
def store(fresh_engine: t.Callable[..., str]) -> Store:
    return Store(fresh_engine())


def settle(store: Store, seed: int) -> None:
    """A store with a history: builds on builds, names that moved, containers."""
    chance = random.Random(seed)
    random.seed(seed)
    known: list[str] = ["scratch"]
    for number in range(chance.randint(4, 9)):
        version = chance.choice((1, 1, 2))
        tagged = [n for names in store.images().values() for n in names]
        lines, files = ["FROM " + chance.choice(known if version == 1 else ["scratch", *tagged])], {}
        for step in range(chance.randint(1, 4)):
            path = "f%d-%d" % (number, step)
            kind = chance.choice(("file", "file", "dir", "label", "env", "workdir"))
            if kind == "file":
                files[path] = chance.randint(1, 5000)
                lines.append("COPY %s /" % path)
            elif kind == "dir":
                files[path] = b"/"
                lines.append("COPY %s /%s/" % (path, path))
            elif kind == "label":
                lines.append("LABEL l%d=%d" % (chance.randint(0, 2), chance.randint(0, 1)))
            elif kind == "env":
                lines.append("ENV E%d=%d" % (number, step))
            else:
                lines.append("WORKDIR /w%d" % chance.randint(0, 1))
        if len(lines) == 1 or (lines[0] == "FROM scratch" and not files):
            lines.append("ENV ONLY=%d" % number)
        name = chance.choice(("", "", "a:1", "a:2", "b:1", "c/d:%d" % number))
        known.append(store.build(*lines, name=name, version=version, **files))
    for image in chance.sample(known[1:], 2):
        if len(store.images()[image]) < 2:
            store.container(image)


RULES: list[dict[str, t.Any]] = [
    {},
    {"dangling": False},
    {"labels": ["l0"]},
    {"dangling": False, "labels": ["!l1"]},
    {"dangling": False, "labels": ["l0=1", "!l2=0"]},
]


@pytest.mark.parametrize("seed", range(40))
def test_random(store: Store, seed: int) -> None:
    settle(store, seed)
    rule = RULES[seed % len(RULES)]
    if seed % 2:
        run_and_hold(store, **rule)
    else:
        labels = rule.get("labels", [])
        filters = {"dangling": ["true" if rule.get("dangling", True) else "false"]}
        filters["label"] = [x for x in labels if x[0] != "!"]
        filters["label!"] = [x[1:] for x in labels if x[0] == "!"]
        plan = foretell(store, **rule)
        survivors, layers = foretold(store, plan), store.layers()
        store.prune(**{k: v for k, v in filters.items() if v})
        assert store.images() == survivors
        assert plan.results["space_reclaimed"] == layers - store.layers()
