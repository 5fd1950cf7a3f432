# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which branches of which floor the unit and integration tests take, together: one table.

    branches.py             run them all, then the table
    branches.py PYTEST...   run `pytest PYTEST...` instead
    branches.py --again     the table of the last run

What is measured is configured in `pyproject.toml`. Modules run in processes of their own, most from a zip archive that
Ansible made: coverage's .pth file starts it in each that finds `COVERAGE_PROCESS_START` and runs this interpreter.
What runs elsewhere (`become_user`, other Pythons) is not seen, and need not be: it is the same code.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import typing as t
from pathlib import Path

import coverage

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / ".cache/coverage"
FLOORS = ROOT / "plugins/module_utils"
HELD, LEAST = ("image", "wire", "grpc", "disk", "buildkit"), 0.95  # these floors to this share of their branches
SUITES = (["-n2", "tests/unit"], ["-n2", "--dist=loadgroup", "tests/integration"])


class Room(t.NamedTuple):
    path: str  # below the checkout
    branches: int
    missing: list[list[int]]  # from line, to line (negative: out of the function that begins there)


def measure(suites: t.Iterable[list[str]]) -> bool:
    """Whether all tests passed."""
    shutil.rmtree(DATA, ignore_errors=True)
    DATA.mkdir(parents=True)
    measured = {"COVERAGE_PROCESS_START": str(ROOT / "pyproject.toml"), "COVERAGE_FILE": str(DATA / "data")}
    command = [sys.executable, "-m", "pytest"]
    environment = {**os.environ, **measured}
    codes = [subprocess.run(command + suite, cwd=ROOT, env=environment, check=False).returncode for suite in suites]
    return not any(codes)


def combine() -> list[Room]:
    os.chdir(ROOT)  # what paths in the data are relative to
    report = coverage.Coverage(data_file=str(DATA / "data"), config_file="pyproject.toml", messages=False)
    if list(DATA.glob("data.*")):
        report.combine([str(DATA)])
    report.load()
    held = [str(path) for floor in HELD for path in (FLOORS / floor).glob("*.py")]
    if not report.get_data():
        sys.exit("nothing was measured: all that ran was interrupted, or ran no code of ours")
    report.get_data().touch_files(held)  # what nobody imports counts as well
    report.json_report(outfile=str(DATA / "report.json"))
    files = json.loads((DATA / "report.json").read_text())["files"]
    return [Room(name, room["summary"]["num_branches"], room["missing_branches"]) for name, room in files.items()]


def show(rooms: t.Iterable[Room]) -> list[str]:
    """The table; gives the floors that have less than they should."""
    floors: dict[str, list[Room]] = {}
    for room in rooms:
        floors.setdefault(str(Path(room.path).parent.relative_to("plugins")), []).append(room)
    short = []
    print("\n%-24s %9s %9s %8s" % ("floor", "branches", "not taken", "taken"))
    for floor, inside in floors.items():
        branches, missing = sum(room.branches for room in inside), sum(len(room.missing) for room in inside)
        taken = 1 - missing / branches if branches else 1.0
        held = Path(floor).name in HELD and floor.startswith("module_utils/")
        verdict = "" if not held else "ok" if taken >= LEAST else "below %.0f %%" % (100 * LEAST)
        print("%-24s %9d %9d %6.1f %% %s" % (floor, branches, missing, 100 * taken, verdict))
        short += [floor] if verdict.startswith("below") else []
    return short


def tell(rooms: t.Iterable[Room]) -> None:
    """Each branch of the held floors that no test takes."""
    for path, _branches, missing in rooms:
        if missing and Path(path).parent.name in HELD:
            print("%s: %s" % (path, ", ".join("%d->%s" % (line, to if to > 0 else "exit") for line, to in missing)))


def main(arguments: list[str]) -> int:
    good = arguments == ["--again"] or measure([arguments] if arguments else SUITES)
    rooms = combine()
    tell(rooms)
    short = show(rooms)
    return 0 if good and not short else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
