# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engines that the collection is held to: `make matrix`, all cells or those that `CELLS` names (`docker-2*`).

A cell is an engine, where it comes from and how it is reached; its tests are those of `make integration` that are about
engines. What does not apply to it is left out by name, with the reason. The tests start their private engines as ever
(`engine.py`), which heeds words from here: `SLIPWAY_ENGINE_INSIDE`, a command that enters another system,
`SLIPWAY_ENGINE_CONFIG`, the content of `daemon.json`, and `SLIPWAY_ENGINE_BY`, how tasks reach it.

`SLIPWAY_DOCKERD` is the path of a dockerd that no Debian has, from elsewhere or built: that of the cells `docker-own`.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shlex
import subprocess
import sys
import time
import typing as t
from dataclasses import dataclass, field
from pathlib import Path

if __name__ == "__main__":  # the rooms beside this one are found by the collection's name
    sys.path.insert(0, str(Path(__file__).parents[2] / ".cache" / "linked"))

from ansible_collections.slipway.images.tests.support import roots

CHECKOUT = Path(__file__).resolve().parents[2]
SUPPORT = CHECKOUT / "tests" / "support"
LOGS = CHECKOUT / ".cache" / "log" / "matrix"
GRAPH, CONTAINERD, OVERLAY = "graph driver", "containerd", "overlay"

Reasons = t.Mapping[str, t.Sequence[str]]
"""Why -> the tests that do not apply for that, as `file::test`."""

ON_DOCKER = ("archive", "beyond", "buildkit", "solve", "inputs", "prune", "removal", "truth")
DOCKER = ("engines::test_life[docker]", "targets", "faults", "chains", *(f"{what}_engine" for what in ON_DOCKER))
PODMAN = ("engines::test_life[podman]", "podman", "faults::test_push_that_is_cut")
PODMANS: Reasons = {"they are about Podman": ["faults::test_push_that_is_cut"]}
GRAPHS: Reasons = {
    **PODMANS,
    "they are about the containerd store": ["removal_engine::test_on_the_containerd_store"],
}
C8D: Reasons = {
    **PODMANS,
    "they are about what graph drivers call an image; `targets` loads and saves archives here": ["archive_engine"],
    "here no image needs another, and no digest outlives its tag": [
        "removal_engine::test_a_child_goes_before_its_parent",
        "prune_engine::test_names_are_also_digests",
    ],
}
C8D_OF_OLD: Reasons = {
    **C8D,
    "BuildKit takes no tar here; `targets` sees to what users meet": [
        "buildkit_engine::test_session_and_tar_give_the_same_image"
    ],
    "what loses its last name goes at once, which a play in check mode does not foresee": [
        "chains::test_a_life_of_images"
    ],
}
TASKS = DOCKER[:2]  # all that tasks do; the rest is known from the same engine's socket
ROOTLESS = DOCKER[:1]  # the others want a network for `RUN`, limits, or a disk of their own


@dataclass(frozen=True)
class Cell:
    name: str
    package: str  # of Debian's
    suite: str = ""  # a release of Debian's; none: what this machine has
    store: str = GRAPH
    by: str = "socket"
    tests: tuple[str, ...] = DOCKER
    own: bool = False  # not the package's: what `SLIPWAY_DOCKERD` names, with all else of the package
    without: Reasons = field(default_factory=dict)


class Outcome(t.NamedTuple):
    verdict: str  # passed, failed, not had
    version: str
    seconds: float
    said: str


CELLS = (
    Cell("docker-20", "docker.io", without=GRAPHS),
    Cell("docker-26", "docker.io", "trixie", without=GRAPHS),
    Cell("docker-26-c8d", "docker.io", "trixie", CONTAINERD, without=C8D_OF_OLD),
    Cell("docker-new", "docker.io", "sid", without=GRAPHS),
    Cell("docker-new-c8d", "docker.io", "sid", CONTAINERD, without=C8D),
    Cell("docker-own", "docker.io", "sid", own=True, without=GRAPHS),
    Cell("docker-own-c8d", "docker.io", "sid", CONTAINERD, own=True, without=C8D),
    # On the machine's network, where the tests' registries are: 26.1 hangs up on `GET /version` there.
    Cell("docker-rootless", "docker.io", "bookworm", by="socket, rootless", tests=ROOTLESS),
    Cell("docker-tls", "docker.io", "sid", CONTAINERD, by="TLS", tests=TASKS),
    Cell("docker-ssh", "docker.io", "sid", CONTAINERD, by="ssh", tests=TASKS),
    Cell("podman-4", "podman", store=OVERLAY, tests=PODMAN),
    Cell("podman-5", "podman", "trixie", OVERLAY, tests=PODMAN),
    Cell("podman-new", "podman", "sid", OVERLAY, tests=PODMAN),
    Cell("podman-rootless", "podman", "trixie", OVERLAY, by="socket, rootless", tests=PODMAN),
)


def run(cell: Cell) -> Outcome:
    begun = time.monotonic()
    log = LOGS / cell.name
    log.parent.mkdir(parents=True, exist_ok=True)
    try:
        surrounded = surroundings(cell)
        root = roots.make(cell.suite) if cell.suite else Path("/")
        version = roots.adopted(root) if cell.own else roots.version(cell.package, root)
    except roots.Unavailable as unavailable:
        return Outcome("not had", "", time.monotonic() - begun, str(unavailable))
    command = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadgroup", "-p", "no:cacheprovider"]
    with log.open("w") as out:
        done = subprocess.run(
            [*command, *arguments(cell)], cwd=CHECKOUT, env=surrounded, stdout=out, stderr=out, check=False
        )
    said = log.read_text(errors="replace")
    total = re.findall(r"^=* ?(\d+ (?:passed|failed|error|skipped).*) in [\d.]+s", said, re.M)
    wrong = re.findall(r"^(?:FAILED|ERROR)[: ].*", said, re.M)
    why = [*total[-1:], *([f"{wrong[0][:200]} ({log.relative_to(CHECKOUT)})"] if wrong else [])]
    bad = done.returncode or not total or "skipped" in total[-1]  # what was not asked for is left out by name
    return Outcome("failed" if bad else "passed", version, time.monotonic() - begun, "; ".join(why))


def surroundings(cell: Cell) -> dict[str, str]:
    """In which a cell's tests find their engines."""
    rootless = ["--rootless"] if "rootless" in cell.by else []
    inside = [str(SUPPORT / "enter.sh"), *rootless, str(roots.make(cell.suite))] if cell.suite else []
    if cell.own:
        inside += ["env", f"PATH={roots.ADOPTED}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
    features = {"features": {"containerd-snapshotter": cell.store == CONTAINERD}}
    return {
        **os.environ,
        "SLIPWAY_ENGINE_BY": cell.by,
        "SLIPWAY_ENGINE_CONFIG": json.dumps(features if cell.suite else {}),
        "SLIPWAY_ENGINE_INSIDE": shlex.join(inside),
    }


def arguments(cell: Cell) -> list[str]:
    """pytest's: what is played, and what is left out."""
    left_out = [name for names in cell.without.values() for name in names]
    return [*map(test, cell.tests), *(f"--deselect={test(name)}" for name in left_out)]


def test(name: str) -> str:
    """`faults::test_push` -> `tests/integration/test_faults.py::test_push`"""
    file, colons, function = name.partition("::")
    return f"tests/integration/test_{file}.py{colons}{function}"


def main() -> int:
    wanted = os.environ.get("CELLS", "").split() or ["*"]
    chosen = [cell for cell in CELLS if any(fnmatch.fnmatch(cell.name, pattern) for pattern in wanted)]
    outcomes = []
    for cell in chosen:
        print(f"{cell.name} ...", file=sys.stderr, flush=True)
        outcome = run(cell)
        outcomes.append((cell, outcome))
        print(f"{cell.name}: {outcome.verdict} in {outcome.seconds:.0f} s", file=sys.stderr, flush=True)
    for cell, (verdict, version, seconds, said) in outcomes:
        engine = f"{cell.package.partition('.')[0]} {version}".strip()
        print(f"{cell.name:16} {engine:16} {cell.store:12} {cell.by:16} {verdict:8} {seconds:5.0f} s  {said}")
        for why, names in cell.without.items():
            print(f"{'':16} left out: {', '.join(names)}: {why}")
    verdicts = [outcome.verdict for _cell, outcome in outcomes]
    print(", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in ("passed", "failed", "not had")))
    return int(set(verdicts) != {"passed"})


if __name__ == "__main__":
    sys.exit(main())
