# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`containerd.services.content.v1.Content`: directories of ours in which BuildKit keeps a cache, or finds one.

A blob comes as a row of requests on one stream, each with an answer: STAT, which opens it, WRITEs, and COMMIT.
"""

from __future__ import annotations

import typing as t

from ansible_collections.slipway.images.plugins.module_utils.buildkit import protobuf
from ansible_collections.slipway.images.plugins.module_utils.disk.blobstore import Blob, BlobStore
from ansible_collections.slipway.images.plugins.module_utils.grpc.call import Call, Handler
from ansible_collections.slipway.images.plugins.module_utils.grpc.status import (
    ALREADY_EXISTS,
    FAILED_PRECONDITION,
    INTERNAL,
    NOT_FOUND,
    Status,
)

SERVICE, STORE = "/containerd.services.content.v1.Content/", "buildkit-attachable-store-id"
STAT, WRITE, COMMIT = range(3)


def service(stores: t.Mapping[str, BlobStore]) -> dict[str, Handler]:
    """`stores` by the ids that the engine has for them: `local:DIRECTORY`."""

    def opened(call: Call) -> tuple[BlobStore, dict[int, protobuf.Value]]:
        id = "".join(call.values(STORE)[:1])
        request = call.receive()
        if id not in stores or request is None:
            raise Status(NOT_FOUND, f"no cache {id!r} here")
        return stores[id], protobuf.last(request)

    def info(call: Call) -> None:
        store, asked = opened(call)
        digest = protobuf.text(asked.get(1))
        said = protobuf.message((1, digest.encode()), (2, _size(store, digest)))
        call.send(protobuf.field(1, said))

    def read(call: Call) -> None:
        store, asked = opened(call)
        digest, at = protobuf.text(asked.get(1)), protobuf.number(asked.get(2))
        size = protobuf.number(asked.get(3)) or _size(store, digest)
        for piece in store.pieces(digest, at, size):
            call.send(protobuf.message((1, at), (2, piece)))
            at += len(piece)

    def write(call: Call) -> None:
        store, asked = opened(call)
        with store.blob() as blob:
            while _written(call, store, blob, asked):
                request = call.receive()
                if request is None:
                    return
                asked = protobuf.last(request)

    def status(call: Call) -> None:
        """Of a blob that is half there: none ever is."""
        opened(call)
        raise Status(NOT_FOUND, "no such write")

    def update(call: Call) -> None:
        opened(call)
        raise Status(FAILED_PRECONDITION, "blobs have no labels here")

    def nothing(call: Call) -> None:
        opened(call)
        call.send(b"")

    methods = {"Info": info, "Read": read, "Write": write, "Status": status, "Update": update}
    methods.update(dict.fromkeys(("Abort", "ListStatuses"), nothing))
    return {SERVICE + name: handler for name, handler in methods.items()}


def _size(store: BlobStore, digest: str) -> int:
    size = store.size(digest)
    if size is None:
        raise Status(NOT_FOUND, f"content {digest}: not found")
    return size


def _written(call: Call, store: BlobStore, blob: Blob, asked: dict[int, protobuf.Value]) -> bool:
    """Does one request, and answers it. False after the last one."""
    action, total = protobuf.number(asked.get(1)), protobuf.number(asked.get(3))
    expected, data = protobuf.text(asked.get(4)), protobuf.octets(asked.get(6))
    if action == STAT and expected and store.size(expected) is not None:
        raise Status(ALREADY_EXISTS, f"content {expected}: already exists")
    if data:
        if protobuf.number(asked.get(5)) != blob.file.tell():
            raise Status(INTERNAL, "the engine left out a part of a blob")
        blob.file.write(data)
        blob.sha.update(data)
    at, digest = blob.file.tell(), "sha256:" + blob.sha.hexdigest()
    if action == COMMIT:
        if (total and total != at) or (expected and expected != digest):
            raise Status(FAILED_PRECONDITION, f"the engine sent {at} bytes of {digest} for {total} of {expected}")
        store.keep(blob)
    call.send(protobuf.message((1, action), (4, at), (5, total), (6, digest.encode() if action else b"")))
    return action != COMMIT
