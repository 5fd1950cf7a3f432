# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is shown to users runs: every task of the modules' EXAMPLES, foretold and then done, and the README's playbook.

They are played as they stand, in a world that is made for them: images, archives, a context, logins. Only this is
another than in the text: `registry.example.com` is a private registry that wants a password, paths below `/srv` and
`/opt` lie in a scratch directory, and Docker Hub is a mirror with three small images of those names.
"""

from __future__ import annotations

import base64
import json
import lzma
import os
import re
import subprocess
import sys
import tarfile
import typing as t
from datetime import datetime, timezone
from pathlib import Path

import pytest
import yaml
from ansible_collections.slipway.images.tests.support import archives
from ansible_collections.slipway.images.tests.support import engine as support
from ansible_collections.slipway.images.tests.support.store import Store

COLLECTION = Path(__file__).resolve().parents[2]
FQCN = "slipway.images."
README = "README"
MODULES = sorted(path.stem for path in (COLLECTION / "plugins" / "modules").glob("*.py"))
SOURCES = ["image_pull", *(module for module in MODULES if module != "image_pull"), README]  # a pull undoes a build

ELSEWHERE = {
    "Which images of nginx are official ones?": "Docker Hub alone can be searched",
    "Their names (image_search)": "of what was found there",
    "Labels and download size of the image, without pulling it": "the target itself asks Docker Hub, past any mirror",
    "Show them": "of what was found there",
    "One name for two platforms, on an engine with the containerd image store": "and here is one with a graph driver",
    "With files from beside the context, and a base image chosen here": "Docker 23 or newer, and here is 20.10",
}
"""Tasks that cannot run here, and why."""

IDLE = {
    "On a build server, every night, keep the last five builds of each of our images, and all of this week's",
    "Keep 10 GB of build cache, and touch no image",
    "What older builds left without a name is gone",
    "A release never moves",
}
"""Tasks that may find nothing to do; all others of modules that change anything have something."""

FILES = {
    "app/Dockerfile": """\
FROM alpine:3.20 AS build
ARG VERSION=0
COPY app.c /
RUN --mount=type=secret,id=npm_token cat /app.c > /app-$VERSION
FROM scratch AS binaries
COPY --from=build /app-* /
FROM alpine:3.20
COPY --from=build /app-* /
""",
    "app/app.c": "int main(void) { return 0; }\n",
    "app/docker/Dockerfile.prod": "FROM alpine:3.20 AS runtime\nLABEL stage=runtime\nFROM runtime\nLABEL stage=test\n",
    "images/tools.tar": ("shop/tools:0",),
    "images/shop-1.4.tar.zst": ("shop/loaded:1", "shop/loaded:2"),
    "images/tools-1.4.tar.gz": ("shop/tools:1.4",),
}
PACKED = {".gz": ["gzip", "-c"], ".zst": ["zstd", "-qc"], ".tar": ["cat"]}

CALLBACK = """
import json, os
from ansible.plugins.callback import CallbackBase

class CallbackModule(CallbackBase):
    CALLBACK_VERSION, CALLBACK_TYPE, CALLBACK_NAME = 2.0, "stdout", "examples"

    def v2_runner_on_ok(self, result, ignore_errors=False):
        task = getattr(result, "task", None) or result._task
        said = getattr(result, "result", None) or result._result
        line = {key: said.get(key) for key in ("changed", "failed", "actions", "msg", "exception")}
        with open(os.environ["EXAMPLES_SAID"], "a") as file:
            file.write(json.dumps({"task": task.get_name(), "check": task.check_mode, **line}) + "\\n")

    v2_runner_on_failed = v2_runner_on_ok
"""

Task = dict[str, t.Any]


def tasks(source: str) -> list[Task]:
    if source == README:
        text = re.findall(r"```yaml\n(- name:.*?)```", (COLLECTION / "README.md").read_text(), re.DOTALL)[0]
        return t.cast("list[Task]", yaml.safe_load(text)[0]["tasks"])
    code = (COLLECTION / "plugins" / "modules" / f"{source}.py").read_text()
    return t.cast("list[Task]", yaml.safe_load(code.partition('EXAMPLES = r"""')[2].partition('"""')[0]))


def changes(task: Task) -> bool:
    """Is it one that something may come of?"""
    module = next(key for key in task if "." in key)
    return module.startswith(FQCN) and not module.endswith("_info")


def elsewhere(task: Task, source: str) -> bool:
    return bool({task["name"], f"{task['name']} ({source})"} & ELSEWHERE.keys())


def here(value: t.Any, registry: str, scratch: Path) -> t.Any:
    """A part of a task, with the names and paths of this world."""
    if isinstance(value, dict):
        return {key: here(part, registry, scratch) for key, part in value.items()}
    if isinstance(value, list):
        return [here(part, registry, scratch) for part in value]
    if not isinstance(value, str):
        return value
    value = value.replace("registry.example.com", registry)
    return f"{scratch}{value}" if value.startswith(("/srv/", "/opt/")) else value


class World:
    """An engine, a registry with a login, and a mirror of Docker Hub, with what the examples are about."""

    def __init__(self, address: str, registry: str, mirror: str, scratch: Path) -> None:
        self.store, self.registry, self.mirror, self.scratch = Store(address), registry, mirror, scratch
        self.now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._hub(support.import_base(address))
        self._files()
        self.digest = self._publish("shop/app:1.4", "amd64")
        self._publish("shop/database:16", "amd64")
        self.arm = self._publish("shop/app:1.4-arm", "arm64")
        shop = f"{registry}/shop"
        names = [f"{shop}/app:1.4", f"{shop}/db:2", f"{shop}/web:1.3-2", "shop/app:1.3", "shop/trial-1:1"]
        self._load(*names, "shop/app:build", "shop/used:1", "shop/used:2")
        self._load("shop/old:1", created="2020-01-01T00:00:00Z")
        self.store.container(self.id("shop/used:1"))

    def id(self, name: str) -> str:
        return str(self.store.call("GET", f"/images/{name}/json")[0]["Id"])

    def variables(self, source: str) -> dict[str, str]:
        """What the examples take for given."""
        image = self.id("shop/used:1" if source == "image_remove" else "shop/app:build")
        return {
            "app_digest": self.arm.removeprefix("sha256:"),
            "app_image_id": image.removeprefix("sha256:"),
            "image_digits": image.removeprefix("sha256:"),
            "vault_npm_token": "t0ken",
            "vault_registry_password": "s3cret",
        }

    def _image(self, *names: str, architecture: str = "amd64", created: str = "") -> archives.Image:
        """One that differs from those of other names."""
        return archives.Image(names, ("for", *names), architecture=architecture, created=created or self.now)

    def _load(self, *names: str, created: str = "") -> None:
        grouped = [name for name in names if "used" not in name]
        images = [self._image(name, created=created) for name in grouped]
        if used := tuple(name for name in names if "used" in name):
            images.append(self._image(*used))
        self.store.call("POST", "/images/load", archives.tar(archives.legacy(*images)))

    def _hub(self, base: str) -> None:
        """What Docker Hub has; its alpine can run commands, and its `apk` does nothing."""
        lines = [f"FROM {base}", "COPY apk /bin/", "RUN chmod +x /bin/apk"]
        names = [f"{self.mirror}/library/{name}" for name in ("alpine:3.20", "redis:7", "nginx:1.27")]
        alpine = self.store.build(*lines, name=names[0], apk=b"#!/bin/sh\n")
        for name in names:
            self.store.tag(alpine, name)
            repository, _colon, tag = name.rpartition(":")
            self.store.call("POST", f"/images/{repository}/push", tag=tag)
        for name in names:
            self.store.call("DELETE", f"/images/{name}")

    def _publish(self, name: str, architecture: str) -> str:
        """To the registry alone; gives the digest."""
        archive, digest = self.scratch / "published.tar", self.scratch / "digest"
        archive.write_bytes(archives.tar(archives.oci(self._image(name, architecture=architecture))))
        command = ["skopeo", "copy", "-q", "--dest-tls-verify=false", "--dest-creds=deploy:s3cret"]
        where = [f"oci-archive:{archive}", f"docker://{self.registry}/{name}"]
        subprocess.run([*command, f"--digestfile={digest}", *where], check=True)
        return digest.read_text()

    def _files(self) -> None:
        for name, content in FILES.items():
            path = self.scratch / "srv" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, str):
                path.write_text(content)
            else:
                archive = archives.tar(archives.legacy(*map(self._image, content)))
                path.write_bytes(subprocess.run(PACKED[path.suffix], input=archive, stdout=-1, check=True).stdout)
        rootfs = self.scratch / "srv" / "rootfs" / "bookworm.tar.xz"
        rootfs.parent.mkdir()
        with lzma.open(rootfs, "w") as packed, tarfile.open(fileobj=packed, mode="w") as tar:
            tar.addfile(tarfile.TarInfo("etc"))
        (self.scratch / "opt").mkdir()
        login = {self.registry: {"auth": base64.b64encode(b"deploy:s3cret").decode()}}
        (self.scratch / "config.json").write_text(json.dumps({"auths": login}))


def playbook(world: World) -> list[dict[str, t.Any]]:
    """A play for each source; what changes anything in check mode first. No failure keeps the next from its turn."""
    return [
        {
            "hosts": "localhost",
            "gather_facts": source == "image_registry_info",
            "gather_subset": ["!all"],
            "vars": world.variables(source),
            "tasks": [
                {
                    **here(task, world.registry, world.scratch),
                    "name": f"{source}: {task['name']}",
                    "check_mode": check,
                    "ignore_errors": True,
                }
                for task in tasks(source)
                if not elsewhere(task, source)
                for check in ((True, False) if changes(task) and source != README else (False,))
            ],
        }
        for source in SOURCES
    ]


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[dict[str, list[dict[str, t.Any]]]]:
    """Name of a task -> what it said in check mode and in the run."""
    scratch = tmp_path_factory.mktemp("examples")
    with (
        support.registry(users={"deploy": "s3cret"}) as registry,
        support.registry() as mirror,
        support.engine("--registry-mirror", f"http://{mirror}") as address,
    ):
        world = World(address, registry, mirror, scratch)
        (scratch / "play.yml").write_text(json.dumps(playbook(world)))
        (scratch / "callbacks").mkdir()
        (scratch / "callbacks" / "examples.py").write_text(CALLBACK)
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("DOCKER_")},
            "ANSIBLE_CALLBACK_PLUGINS": str(scratch / "callbacks"),
            "ANSIBLE_INJECT_FACT_VARS": "false",
            "ANSIBLE_LOCAL_TEMP": str(scratch / "local"),
            "ANSIBLE_PIPELINING": "true",
            "ANSIBLE_REMOTE_TEMP": str(scratch / "remote"),
            "ANSIBLE_STDOUT_CALLBACK": "examples",
            "DOCKER_CONFIG": str(scratch),
            "DOCKER_HOST": address,
            "EXAMPLES_SAID": str(scratch / "said"),
            "XDG_CACHE_HOME": str(scratch / "cache"),
        }
        program = str(Path(sys.executable).with_name("ansible-playbook"))
        variables = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
        command = [program, "-i", "localhost,", "-e", json.dumps(variables), str(scratch / "play.yml")]
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        assert not done.returncode, done.stdout + done.stderr
        lines: dict[str, list[dict[str, t.Any]]] = {}
        for line in map(json.loads, (scratch / "said").read_text().splitlines()):
            lines.setdefault(line["task"], []).append(line)
        yield lines


def gist(line: dict[str, t.Any]) -> tuple[bool, str]:
    """What is said twice, without ids, which only a run can tell."""
    actions = json.dumps(line["actions"])
    return line["changed"], re.sub(r"\(known after [^)]*\)|\b[0-9a-f]{12}\b", "ID", actions)


@pytest.mark.parametrize("source", SOURCES)
def test_examples(source: str, said: dict[str, list[dict[str, t.Any]]]) -> None:
    for task in tasks(source):
        name = f"{source}: {task['name']}"
        if elsewhere(task, source):
            assert name not in said
            continue
        *checks, run = said[name]
        for line in (*checks, run):
            assert not line["failed"], line
            assert gist(line) == gist(run), name
        if changes(task) and task["name"] not in IDLE:
            assert run["changed"], name


def test_what_is_listed_is_there() -> None:
    names = {(task["name"], source) for source in SOURCES for task in tasks(source)}
    known = {name for name, _source in names} | {f"{name} ({source})" for name, source in names}
    assert (ELSEWHERE.keys() | IDLE) - known == set()
