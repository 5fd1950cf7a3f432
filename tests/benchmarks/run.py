# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Speed and memory beside the rivals', as one table; fails when a goal is missed.

    python tests/support/engine.py run --registry -- python tests/benchmarks/run.py [NAME...]

It needs a private engine and registry: `make bench` brings them.
"""

from __future__ import annotations

import argparse
import datetime
import importlib
import json
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path

import rival
import table
from setting import Setting

CHECKOUT = Path(__file__).parents[2]
NAMES = (
    "context",
    "buildkit",
    "unchanged",
    "ignore",
    "load",
    "save",
    "pull",
    "push",
    "info",
    "prune",
    "buildlog",
    "startup",
    "fleet",
)


def main() -> int:
    parser = argparse.ArgumentParser(description="Speed and memory beside the rivals'.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; all by default")
    names = parser.parse_args().names or NAMES
    if unknown := set(names) - set(NAMES):
        parser.error(f"there is no {', '.join(unknown)}")
    theirs = rival.fetch(CHECKOUT / ".cache")
    os.environ["ANSIBLE_COLLECTIONS_PATH"] = f"{os.environ['ANSIBLE_COLLECTIONS_PATH']}:{theirs}"
    environment = os.environ
    setting = Setting(environment["DOCKER_HOST"], environment["SLIPWAY_REGISTRY"], Path(environment["SLIPWAY_SCRATCH"]))
    rows: list[table.Row] = []
    for name in names:
        print(f"{name} ...", file=sys.stderr, flush=True)
        rows += importlib.import_module(name).measure(setting)
    print(_conditions(setting, theirs), table.show(rows), sep="\n\n")
    return 0 if all(row.met for row in rows) else 1


def _conditions(setting: Setting, theirs: Path) -> str:
    cpu = next(
        line.partition(": ")[2] for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    )
    engine = json.loads(setting.request("GET", "/version"))["Version"]
    libraries = ", ".join(f"{name} {version(name)}" for name in ("ansible-core", "requests", "urllib3"))
    return (
        f"{datetime.date.today()}, {os.cpu_count()} x {cpu}, load {os.getloadavg()[0]:.1f} at the end, "
        f"Linux {platform.release()}, Python {platform.python_version()}, {libraries}, engine {engine}. "
        f"The rivals: community.docker {rival.version(theirs)}, docker-py {version('docker')}."
    )


if __name__ == "__main__":
    sys.exit(main())
