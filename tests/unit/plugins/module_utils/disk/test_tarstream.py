# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import io
import os
import tarfile

import pytest
from ansible_collections.slipway.images.plugins.module_utils.disk import tarstream, tree
from hypothesis import given, settings
from hypothesis import strategies as st

NAME = st.binary(min_size=1, max_size=260).filter(lambda name: b"\0" not in name and not name.endswith(b"/"))


def read(blob: bytes) -> tarfile.TarInfo:
    with tarfile.open(fileobj=io.BytesIO(blob + tarstream.END), errors="surrogateescape") as tar:
        (member,) = tar.getmembers()
    return member


@settings(deadline=None, max_examples=150)
@given(NAME, NAME, st.integers(0, 0o7777), st.integers(-(2**33), 2**40))
def test_a_header_says_what_it_was_told(path: bytes, target: bytes, mode: int, mtime: int) -> None:
    blob = tarstream.header(path, tree.SYMLINK, mode, 0, mtime, target)
    assert len(blob) % 512 == 0
    member = read(blob)
    assert (os.fsencode(member.name), os.fsencode(member.linkname)) == (path, target)
    assert (member.type, member.mode, member.mtime, member.size) == (tree.SYMLINK, mode, mtime, 0)
    assert (member.uid, member.gid, member.uname, member.gname) == (0, 0, "", "")


@pytest.mark.parametrize("size", [0, 1, 8**11 - 1, 8**11, 2**40])
def test_a_size_beyond_eleven_octal_digits(size: int) -> None:
    blob = tarstream.header(b"big", tree.FILE, 0o644, size, 0)
    assert tarfile.TarInfo.frombuf(blob, "utf-8", "strict").size == size


@pytest.mark.parametrize("length", [99, 100, 101])
def test_a_name_of_a_hundred_bytes_needs_no_further_header(length: int) -> None:
    blob = tarstream.header(b"n" * length, tree.FILE, 0o644, 0, 0)
    assert len(blob) == (512 if length <= tarstream.NAME else 3 * 512)
    assert read(blob).name == "n" * length


def test_a_device_has_its_numbers() -> None:
    member = read(tarstream.header(b"null", tree.CHARACTER, 0o666, 0, 0, device=os.makedev(10, 229)))
    assert (member.type, member.devmajor, member.devminor) == (tarfile.CHRTYPE, 10, 229)


@pytest.mark.parametrize(("size", "padded"), [(0, 0), (1, 511), (511, 1), (512, 0), (513, 511)])
def test_padding(size: int, padded: int) -> None:
    assert tarstream.padding(size) == bytes(padded)


@settings(deadline=None)
@given(st.lists(st.sampled_from([b"", b"a", b"bc" * (tree.PIECE // 3), b"d" * tree.PIECE]), max_size=12))
def test_gathering_keeps_the_bytes(pieces: list[bytes]) -> None:
    blocks = list(tarstream.gather(pieces))
    assert b"".join(blocks) == b"".join(pieces)
    assert all(tree.PIECE <= len(block) < 2 * tree.PIECE for block in blocks[:-1])
