# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""fsutil's messages, in which directories travel: packets, and what a packet tells of an entry.

From `fsutil/types/*.proto`; see also Go's `os.FileMode`, whose bits for types are not those of `st_mode`.
"""

from __future__ import annotations

import functools
import os
import stat
import typing as t

from ansible_collections.slipway.images.plugins.module_utils.buildkit import protobuf
from ansible_collections.slipway.images.plugins.module_utils.disk import tree
from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError

if t.TYPE_CHECKING:
    from ansible_collections.slipway.images.plugins.module_utils.disk.delivery import Arrival

STAT, REQUEST, DATA, FIN, ERROR = range(5)

_TYPES = {
    tree.DIRECTORY: 1 << 31,
    tree.SYMLINK: 1 << 27,
    tree.BLOCK: 1 << 26,
    tree.CHARACTER: 1 << 26 | 1 << 21,
    tree.FIFO: 1 << 25,
}
_TYPE = 1 << 31 | 1 << 27 | 1 << 26 | 1 << 25 | 1 << 24 | 1 << 21 | 1 << 19
_KINDS = {0: tree.FILE, **{bits: kind for kind, bits in _TYPES.items()}}
_BITS = ((stat.S_ISUID, 1 << 23), (stat.S_ISGID, 1 << 22), (stat.S_ISVTX, 1 << 20))

_DEVICES = (tree.CHARACTER, tree.BLOCK)
# Keys of fields. Entries come by the thousand: what all of them have is written without `protobuf.message`, in half
# the time.
_STAT, _PATH = b"\x12", b"\x0a"
_SIZE, _TIME = b"\x28", b"\x30"

END_OF_LIST = b""
"""A `STAT` without a stat: all of its fields are zero."""


class Packet(t.NamedTuple):
    type: int
    id: int = 0
    data: bytes = b""
    stat: bytes = b""


def packet(type: int, id: int = 0, data: bytes = b"", stat: bytes = b"") -> bytes:
    return protobuf.message((1, type), (2, stat), (3, id), (4, data))


def parse(data: bytes) -> Packet:
    found = protobuf.last(data)
    type, id = protobuf.number(found.get(1)), protobuf.number(found.get(3))
    return Packet(type, id, protobuf.octets(found.get(4)), protobuf.octets(found.get(2)))


def stat_packet(entry: tree.Entry, xattrs: t.Mapping[str, bytes]) -> bytes:
    """An entry with owner 0:0, as Docker sends a context: who happens to build must not decide on cache hits.

    A hard link keeps its size: with 0 the engine would see a change each time, and leave temporary files behind.
    """
    path, kind, facts, target = entry
    name, size, time = os.fsencode(path), 0 if kind == tree.DIRECTORY else facts.st_size, facts.st_mtime_ns
    said = b"".join(
        (
            _PATH,
            protobuf.varint(len(name)),
            name,
            _mode(facts.st_mode, kind),
            _SIZE + protobuf.varint(size) if size else b"",
            _TIME + protobuf.varint(time) if time else b"",
            _more(entry, xattrs) if target or xattrs or kind in _DEVICES else b"",
        )
    )
    return _STAT + protobuf.varint(len(said)) + said


def _more(entry: tree.Entry, xattrs: t.Mapping[str, bytes]) -> bytes:
    """What few entries have."""
    device = entry.stat.st_rdev if entry.kind in _DEVICES else 0
    return protobuf.message(
        (7, os.fsencode(entry.target)),
        (8, os.major(device)),
        (9, os.minor(device)),
        *((10, protobuf.message((1, os.fsencode(key)), (2, value))) for key, value in xattrs.items()),
    )


@functools.lru_cache(maxsize=64)  # a tree of thousands of entries has a few
def _mode(mode: int, kind: bytes) -> bytes:
    return protobuf.field(2, go_mode(mode, kind))


def go_mode(mode: int, kind: bytes) -> int:
    """`st_mode` and the entry's kind in Go's bits."""
    special = sum(go for bit, go in _BITS if mode & bit)
    return mode & 0o777 | special | _TYPES.get(kind, 0)


def arrival(said: bytes) -> Arrival:
    """The entry of the engine's that a stat tells of. A regular file with a link's target is a hard link."""
    from ansible_collections.slipway.images.plugins.module_utils.disk.delivery import Arrival

    found = protobuf.last(said)
    bits = protobuf.number(found.get(2))
    kind = _KINDS.get(bits & _TYPE)
    path, target = (os.fsdecode(protobuf.octets(found.get(number))) for number in (1, 7))
    if kind is None:
        raise FormatError(f"the engine sent {path!r}, of which nobody knows what it is (mode {bits:o})")
    special = sum(bit for bit, go in _BITS if bits & go)
    attributes = [
        protobuf.last(value) for key, value in protobuf.fields(said) if key == 10 and isinstance(value, bytes)
    ]
    return Arrival(
        path,
        tree.HARDLINK if kind == tree.FILE and target else kind,
        bits & 0o777 | special,
        protobuf.number(found.get(6)),
        target,
        os.makedev(protobuf.number(found.get(8)), protobuf.number(found.get(9))),
        {protobuf.text(each.get(1)): protobuf.octets(each.get(2)) for each in attributes},
    )
