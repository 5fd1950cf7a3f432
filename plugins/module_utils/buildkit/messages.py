# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""fsutil's messages, in which directories travel: packets, and what a packet tells of an entry.

From `fsutil/types/*.proto`; see also Go's `os.FileMode`, whose bits for types are not those of `st_mode`.
"""

from __future__ import annotations

import os
import stat
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.buildkit import protobuf
from ansible_collections.slipway.images.plugins.module_utils.disk import tree

STAT, REQUEST, DATA, FIN, ERROR = range(5)

_TYPES = {
    tree.DIRECTORY: 1 << 31,
    tree.SYMLINK: 1 << 27,
    tree.BLOCK: 1 << 26,
    tree.CHARACTER: 1 << 26 | 1 << 21,
    tree.FIFO: 1 << 25,
}
_BITS = ((stat.S_ISUID, 1 << 23), (stat.S_ISGID, 1 << 22), (stat.S_ISVTX, 1 << 20))

END_OF_LIST = b""
"""A `STAT` without a stat: all of its fields are zero."""


class Packet(t.NamedTuple):
    type: int
    id: int = 0
    data: bytes = b""


def packet(type: int, id: int = 0, data: bytes = b"") -> bytes:
    return protobuf.message((1, type), (3, id), (4, data))


def parse(data: bytes) -> Packet:
    found = protobuf.last(data)
    return Packet(protobuf.number(found.get(1)), protobuf.number(found.get(3)), protobuf.octets(found.get(4)))


def stat_packet(entry: tree.Entry, xattrs: t.Mapping[str, bytes]) -> bytes:
    """An entry with owner 0:0, as Docker sends a context: who happens to build must not decide on cache hits.

    A hard link keeps its size: with 0 the engine would see a change each time, and leave temporary files behind.
    """
    facts = entry.stat
    device = facts.st_rdev if entry.kind in (tree.CHARACTER, tree.BLOCK) else 0
    attributes = [(10, protobuf.message((1, os.fsencode(key)), (2, value))) for key, value in xattrs.items()]
    said = protobuf.message(
        (1, os.fsencode(entry.path)),
        (2, go_mode(entry)),
        (5, 0 if entry.kind == tree.DIRECTORY else facts.st_size),
        (6, facts.st_mtime_ns),
        (7, os.fsencode(entry.target)),
        (8, os.major(device)),
        (9, os.minor(device)),
        *attributes,
    )
    return protobuf.field(2, said)


def go_mode(entry: tree.Entry) -> int:
    mode = entry.stat.st_mode
    special = sum(go for bit, go in _BITS if mode & bit)
    return mode & 0o777 | special | _TYPES.get(entry.kind, 0)
