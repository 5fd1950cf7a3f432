# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A build through BuildKit's own API, told in the records of `POST /build`, so that `trace.fold` reads both.

What its last record says more: the vertex that failed, the line of its instruction, the exit code.
"""

from __future__ import annotations

import threading
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.buildkit import control
from ansible_collections.slipway.images.plugins.module_utils.buildkit.carriage import Stream, carried
from ansible_collections.slipway.images.plugins.module_utils.buildkit.control import Solve
from ansible_collections.slipway.images.plugins.module_utils.buildkit.refusal import refusal
from ansible_collections.slipway.images.plugins.module_utils.errors import SlipwayError, TransportError
from ansible_collections.slipway.images.plugins.module_utils.grpc.client import Asked, Client
from ansible_collections.slipway.images.plugins.module_utils.grpc.status import Cancelled, Status

GRACE = 3.0  # seconds for the last words on a build that failed; as long as BuildKit's own client gives
ID, CACHE = "containerimage.digest", "cache.manifest"

Record = dict[str, t.Any]


def records(stream: Stream, solve: Solve) -> t.Iterator[Record]:
    """Over `stream`, which is closed afterwards; whoever stops reading cancels the build."""
    client = Client()
    failures: list[SlipwayError] = []
    with carried(client, stream, "control connection", failures.append):
        try:
            yield from _told(client, solve)
        except Cancelled as exc:
            raise (failures or [TransportError("the engine broke off the build")])[0] from exc


def _told(client: Client, solve: Solve) -> t.Iterator[Record]:
    build = client.call(control.SOLVE, solve.message())
    progress = client.call(control.STATUS, control.watch(solve.ref))
    timer = threading.Timer(GRACE, progress.give_up)
    build.at_end(lambda: timer.start() if build.failed else None)
    try:
        yield from _progress(progress)
        yield from _end(build)
    finally:
        build.give_up()  # if need be; from here on nothing begins any more
        timer.cancel()
        if timer.is_alive():
            timer.join()


def _progress(progress: Asked) -> t.Iterator[Record]:
    try:
        for message in progress:
            yield {"id": "moby.buildkit.trace", "aux": message}
    except Status:
        """A build that never began has none; the build's own end says why."""


def _end(build: Asked) -> t.Iterator[Record]:
    try:
        made = control.solved(build.only())
    except Status as status:
        said = str(status) or f"BuildKit refused with the status {status.code}"
        yield {"error": said, "errorDetail": {"message": said, **refusal(status.details)._asdict()}}
    else:
        if CACHE in made:
            yield {"id": CACHE, "aux": made[CACHE]}
        if ID in made:
            yield {"id": "moby.image.id", "aux": {"ID": made[ID]}}
