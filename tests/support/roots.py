# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Systems of other Debian releases, for the engines in them: each a directory, made once and kept in `.cache/roots`."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
import typing as t
from pathlib import Path

CACHE = Path(__file__).parents[2] / ".cache" / "roots"
MIRROR = os.environ.get("SLIPWAY_DEBIAN_MIRROR", "http://deb.debian.org/debian")
PACKAGES = ("docker.io", "podman", "runc", "iptables", "netavark", "git", "xz-utils", "rootlesskit", "uidmap")

ADOPTED = "/opt/adopted"


class Unavailable(Exception):
    """This machine cannot have that release; the text says why, in one line."""


def make(suite: str) -> Path:
    """The root of a Debian release (`trixie`, `sid`) with its engines in it: some two minutes and 1.3 GB, once."""
    if os.geteuid() or not shutil.which("debootstrap"):
        raise Unavailable("Debian's %s needs root and debootstrap (Debian: apt-get install debootstrap)" % suite)
    CACHE.mkdir(parents=True, exist_ok=True)
    root = CACHE / suite
    with (CACHE / f"{suite}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not root.exists():
            half = Path(tempfile.mkdtemp(prefix=f"{suite}.", dir=CACHE))
            try:
                _install(suite, half)
                half.rename(root)
            finally:
                shutil.rmtree(half, ignore_errors=True)
    return root


def version(package: str, root: Path = Path("/")) -> str:
    """The upstream version of a package in it, `28.5.2`."""
    said = _said("chroot", str(root), "dpkg-query", "--show", "--showformat=${Version}", package)
    return said.split(":")[-1].split("+")[0].split("-")[0]


def adopted(root: Path) -> str:
    """The version of the dockerd that `SLIPWAY_DOCKERD` names, which is in `ADOPTED` of the root now."""
    program = os.environ.get("SLIPWAY_DOCKERD", "")
    if not os.access(program, os.X_OK):
        raise Unavailable("SLIPWAY_DOCKERD names no dockerd")
    place = Path(f"{root}{ADOPTED}/dockerd")
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(program, place)
    return _said(str(place), "--version").split()[2].rstrip(",")


def _install(suite: str, root: Path) -> None:
    _said("debootstrap", "--variant=minbase", "--include=ca-certificates", suite, str(root), MIRROR)
    for name in ("hosts", "resolv.conf"):
        shutil.copy(f"/etc/{name}", root / "etc" / name)
    policy = root / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")  # packages start no daemon
    policy.chmod(0o755)
    root.chmod(0o755)
    # A mirror may keep an unstable release for longer than that says of itself that it is good.
    (root / "etc/apt/apt.conf.d/99matrix").write_text('Acquire::Check-Valid-Until "false";\n')
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in ("update", "install -y --no-install-recommends", "clean"):
        packages = PACKAGES if words.startswith("install") else ()
        _said("chroot", str(root), "apt-get", "-q", *words.split(), *packages, env=environment)
    _said("chroot", str(root), "useradd", "--create-home", "rootless")  # with ids to hand out: /etc/subuid


def _said(*command: str, env: t.Mapping[str, str] | None = None) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no word").splitlines()[-1]
        raise Unavailable(f"`{' '.join(command[:6])}` failed: {last}")
    return done.stdout
