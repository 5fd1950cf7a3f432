# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plays every target (`targets/NAME/tasks/main.yml`) against a private engine and registry.

Targets are laid out for `ansible-test integration` and find, as variables: `slipway_docker_host`, `slipway_registry`
(`host:port`), `slipway_auth_registry` with `slipway_auth_username` and `slipway_auth_password`, `slipway_base_image`
(busybox, on the engine), `slipway_api` (the newest that the engine speaks), `slipway_store` (`graph` or `containerd`,
where it keeps images), `slipway_scratch` (an empty directory) and `slipway_web` (the URL at which that is served).
`DOCKER_HOST` is set as well, to another way to the same engine where `SLIPWAY_ENGINE_BY` (`make matrix`) has one. A
target that needs an engine for itself has a file `aliases` with the line `slipway/fresh`.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import typing as t
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from ansible_collections.slipway.images.tests.support import engine as support
from ansible_collections.slipway.images.tests.support import ways
from ansible_collections.slipway.images.tests.support.module import PYTHON
from ansible_collections.slipway.images.tests.support.ways import Way

TARGETS = Path(__file__).parent / "targets"
NAMES = sorted(path.parts[-3] for path in TARGETS.glob("*/tasks/main.yml") if not path.parts[-3].startswith("setup_"))
TAIL, WIDTH = 60, 1500  # lines of a failed play that are shown, and characters of each


@pytest.fixture
def web(tmp_path: Path) -> t.Iterator[str]:
    """The URL of a web server over the scratch directory."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_what: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def way(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Way]:
    with contextlib.ExitStack() as stack:
        yield stack.enter_context(ways.given(tmp_path_factory.mktemp("way")))


def store(docker_host: str) -> str:
    _status, said = support.request(docker_host, "GET", "/info")
    return "containerd" if b"io.containerd.snapshotter" in said else "graph"


@pytest.fixture
def variables(
    request: pytest.FixtureRequest, target: str, registry: str, auth_registry: t.Any, tmp_path: Path, web: str, way: Way
) -> dict[str, str]:
    if way.flags or "slipway/fresh" in (TARGETS / target / "aliases").read_text().split():
        docker_host = request.getfixturevalue("fresh_engine")("--experimental", *way.flags)
    else:
        docker_host = request.getfixturevalue("docker_host")
    return {
        "ansible_connection": "local",
        "ansible_python_interpreter": PYTHON,
        "slipway_api": json.loads(support.request(docker_host, "GET", "/version")[1])["ApiVersion"],
        "slipway_auth_password": auth_registry.password,
        "slipway_auth_registry": auth_registry.address,
        "slipway_auth_username": auth_registry.username,
        "slipway_base_image": support.import_base(docker_host),
        "slipway_docker_host": docker_host,
        "slipway_registry": registry,
        "slipway_scratch": str(tmp_path),
        "slipway_store": store(docker_host),
        "slipway_web": web,
    }


@pytest.mark.parametrize("target", NAMES)
def test_target(target: str, variables: dict[str, str], way: Way, tmp_path_factory: pytest.TempPathFactory) -> None:
    home = tmp_path_factory.mktemp("play")
    (home / "variables.json").write_text(json.dumps(variables))
    (home / "play.yml").write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "roles": [target]}]))
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("DOCKER_")},
        "ANSIBLE_ROLES_PATH": str(TARGETS),
        "ANSIBLE_INJECT_FACT_VARS": "false",  # with them, setup_quartet's templated args would draw a warning
        "ANSIBLE_LOCAL_TEMP": str(home / "local"),
        "ANSIBLE_REMOTE_TEMP": str(home / "remote"),
        "ANSIBLE_RETRY_FILES_ENABLED": "false",
        "DOCKER_HOST": way.host(variables["slipway_docker_host"]),
        "XDG_CACHE_HOME": str(home / "cache"),
        **way.environment,
    }
    playbook = str(Path(sys.executable).with_name("ansible-playbook"))
    command = [playbook, "-i", "localhost,", "-e", f"@{home}/variables.json", f"{home}/play.yml"]
    done = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.fail("\n".join(line[:WIDTH] for line in (done.stdout + done.stderr).splitlines()[-TAIL:]), pytrace=False)
