# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plays every scenario (`roles/ROLE/molecule/SCENARIO`) with molecule, on an engine and a registry of the tests' own.

Besides what molecule asks itself (a second converge changes nothing, `verify` agrees) the law of the modules holds for
the roles: check mode foretells each task that will change something, and afterwards none.

Scenarios find in their environment: `DOCKER_HOST`, `SLIPWAY_REGISTRY` (`host:port`), `SLIPWAY_BASE_IMAGE` (busybox, on
the engine) and `SLIPWAY_SCRATCH` (an empty directory). Processes that they start end with them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import typing as t
from pathlib import Path

import pytest
from ansible_collections.slipway.images.tests.support import engine as support

HERE = Path(__file__).parent
COLLECTION = Path(os.environ["ANSIBLE_COLLECTIONS_PATH"]) / "ansible_collections" / "slipway" / "images"
SCENARIOS = sorted(path.parent.relative_to(COLLECTION) for path in COLLECTION.glob("roles/*/molecule/*/molecule.yml"))
TAIL, WIDTH = 60, 1500  # lines of a failed scenario that are shown, and characters of each


@pytest.fixture(scope="session")
def docker_host() -> t.Iterator[str]:
    with support.engine() as address:
        yield address


@pytest.fixture(scope="session")
def registry() -> t.Iterator[str]:
    with support.registry() as address:
        yield address


@pytest.fixture
def scratch() -> t.Iterator[Path]:
    """Of a short name, for a socket's has less than 108 bytes."""
    with tempfile.TemporaryDirectory(prefix="slipway-", dir="/var/tmp") as directory:
        yield Path(directory)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: f"{path.parts[1]}-{path.name}")
def test_role(scenario: Path, docker_host: str, registry: str, scratch: Path, tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("DOCKER_")},
        "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback"),
        "ANSIBLE_CALLBACKS_ENABLED": "witness",
        "ANSIBLE_LOCAL_TEMP": str(tmp_path / "local"),
        "ANSIBLE_PIPELINING": "true",
        "ANSIBLE_REMOTE_TEMP": str(tmp_path / "remote"),
        "DOCKER_HOST": docker_host,
        "MOLECULE_EPHEMERAL_DIRECTORY": str(tmp_path / "molecule"),
        "NO_COLOR": "1",
        "SLIPWAY_BASE_IMAGE": support.import_base(docker_host),
        "SLIPWAY_REGISTRY": registry,
        "SLIPWAY_SCRATCH": str(scratch),
        "SLIPWAY_WITNESS": str(witness),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    molecule = str(Path(sys.executable).with_name("molecule"))
    done = subprocess.run(
        [*support.ISOLATED, molecule, "--base-config", str(HERE / "base.yml"), "test", "-s", scenario.name],
        cwd=COLLECTION / scenario.parents[1],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        said = done.stdout.partition("\nCRITICAL ")[0]  # behind it there is but the order of events once more
        pytest.fail("\n".join(line[:WIDTH] for line in said.splitlines()[-TAIL:]), pytrace=False)
    told = [json.loads(line) for line in witness.read_text().splitlines()]
    converged = [said for said in told if said["playbook"] == "converge.yml"]
    foretold, came_true, came_again, foretold_again = [set(said["changed"]) for said in converged]
    assert [said["check"] for said in converged] == [True, False, False, True]
    assert foretold == came_true != set(), "check mode foretells what a run does"
    assert came_again == foretold_again == set(), "and then there is nothing left to do"
