# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Record what BuildKit says on `POST /grpc` while it builds: python -m …tests.support.record_solve ADDRESS [NAME...]

A fixture is a Dockerfile and the bytes of the engine's side of the connection. Builds of the second kind are of an
engine of that version; they run without a network.
"""

from __future__ import annotations

import contextlib
import sys
import time
import uuid
from pathlib import Path

from ansible_collections.slipway.images.plugins.module_utils.buildkit import frontend, solve, trace
from ansible_collections.slipway.images.plugins.module_utils.buildkit.control import Solve
from ansible_collections.slipway.images.plugins.module_utils.buildkit.offer import Offer
from ansible_collections.slipway.images.plugins.module_utils.disk.tarcontext import LoneDockerfile
from ansible_collections.slipway.images.plugins.module_utils.image.buildlog import BuildLog
from ansible_collections.slipway.images.plugins.module_utils.wire.address import Address
from ansible_collections.slipway.images.plugins.module_utils.wire.stream import Stream
from ansible_collections.slipway.images.plugins.module_utils.wire.transport import Transport
from ansible_collections.slipway.images.plugins.module_utils.wire.upgrade import upgrade
from ansible_collections.slipway.images.tests.support import engine as support

FIXTURES = Path(__file__).resolve().parents[1] / "unit/fixtures/solve"
BUILDS = {
    "ok": "FROM %s\nRUN echo built\n",
    "failing-run": "FROM %s\n\nENV A=1\nRUN true\nRUN echo cc; \\\n  exit 7\n",
    "missing-base": "# nothing there\nFROM 127.0.0.1:1/none:1\nRUN true\n",
    "warnings": "from %s\nMAINTAINER somebody\n",
}


class Recording(Stream):
    """A stream that keeps what came."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.came: list[bytes] = []
        self.send, self.shut, self.close = stream.send, stream.shut, stream.close  # type: ignore[method-assign]

    def receive(self, size: int) -> bytes:
        data = self._stream.receive(size)
        self.came.append(data)
        return data


def record(address: str, dockerfile: str) -> tuple[bytes, BuildLog]:
    offer = Offer.of(LoneDockerfile(dockerfile.encode()), dockerfile=None, inline=False, lookup=lambda host: None)
    query = [*offer.query, ("networkmode", "none"), ("nocache", "1"), ("t", "solve/recorded:1")]
    with contextlib.closing(Transport(Address.parse(address))) as transport:
        stream = Recording(upgrade(transport, "/v1.41/grpc", ()))
        build = Solve(uuid.uuid4().hex, offer.session.id, frontend.attrs(query), (frontend.exporter(query),))
        with offer.session.serve(upgrade(transport, "/v1.41/session", offer.session.headers)):
            log = trace.fold(solve.records(stream, build), dockerfile=None, limit=9, clock=time.monotonic)
    return b"".join(stream.came), log


def main(address: str, *names: str) -> None:
    base = support.import_base(address)
    for name in names or BUILDS:
        dockerfile = BUILDS[name].replace("%s", base)
        data, log = record(address, dockerfile)
        directory = FIXTURES / name
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "Dockerfile").write_text(dockerfile)
        (directory / "stream.h2").write_bytes(data)
        print(f"{name}: {len(data)} bytes; {log.id or log.error}")


if __name__ == "__main__":
    main(*sys.argv[1:])
