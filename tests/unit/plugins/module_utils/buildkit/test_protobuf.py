# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.slipway.images.plugins.module_utils.buildkit import protobuf
from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError
from hypothesis import given, settings
from hypothesis import strategies as st

INTS = st.integers(-(1 << 63), (1 << 63) - 1)
FIELDS = st.lists(st.tuples(st.integers(1, 1 << 20), st.one_of(INTS, st.binary(max_size=300))), max_size=5)


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (0, b"\0"),
        (1, b"\1"),
        (127, b"\x7f"),
        (300, b"\xac\x02"),
        (-1, b"\xff" * 9 + b"\1"),
        (1 << 31, b"\x80\x80\x80\x80\x08"),
    ],
)
def test_numbers(value: int, data: bytes) -> None:
    assert protobuf.varint(value) == data


@given(FIELDS)
@settings(max_examples=150, deadline=None)
def test_what_is_written_is_read(sent: list[tuple[int, int | bytes]]) -> None:
    found = [(n, protobuf.number(v) if isinstance(v, int) else v) for n, v in protobuf.fields(protobuf.message(*sent))]
    assert found == [(number, value) for number, value in sent if value]


@pytest.mark.parametrize("data", [b"\x08", b"\x0a\x05abc", b"\x08" + b"\xff" * 11, b"\x0b", b"\x0d\0\0\0", b"\x80"])
def test_what_is_cut_or_wrong(data: bytes) -> None:
    with pytest.raises(FormatError):
        list(protobuf.fields(data))


def test_fields_of_no_use_are_passed_over() -> None:
    assert list(protobuf.fields(b"\x0d\1\2\3\4\x11" + bytes(8) + b"\x08\2")) == [(1, 2)]


@given(st.binary(max_size=100))
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_fields_or_our_error(data: bytes) -> None:
    try:
        list(protobuf.fields(data))
    except FormatError as error:
        assert "engine" in str(error)


def test_a_field_of_the_wrong_kind_is_nothing() -> None:
    assert (protobuf.number(b"x"), protobuf.octets(7), protobuf.text(None)) == (0, b"", "")
    assert protobuf.text(b"a\xff") == "a\udcff"
