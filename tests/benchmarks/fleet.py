# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""50 hosts, over local connections and 20 at a time, that ask one engine: what our tasks add to a play of pings.

What Ansible itself takes for a task is in all three plays alike. The CPU is that of the control node and of the hosts.
"""

from __future__ import annotations

import json
import os
import sys
import typing as t
from pathlib import Path

import meter
import table
from setting import Setting

HOSTS, FORKS, ROUNDS = 50, 20, 2
PING = [{"ansible.builtin.ping": {}}] * 2


def measure(setting: Setting) -> t.Iterator[table.Row]:
    name = setting.image("bench/fleet", 1000)
    ours = [
        {"slipway.images.image_info": {"name": name}},
        {"slipway.images.image_pull": {"name": name, "pull": "missing"}},
    ]
    theirs = [
        {"community.docker.docker_image_info": {"name": name}},
        {"community.docker.docker_image_pull": {"name": name, "pull": "not_present"}},
    ]
    home = setting.directory("fleet")
    plays = {"ping": PING, "ours": ours, "theirs": theirs}
    costs: dict[str, list[meter.Cost]] = {who: [] for who in plays}
    for _round in range(ROUNDS):
        for who, tasks in plays.items():
            costs[who].append(_play(setting, home, who, tasks))
    ping, mine, other = (meter.median(costs[who]) for who in plays)
    what = f"what 2 tasks add to ping on {HOSTS} hosts, each"
    yield table.at_most(f"{what}: CPU", 0.6, (mine.cpu - ping.cpu) / HOSTS, (other.cpu - ping.cpu) / HOSTS, "s")
    yield table.remark("  wall", (mine.wall - ping.wall) / HOSTS, (other.wall - ping.wall) / HOSTS, "s")
    yield table.remark("  all of it: wall", mine.wall, other.wall, "s")
    setting.request("DELETE", f"/images/{name}")


def _play(setting: Setting, home: Path, who: str, tasks: t.Sequence[t.Mapping[str, t.Any]]) -> meter.Cost:
    """Fails when a task did, or changed something."""
    play = {"hosts": "all", "gather_facts": False, "tasks": list(tasks)}
    (home / f"{who}.json").write_text(json.dumps([play]))
    variables = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    hosts = {f"host{number:02}": {} for number in range(HOSTS)}
    (home / "inventory.json").write_text(json.dumps({"all": {"hosts": hosts, "vars": variables}}))
    environment = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
        "PYTHONPYCACHEPREFIX": str(home / "pycache"),  # a control node compiles its plugins once
        "ANSIBLE_HOME": str(home / "ansible"),
        "ANSIBLE_PIPELINING": "true",
        "ANSIBLE_REMOTE_TMP": str(home / "remote"),
        "DOCKER_HOST": setting.engine,
    }
    ansible = str(Path(sys.executable).with_name("ansible-playbook"))
    command = [ansible, "-i", str(home / "inventory.json"), "-f", str(FORKS), str(home / f"{who}.json")]
    cost, said = meter.run(command, environment)
    if said.count("changed=0 ") != HOSTS or said.count("failed=0 ") != HOSTS:
        raise RuntimeError(f"{who}: not all {HOSTS} hosts were ok:\n{said[-2000:]}")
    return cost
