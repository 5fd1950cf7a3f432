# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules against a real engine behind a real sshd: all that goes through, and what stays behind (nothing)."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import pytest
from ansible_collections.slipway.images.tests.support import engine as support
from ansible_collections.slipway.images.tests.support.module import MODULES, PYTHON, play
from ansible_collections.slipway.images.tests.support.processes import running, wait_for
from ansible_collections.slipway.images.tests.support.sshd import Door, sshd

MEGABYTE = 1 << 20
Play = t.Callable[..., dict[str, t.Any]]
Sleeper = t.Callable[[str], t.ContextManager[tuple[subprocess.Popen[str], t.Callable[[], bool]]]]


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Door]:
    with sshd(tmp_path_factory.mktemp("sshd")) as door:
        yield door


@pytest.fixture
def far(door: Door, docker_host: str) -> t.Iterator[Play]:
    """A module by ssh, from `host` as in `support.sshd`; nothing is left of it."""

    def run(module: str, host: str = "engine", socket: str = docker_host[len("unix://") :], **options: t.Any) -> t.Any:
        return play(module, environment=door.environment, docker_host=f"ssh://{host}{socket}", **options)

    yield run
    assert door.left() == []


@pytest.mark.parametrize("host", ["engine", "beyond", "busy", "root@engine"])
def test_an_engine_elsewhere(far: Play, busybox_image: str, host: str) -> None:
    assert far("image_info", host, name=busybox_image)["image"]["RepoTags"] == [busybox_image]


def test_a_task_is_one_connection(far: Play, door: Door, registry: str, docker_host: str, busybox_image: str) -> None:
    name = f"{registry}/by-ssh"
    support.request(docker_host, "POST", f"/images/{busybox_image}/tag?repo={name}&tag=1")
    before = door.entered()
    assert far("image_push", name=f"{name}:1")["changed"]
    support.request(docker_host, "DELETE", f"/images/{name}:1")
    assert far("image_pull", name=f"{name}:1")["changed"]
    assert not far("image_pull", name=f"{name}:1")["changed"]
    assert far("image_remove", name=f"{name}:1")["changed"]
    assert door.entered() == before + 4


@pytest.mark.parametrize("builder", ["classic", "buildkit"])
def test_a_build(far: Play, door: Door, busybox_image: str, tmp_path: Path, builder: str) -> None:
    """For BuildKit, a session beside the build: connections that are upgraded, closed by halves, and side by side."""
    (tmp_path / "context").mkdir()
    (tmp_path / "context" / "Dockerfile").write_text(f"FROM {busybox_image}\nCOPY big /big\nRUN wc -c /big\n")
    (tmp_path / "context" / "big").write_bytes(os.urandom(8 * MEGABYTE))
    how = {"name": f"by-ssh/{builder}:1", "path": str(tmp_path / "context"), "builder": builder}
    before = door.entered()
    built = far("image_build", **how)
    assert built["changed"], built["msg"]
    assert f"{8 * MEGABYTE} /big" in json.dumps(built["build"]["steps"])
    assert not far("image_build", **how)["changed"]
    assert door.entered() == before + 2


LIGHT = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
"""


def test_a_hundred_megabytes_both_ways(far: Play, door: Door, tmp_path: Path, docker_host: str) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY big /\n")
    (tmp_path / "big").write_bytes(os.urandom(100 * MEGABYTE))
    archive = str(tmp_path / "saved.tar")
    built = far("image_build", name="by-ssh/big:1", path=str(tmp_path), builder="buildkit", dockerfile="Dockerfile")
    assert built["changed"], built["msg"]
    assert far("image_save", names=["by-ssh/big:1"], path=archive)["changed"]
    assert far("image_remove", name="by-ssh/big:1")["changed"]
    address = docker_host.replace("unix://", "ssh://engine")
    options = {"path": archive, "docker_host": address}
    done = subprocess.run(
        [sys.executable, "-c", LIGHT, PYTHON, str(MODULES / "image_load.py")],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": options}),
        env={**os.environ, **door.environment},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["image"]["Id"] == built["image"]["Id"]
    assert int(done.stderr) * 1024 < 60 * MEGABYTE  # of which Python and Ansible are the half


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize("builder", ["classic", "buildkit"])
def test_however_it_ends_nothing_stays(sleeper: Sleeper, door: Door, builder: str, how: int) -> None:
    with sleeper(builder) as (task, sleeps):
        assert sorted(door.processes().values()) == ["sh", "sh", "ssh"]  # one of them looks after us, one after ssh
        task.send_signal(how)
        task.wait(10)
        wait_for(lambda: not door.left() and not sleeps(), 20)


@pytest.mark.parametrize("builder", ["classic", "buildkit"])
def test_a_lost_connection_is_a_failure_in_one_line(sleeper: Sleeper, door: Door, builder: str) -> None:
    with sleeper(builder) as (task, _sleeps):
        for pid, name in door.processes().items():
            if name == "ssh":
                os.kill(pid, signal.SIGTERM)
        said = json.loads(task.communicate(timeout=10)[0])
    assert said["failed"] and said["error"]["kind"] == "transport", said
    assert "\n" not in said["msg"]
    assert door.left() == []


@pytest.fixture
def sleeper(door: Door, docker_host: str, busybox_image: str) -> Sleeper:
    """Builds by ssh and gives, as soon as the build is in a step that never ends, the task and whether that runs."""

    @contextlib.contextmanager
    def build(builder: str) -> t.Iterator[tuple[subprocess.Popen[str], t.Callable[[], bool]]]:
        mark = str(time.monotonic_ns())
        options = {
            "name": "by-ssh/slow:1",
            "dockerfile_inline": f"FROM {busybox_image}\nRUN sleep {mark}\n",
            "builder": builder,
            "docker_host": docker_host.replace("unix://", "ssh://engine"),
        }
        task = subprocess.Popen(
            [PYTHON, str(MODULES / "image_build.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **door.environment},
            text=True,
        )
        with task:
            try:
                stdin, task.stdin = t.cast(t.IO[str], task.stdin), None
                stdin.write(json.dumps({"ANSIBLE_MODULE_ARGS": options}))
                stdin.close()
                wait_for(lambda: running(f"sleep\0{mark}") or task.poll() is not None, 20)
                assert task.poll() is None, t.cast(t.IO[str], task.stdout).read()
                yield task, lambda: running(f"sleep\0{mark}")
            finally:
                task.kill()

    return build


@pytest.mark.parametrize(
    ("host", "says"),
    [
        ("stranger", "Host key verification failed.; the host's key must be in known_hosts"),
        ("changed", "Host key verification failed.; the host's key must be in known_hosts"),
        ("keyless", "Permission denied (publickey).; a key or an agent must do"),
        ("nowhere", "Could not resolve hostname nowhere.invalid"),
        ("closed", "Connection refused"),
        ("restricted", "may this key forward sockets"),
        ("strict", "may this key forward sockets (sshd's AllowStreamLocalForwarding, and authorized_keys)?"),
    ],
)
def test_a_door_that_stays_closed_is_one_line(far: Play, host: str, says: str) -> None:
    said = far("image_info", host, name="app")
    assert said["failed"] and said["error"]["kind"] == "transport"
    assert says in said["msg"] and "\n" not in said["msg"]
    assert said["error"]["said"]


def test_a_socket_that_is_not_there_or_is_dead(far: Play, tmp_path: Path) -> None:
    assert "no socket /no/such.sock" in far("image_info", socket="/no/such.sock", name="app")["msg"]
    dead = tmp_path / "dead.sock"
    subprocess.run([sys.executable, "-c", f"import socket; socket.socket(1).bind({str(dead)!r})"], check=True)
    assert f"sshd does not connect to {dead}" in far("image_info", socket=str(dead), name="app")["msg"]


def test_nobody_is_asked_for_a_password_however_long_it_takes(far: Play, tmp_path: Path) -> None:
    """A host that says nothing at all."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        said = far("image_info", f"engine:{silent.getsockname()[1]}", name="app", timeout=1)
    assert said["error"]["kind"] == "transport.timeout"
    assert "not up within 1 seconds" in said["msg"]


def test_without_ssh(door: Door, docker_host: str, tmp_path: Path) -> None:
    address = docker_host.replace("unix://", "ssh://engine")
    said = play("image_info", environment={"PATH": str(tmp_path)}, docker_host=address, name="app")
    assert said["error"]["kind"] == "requirement"
    assert "needs OpenSSH's client" in said["msg"]
