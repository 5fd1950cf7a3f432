# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The versions of Ansible and Python that the collection is held to: `make versions`, all cells or those of `CELLS`.

A further version is one line more in `CONTROLLERS` or `TARGETS`. Each has a virtual environment of its own in
`.cache/versions`, in which the same tests run that `make test` runs in another; what an index offers today counts.
"""

from __future__ import annotations

import fnmatch
import functools
import os
import re
import shutil
import subprocess
import sys
import time
import typing as t
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.slipway.images.tests.support import roots

CHECKOUT = Path(__file__).resolve().parents[2]
CACHE = CHECKOUT / ".cache" / "versions"
NEEDED = ("requests", "h2", "zstandard", "pytest", "pytest-xdist", "hypothesis")  # of tests/requirements.txt
PLAYED = tuple(
    f"tests/integration/test_{name}.py" for name in ("targets", "connect_engine", "ssh_engine", "ansible_modes")
)
PYTEST = ("python", "-m", "pytest", "-n", "2", "--dist", "loadgroup", "-p", "no:cacheprovider")
JOBS = {
    "sanity": ("tests/support/sanity.sh",),
    "units": (*PYTEST, "tests/unit"),
    "modes": (*PYTEST, "tests/integration/test_ansible_modes.py"),
}
# Where a target has its libraries from. Without `zstandard`, the program `zstd` reads archives.
LIBRARIES = {
    "EL 9": ("requests==2.25.1", "urllib3==1.26.5", "h2==4.1.0"),
    "Debian 12": ("requests==2.28.1", "urllib3==1.26.12", "h2==4.1.0"),
    "PyPI": ("requests", "urllib3", "h2", "zstandard"),
    "sid": ("python3", "python3-requests", "python3-h2"),  # Debian's unstable release, by apt
}

HAD = "import sys, importlib.metadata as m; print(*(' '.join((n, m.version(n))) for n in sys.argv[1:]), sep=', ')"


class Controller(t.NamedTuple):
    core: str
    python: str


class Target(t.NamedTuple):
    """What a target runs, and which ansible-core sends it modules."""

    python: str
    libraries: str
    core: str = "2.19"


CONTROLLERS = (
    Controller("2.17", "3.11"),
    Controller("2.18", "3.11"),
    Controller("2.19", "3.11"),
    Controller("2.20", "3.12"),
    Controller("2.20", "3.13"),
    Controller("2.21", "3.12"),
    Controller("2.21", "3.13"),
)
TARGETS = (
    Target("3.9", "EL 9"),
    Target("3.9", "PyPI", core="2.17"),
    Target("3.10", "EL 9"),
    Target("3.10", "PyPI"),
    Target("3.11", "Debian 12"),
    Target("3.11", "PyPI"),
    Target("3.12", "PyPI"),
    Target("3.13", "PyPI"),
    Target("3.14", "sid", core="2.21"),
)


@dataclass(frozen=True)
class Cell:
    name: str
    controller: Controller
    command: tuple[str, ...]
    target: Target | None = None


class Outcome(t.NamedTuple):
    verdict: str  # passed, failed, cannot be had
    seconds: float
    said: str


def cells() -> list[Cell]:
    held = [Cell(f"{c.core}-py{c.python}-{job}", c, does) for c in CONTROLLERS for job, does in JOBS.items()]
    senders = {controller.core: controller for controller in CONTROLLERS}
    for target in TARGETS:
        held.append(Cell(name_of(target), senders[target.core], (*PYTEST, *PLAYED), target))
    return held


def name_of(target: Target) -> str:
    return f"py{target.python}-{target.libraries.replace(' ', '').lower()}"


def interpreter(version: str) -> Path:
    """A Python that this machine has: pyenv's, else the one on `PATH`."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    found = [*sorted(map(str, pyenv.glob(f"versions/{version}.*/bin/python")), reverse=True), f"python{version}"]
    for python in filter(None, map(shutil.which, found)):
        # pyenv's shims are on PATH, too: they answer if that version is active.
        if not subprocess.run([python, "-c", "import venv, ssl"], capture_output=True, check=False).returncode:
            return Path(python)
    raise roots.Unavailable(f"there is no Python {version} here (pyenv install {version})")


@functools.cache
def environment(name: str, version: str, needs: tuple[str, ...]) -> Path:
    """The Python of a virtual environment of this name, which has the newest of what it needs."""
    python = CACHE / name / "bin" / "python"
    if not python.exists():
        _said(str(interpreter(version)), "-m", "venv", str(CACHE / name))
    _said(str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--upgrade", *needs)
    return python


def controller_python(controller: Controller) -> Path:
    lines = (CHECKOUT / "tests" / "requirements.txt").read_text().splitlines()
    needs = [line.replace(" ", "") for line in lines if line.partition(" ")[0] in NEEDED]
    name = f"{controller.core}-py{controller.python}"
    return environment(name, controller.python, (f"ansible-core~={controller.core}.0", *needs))


def target_python(target: Target) -> Path:
    if target.libraries == "sid":
        return of_sid(target.python)
    return environment(name_of(target), target.python, LIBRARIES[target.libraries])


def of_sid(version: str) -> Path:
    """A Python of Debian's unstable release that runs here, among our files, by the libraries that it was made for."""
    root = roots.make("sid")
    python = root / "usr" / "bin" / f"python{version}"
    apt = ("chroot", str(root), "apt-get", "-q", "-y", "--no-install-recommends", "install", *LIBRARIES["sid"])
    _said(*apt, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
    if not python.exists():
        raise roots.Unavailable(f"neither pyenv nor sid has a Python {version}")
    here = python.with_name(f"here-{python.name}")  # beside it, for from its own place a Python finds its library
    loader, libraries = next(root.glob("lib64/ld-linux*")), f"{root}/usr/lib/{os.uname().machine}-linux-gnu"
    here.write_text(f'#!/bin/sh\nexec {loader} --argv0 "$0" --library-path {libraries} {python} "$@"\n')
    here.chmod(0o755)
    return here


def run(cell: Cell) -> Outcome:
    begun = time.monotonic()
    log = CACHE / "log" / cell.name
    log.parent.mkdir(parents=True, exist_ok=True)
    try:
        surrounded = surroundings(cell)
    except roots.Unavailable as unavailable:
        return Outcome("cannot be had", time.monotonic() - begun, str(unavailable))
    with log.open("w") as out:
        done = subprocess.run(cell.command, cwd=CHECKOUT, env=surrounded, stdout=out, stderr=out, check=False)
    said = log.read_text(errors="replace")
    total = re.findall(r"^=* ?(\d+ (?:passed|failed|error).*) in [\d.]+s", said, re.M)
    summary = [*total[-1:], had(cell, surrounded)]
    if done.returncode:
        wrong = re.findall(r"^(?:FAILED|ERROR)[: ].*", said, re.M) or said.splitlines()[-1:] or ["no word"]
        summary.append(f"{wrong[0][:200]} ({log.relative_to(CHECKOUT)})")
    return Outcome("failed" if done.returncode else "passed", time.monotonic() - begun, "; ".join(summary))


def had(cell: Cell, surrounded: t.Mapping[str, str]) -> str:
    """The versions to which the cell's came today: those of the side that it is about."""
    python = surrounded.get("SLIPWAY_TARGET_PYTHON") or controller_python(cell.controller)
    packages = ("requests", "urllib3", "h2") if cell.target else ("ansible-core",)
    return _said(str(python), "-c", HAD, *packages).strip()


def surroundings(cell: Cell) -> dict[str, str]:
    python = controller_python(cell.controller)
    found = {**os.environ, "PATH": f"{python.parent}:{os.environ['PATH']}"}
    if cell.target:
        # A module that a test starts by itself, without a controller, needs from Ansible what would travel with it.
        travels = python.parents[1] / "travels" / "ansible"
        if not travels.is_symlink():
            travels.parent.mkdir(exist_ok=True)
            [package] = python.parents[1].glob("lib/python*/site-packages/ansible")
            travels.symlink_to(package)
        found["SLIPWAY_TARGET_PYTHON"] = str(target_python(cell.target))
        found["PYTHONPATH"] = f"{os.environ['PYTHONPATH']}:{travels.parent}"
    return found


def main() -> int:
    wanted = os.environ.get("CELLS", "").split() or ["*"]
    chosen = [cell for cell in cells() if any(fnmatch.fnmatch(cell.name, pattern) for pattern in wanted)]
    outcomes = {}
    for cell in chosen:
        print(f"{cell.name} ...", file=sys.stderr, flush=True)
        outcomes[cell.name] = outcome = run(cell)
        print(f"{cell.name}: {outcome.verdict} in {outcome.seconds:.0f} s", file=sys.stderr, flush=True)
    width = max(map(len, outcomes), default=0)
    for name, (verdict, seconds, said) in outcomes.items():
        print(f"{name:{width}}  {verdict:13}  {seconds:4.0f} s  {said}")
    verdicts = [outcome.verdict for outcome in outcomes.values()]
    print(", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in ("passed", "failed", "cannot be had")))
    return int("failed" in verdicts or not verdicts)


def _said(*command: str, env: t.Mapping[str, str] | None = None) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    if done.returncode:
        raise roots.Unavailable(f"`{' '.join(command[:6])}` failed: {done.stderr.strip().splitlines()[-1:]}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
