# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""reader.py ours|theirs ADDRESS RECORDS: read a build's log; prints the CPU seconds and by how many bytes the peak
memory grew, both above what a short log takes before."""

from __future__ import annotations

import json
import resource
import sys
import time
import typing as t

SHORT = 1000


def ours(address: str) -> t.Callable[[int], str]:
    from ansible_collections.slipway.images.plugins.module_utils.disk.credentials import Credentials
    from ansible_collections.slipway.images.plugins.module_utils.engine import builder
    from ansible_collections.slipway.images.plugins.module_utils.engine.client import greet
    from ansible_collections.slipway.images.plugins.module_utils.image import classiclog
    from ansible_collections.slipway.images.plugins.module_utils.wire.address import Address
    from ansible_collections.slipway.images.plugins.module_utils.wire.transport import Transport

    engine = greet(Transport(Address.parse(address, False)), "auto", lambda: Credentials([]), [])

    def read(count: int) -> str:
        answered = builder.build(engine, [("t", f"log:{count}"), ("remote", "http://localhost/")], "")
        return classiclog.fold(answered, dockerfile=None, limit=50, clock=time.monotonic).id

    return read


def theirs(address: str) -> t.Callable[[int], str]:
    import docker

    client = docker.DockerClient(address)

    def read(count: int) -> str:
        image, _log = client.images.build(path="http://localhost/", tag=f"log:{count}")
        return str(image.id)

    return read


def main(who: str, address: str, count: str) -> None:
    read = {"ours": ours, "theirs": theirs}[who](address)
    read(SHORT)
    before = resource.getrusage(resource.RUSAGE_SELF)
    identity = read(int(count))
    after = resource.getrusage(resource.RUSAGE_SELF)
    if not identity.startswith("sha256:"):
        raise SystemExit("the log was not read to its end")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps([cpu, (after.ru_maxrss - before.ru_maxrss) * 1024]))


if __name__ == "__main__":
    main(*sys.argv[1:])
