# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How tasks reach an engine: by its socket, or as `SLIPWAY_ENGINE_BY` says (`make matrix`), by TLS or by ssh."""

from __future__ import annotations

import contextlib
import os
import shutil
import typing as t
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.slipway.images.tests.support import engine as support
from ansible_collections.slipway.images.tests.support.sshd import sshd


@dataclass(frozen=True)
class Way:
    """`flags`: what dockerd has to be started with; `host`: socket -> `docker_host`; `environment`: of the tasks."""

    flags: tuple[str, ...] = ()
    host: t.Callable[[str], str] = str
    environment: t.Mapping[str, str] = field(default_factory=dict)


@contextlib.contextmanager
def given(home: Path) -> t.Iterator[Way]:
    """`home` is an empty directory."""
    by = os.environ.get("SLIPWAY_ENGINE_BY")
    if by == "ssh":
        with sshd(home) as door:
            yield Way(host=lambda socket: socket.replace("unix://", "ssh://engine"), environment=door.environment)
    elif by == "TLS":
        cert, key = support.certificate(home)  # its own authority, and the client's as well
        authority, address = shutil.copy(cert, home / "ca.pem"), f"tcp://127.0.0.1:{support.free_port()}"
        files = (f"--tlscacert={authority}", f"--tlscert={cert}", f"--tlskey={key}")
        told = {"DOCKER_CERT_PATH": str(home), "DOCKER_TLS_VERIFY": "1"}
        yield Way((f"--host={address}", "--tlsverify", *files), lambda _socket: address, told)
    else:
        yield Way()
