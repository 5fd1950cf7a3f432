# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role `distribute` on a fleet: three hosts, each with its own engine, reached over ssh, and one registry.

What was done is not told by the role, but by the registry's gate and the engines' own events.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import resource
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import pytest
from ansible_collections.slipway.images.tests.support.engine import request
from ansible_collections.slipway.images.tests.support.fleet import Fleet, fleet

IMAGES, SIZE = 20, 50_000
PLAY = {"hosts": "all", "gather_facts": False, "roles": [{"role": "slipway.images.distribute"}]}
RECAP = re.compile(r"^(\w+) +: ok=(\d+) +changed=(\d+) +unreachable=(\d+) +failed=(\d+)", re.MULTILINE)


class Ended(t.NamedTuple):
    """`changed`: tasks of each host. `lost`: hosts that failed or could not be reached. `wall` and `cpu` in seconds;
    the latter is the control node's, for what a host does is no child of ours."""

    output: str
    changed: dict[str, int]
    lost: set[str]
    wall: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.wall:.1f} s ({self.cpu:.1f} s CPU)"


@pytest.fixture(scope="module")
def ours() -> t.Iterator[Fleet]:
    with fleet(3) as made:
        yield made


@pytest.fixture(scope="module")
def pins(ours: Fleet) -> list[str]:
    return ours.publish(IMAGES, SIZE)


def play(ours: Fleet, pins: list[str], serial: int = 0, **variables: t.Any) -> Ended:
    variables = {"distribute_retries": 0, "distribute_staging": f"{ours.home}/staging", **variables}
    (ours.home / "inventory.json").write_text(json.dumps(ours.inventory(distribute_images=pins, **variables)))
    (ours.home / "play.json").write_text(json.dumps([{**PLAY, "serial": serial}]))
    environment = {
        **os.environ,
        "ANSIBLE_HOME": f"{ours.home}/ansible",
        "ANSIBLE_PIPELINING": "true",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_SSH_ARGS": "-o ControlMaster=auto -o ControlPersist=20s",
        "ANSIBLE_SSH_CONTROL_PATH_DIR": f"{ours.home}/cp",
    }
    ansible = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", f"{ours.home}/inventory.json"]
    begun, before = time.monotonic(), _children()
    done = subprocess.run(
        [*ansible, f"{ours.home}/play.json"],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    wall, cpu = time.monotonic() - begun, _children() - before
    recap = RECAP.findall(done.stdout)
    assert len(recap) == len(ours.hosts), done.stdout[-6000:]
    lost = {name for name, _ok, _changed, unreachable, failed in recap if int(unreachable) + int(failed)}
    assert bool(lost) == bool(done.returncode), done.stdout[-6000:]
    return Ended(done.stdout, {row[0]: int(row[2]) for row in recap}, lost, wall, cpu)


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def names(pins: list[str]) -> set[str]:
    return {pin.partition("@")[0] for pin in pins}


def short(name: str) -> str:
    return name.rpartition("/")[2].partition(":")[0]


def by_digest(ours: Fleet) -> dict[str, set[str]]:
    """Host -> its images (`app07`) by what came from the registry, with a name or without."""
    there = {}
    for host in ours.hosts:
        rows = json.loads(request(host.engine, "GET", "/images/json")[1])
        there[host.name] = {short(digest.partition("@")[0]) for row in rows for digest in row["RepoDigests"] or ()}
    return there


def test_what_breaks_off_goes_on(ours: Fleet, pins: list[str]) -> None:
    gate, (h1, h2, h3) = ours.gate, ours.hosts

    def away(_host: str, path: str) -> None:
        if "/blobs/" in path and sum("/blobs/" in asked for _who, asked in gate.asked) > 2 * IMAGES:
            gate.close()

    gate.watch = away
    first = play(ours, pins, distribute_via="registry")
    assert first.lost == {"h1", "h2", "h3"} and not gate.server, first.output[-4000:]
    assert "of all hosts, h1, h2, h3 do not have them all" in re.sub(r"\s+", " ", first.output)
    there = by_digest(ours)
    came = sum(map(len, there.values()))
    assert 0 < came < 3 * IMAGES, "it went away in the middle"

    def dies(host: str, path: str) -> None:
        if host == "h3" and "/blobs/" in path and sum(who == "h3" for who, _path in gate.asked[mark:]) > 12:
            h3.die()

    gate.watch, mark = dies, len(gate.asked)
    gate.open()
    second = play(ours, pins, distribute_via="registry")
    assert second.lost == {"h3"}, second.output[-4000:]
    for host in ours.hosts:
        assert gate.images_asked_for(host.name, mark) & there[host.name] == set(), "what was there is not asked for"
    assert h1.images().keys() == h2.images().keys() == names(pins)

    gate.watch = lambda host, path: None
    h3.start()
    there, mark = by_digest(ours), len(gate.asked)
    assert len(there["h3"]) < IMAGES
    third = play(ours, pins, distribute_via="registry")
    assert third.lost == set(), third.output[-4000:]
    assert third.changed["h1"] == third.changed["h2"] == 0 < third.changed["h3"]
    assert gate.images_asked_for("h1", mark) == gate.images_asked_for("h2", mark) == set()
    assert gate.images_asked_for("h3", mark) & there["h3"] == set()
    assert h1.images() == h2.images() == h3.images() and len(h1.images()) == IMAGES

    mark = len(gate.asked)
    fourth = play(ours, pins, distribute_via="registry")
    assert sum(fourth.changed.values()) == 0 and not fourth.lost
    assert gate.asked[mark:] == []
    print(first, second, third, fourth, gate.sent, sep=", ")


def test_what_the_registry_does_not_give_goes_by_archive(ours: Fleet, pins: list[str]) -> None:
    """After the test above: all is there."""
    gate, (h1, h2, h3) = ours.gate, ours.hosts
    gate.close()
    wanted = h1.images()
    for host in (h2, h3):
        for name in names(pins):
            assert request(host.engine, "DELETE", f"/images/{name}?force=1")[0] == 200
        assert host.images() == {}
    key = hashlib.sha256(" ".join(pins).encode()).hexdigest()[:16]  # what an interrupted copy left, were it in place
    (h3.home / "archives").mkdir()
    (h3.home / "archives" / f"{key}.tar").write_bytes(b"half of it")
    saves, loads = h1.happened("save"), [h2.happened("load"), h3.happened("load")]
    first = play(ours, pins, serial=1)
    assert first.lost == set(), first.output[-6000:]
    assert h1.images() == h2.images() == h3.images() == wanted
    assert h1.happened("save") - saves == IMAGES, "each was saved once, however many batches"
    assert [h2.happened("load") - loads[0], h3.happened("load") - loads[1]] == [IMAGES, IMAGES]
    assert first.changed["h1"] == 0
    left = [path for path in ours.home.rglob("*.tar") if "/data/" not in str(path)]
    assert left == []
    second = play(ours, pins)
    assert sum(second.changed.values()) == 0 and not second.lost
    print(first, second, sep=", ")
