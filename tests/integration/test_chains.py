# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chains in check mode: in `ansible-playbook --check` each task says what it would do after those before it.

The law: of one play, run in check mode and then in truth, each task says the same twice, ids aside.
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import tarfile
import typing as t
from pathlib import Path

import pytest
from ansible_collections.slipway.images.tests.support import archives
from ansible_collections.slipway.images.tests.support.engine import request

PLAYS = Path(__file__).parent / "chains"
# Ansible's own output is for people.
CALLBACK = """
import json, os
from ansible.plugins.callback import CallbackBase

class CallbackModule(CallbackBase):
    CALLBACK_VERSION, CALLBACK_TYPE, CALLBACK_NAME = 2.0, "stdout", "lines"

    def say(self, result, failed=False):
        task = getattr(result, "task", None) or result._task
        said = getattr(result, "result", None) or result._result
        keys = ("changed", "actions", "image", "msg", "diff", "digest", "ansible_facts", "_foretold", "invocation")
        line = {key: said[key] for key in keys if key in said}
        line.update(task=task.get_name().rpartition(" : ")[2], failed=failed, item=said.get("item"))
        with open(os.environ["CHAINS_LINES"], "a") as file:
            file.write(json.dumps(line, default=str) + "\\n")

    v2_runner_on_ok = v2_runner_item_on_ok = say

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self.say(result, True)

    v2_runner_item_on_failed = v2_runner_on_failed
"""

Line = dict[str, t.Any]


@pytest.fixture
def play(tmp_path: Path) -> t.Callable[..., list[Line]]:
    """Plays a file, or a list of tasks for the host `one`; gives what each task and item said."""
    (tmp_path / "callbacks").mkdir()
    (tmp_path / "callbacks" / "lines.py").write_text(CALLBACK)

    def play(what: Path | list[dict[str, t.Any]], *flags: str, **variables: str) -> list[Line]:
        lines = tmp_path / "lines"
        lines.write_text("")
        if isinstance(what, list):
            header = {"hosts": "one", "gather_facts": False}
            where = {"group/slipway.images.slipway": {"docker_host": variables["chains_docker_host"]}}
            tasks = [{"name": str(number), **task} for number, task in enumerate(what)]
            what = tmp_path / "play.yml"
            what.write_text(json.dumps([{**header, "module_defaults": where, "tasks": tasks}]))
        variables = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, **variables}
        (tmp_path / "variables.json").write_text(json.dumps(variables))
        playbook = str(Path(sys.executable).with_name("ansible-playbook"))
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("DOCKER_")},
            "ANSIBLE_CALLBACK_PLUGINS": str(tmp_path / "callbacks"),
            "ANSIBLE_CACHE_PLUGIN": "jsonfile",
            "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(tmp_path / "facts"),
            "ANSIBLE_INJECT_FACT_VARS": "false",
            "ANSIBLE_LOCAL_TEMP": str(tmp_path / "local"),
            "ANSIBLE_REMOTE_TEMP": str(tmp_path / "remote"),
            "ANSIBLE_STDOUT_CALLBACK": "lines",
            "CHAINS_LINES": str(lines),
            "XDG_CACHE_HOME": str(tmp_path / "cache"),
        }
        command = [playbook, "-i", "one,two,", "-e", f"@{tmp_path}/variables.json", str(what), *flags]
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        said = [json.loads(line) for line in lines.read_text().splitlines()]
        assert said and not done.returncode, done.stdout + done.stderr + str(said[-1:])
        return said

    return play


def gist(line: Line) -> Line:
    """What a task said, without what only a run can tell: ids, sizes, and how many images a build makes on its way."""
    text = json.dumps({key: line.get(key) for key in ("task", "item", "changed", "failed", "actions")})
    text = re.sub(r" and \d+ that it was built on", "", text)
    text = re.sub(r"\([\d.]+k?B\)", "(SIZE)", text)
    return t.cast(Line, json.loads(re.sub(r"\(known after [^)]*\)|\b[0-9a-f]{12}\b", "ID", text)))


@pytest.fixture
def material(tmp_path: Path) -> dict[str, str]:
    """What images are made of."""
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text("FROM scratch\nCOPY a /a\n")
    (context / "a").write_text("a")
    (tmp_path / "loaded.tar").write_bytes(archives.tar(archives.legacy(archives.Image(("chains/loaded:1",)))))
    with tarfile.open(tmp_path / "rootfs.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo("etc"), io.BytesIO())
    paths = {"context": "context", "archive": "loaded.tar", "rootfs": "rootfs.tar", "scratch": ""}
    return {"chains_" + name: str(tmp_path / path) for name, path in paths.items()}


def test_a_life_of_images(
    fresh_engine: t.Callable[..., str],
    registry: str,
    play: t.Callable[..., list[Line]],
    material: dict[str, str],
    tmp_path: Path,
) -> None:
    docker_host = fresh_engine()
    variables = {"chains_docker_host": docker_host, "chains_registry": registry, **material}
    foretold = play(PLAYS / "play.yml", "--check", **variables)
    _status, images = request(docker_host, "GET", "/images/json?all=1")
    assert json.loads(images) == []
    done = play(PLAYS / "play.yml", **variables)
    for said, did in zip(foretold, done):
        assert gist(said) == gist(did), said
    assert len(foretold) == len(done)
    assert not any("(known after" in json.dumps(line) for line in done)
    # The hidden argument stays hidden, and nothing of all this is left anywhere.
    assert not any("_foretold" in json.dumps(line) for line in foretold)
    assert "(known after" not in "".join(file.read_text() for file in (tmp_path / "facts").iterdir())
    assert list((tmp_path / "local").iterdir()) == []


def told(lines: t.Iterable[Line]) -> list[t.Any]:
    """`changed`, or the message of a failure."""
    return [line["msg"] if line["failed"] else line["changed"] for line in lines]


@pytest.fixture
def here(docker_host: str, busybox_image: str) -> dict[str, str]:
    return {"chains_docker_host": docker_host, "chains_base": busybox_image}


def tag(name: str, target: str, **words: t.Any) -> dict[str, t.Any]:
    return {"slipway.images.image_tag": {"name": name, "targets": [target]}, "ignore_errors": True, **words}


MISSED = "chains/%s is not on the engine"


def test_a_typo_is_still_one(play: t.Callable[..., list[Line]], here: dict[str, str]) -> None:
    tasks = [tag("{{ chains_base }}", "chains/b:1"), tag("chains/c:1", "chains/d:1"), tag("chains/b:1", "chains/d:1")]
    assert told(play(tasks, "--check", **here)) == [True, MISSED % "c:1", True]


def test_a_run_knows_nothing_of_the_one_before(play: t.Callable[..., list[Line]], here: dict[str, str]) -> None:
    """Not by a fact cache, either."""
    assert told(play([tag("{{ chains_base }}", "chains/b:1")], "--check", **here)) == [True]
    assert told(play([tag("chains/b:1", "chains/c:1")], "--check", **here)) == [MISSED % "b:1"]


def test_a_task_in_check_mode_in_a_run_is_alone(play: t.Callable[..., list[Line]], here: dict[str, str]) -> None:
    tasks = [tag("{{ chains_base }}", "chains/b:1"), tag("chains/b:1", "chains/c:1")]
    assert told(play([{**task, "check_mode": True} for task in tasks], **here)) == [True, MISSED % "b:1"]


def test_each_host_has_a_world_of_its_own(play: t.Callable[..., list[Line]], here: dict[str, str]) -> None:
    there = {"delegate_to": "two"}
    tasks = [
        tag("{{ chains_base }}", "chains/b:1", **there),
        tag("chains/b:1", "chains/c:1"),
        tag("chains/b:1", "chains/c:1", **there),
        tag("chains/c:1", "chains/b:1", **there),
    ]
    assert told(play(tasks, "--check", **here)) == [True, MISSED % "b:1", True, False]


def test_what_really_ran_in_between(play: t.Callable[..., list[Line]], here: dict[str, str]) -> None:
    """It sees what is there, and what it did to a name counts from then on."""
    really = {"check_mode": False}
    tasks = [
        tag("{{ chains_base }}", "chains/b:1"),
        tag("chains/b:1", "chains/r:1", **really),
        tag("{{ chains_base }}", "chains/r:1", **really),
        tag("chains/b:1", "chains/r:1"),
        {"slipway.images.image_remove": {"name": ["chains/r:1", "chains/b:1"]}},
        {"slipway.images.image_remove": {"name": ["chains/r:1"]}, **really},
        tag("{{ chains_base }}", "chains/r:1", **really),
        {"slipway.images.image_remove": {"name": ["chains/r:1", "chains/b:1"]}},
        {"slipway.images.image_remove": {"name": ["chains/r:1"]}, **really},
    ]
    said = told(play(tasks, "--check", **here))
    assert said == [True, MISSED % "b:1", True, False, True, True, True, True, True]
