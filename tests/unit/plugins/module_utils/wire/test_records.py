# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import typing as t

import pytest
from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError, StreamError
from ansible_collections.slipway.images.plugins.module_utils.wire import records
from ansible_collections.slipway.images.plugins.module_utils.wire.records import decode
from hypothesis import given, settings
from hypothesis import strategies as st


def drain(blocks: t.Iterable[bytes]) -> tuple[list[t.Any], type[Exception] | None]:
    """All that comes, and the kind of error that ends it."""
    taken: list[t.Any] = []
    try:
        for record in decode(blocks):
            taken.append(record)
    except (FormatError, StreamError) as exc:
        return taken, type(exc)
    return taken, None


A, B = {"stream": 'é€😀 "}{" \\ \n'}, {"aux": {"ID": "sha256:0", "n": [1, {}, None]}}
LINE_A, LINE_B = (json.dumps(r, ensure_ascii=False).encode() for r in (A, B))

STREAMS = {
    "lines": (LINE_A + b"\n" + LINE_B + b"\n", [A, B], None),
    "crlf": (LINE_A + b"\r\n" + LINE_B + b"\r\n", [A, B], None),
    "no last newline": (LINE_A + b"\r\n" + LINE_B, [A, B], None),
    "concatenated": (LINE_A + LINE_B + LINE_A, [A, B, A], None),
    "concatenated, then lines": (LINE_A + LINE_B + b"\n" + LINE_A + b"\n", [A, B, A], None),
    "keep-alives": (b"\n\r\n  " + LINE_A + b"\n\n\n" + LINE_B + b"\n \n", [A, B], None),
    "nothing": (b"", [], None),
    "blank": (b" \r\n\n", [], None),
    "pretty-printed": (json.dumps(B, indent=1).encode() + json.dumps(A, indent="\t").encode(), [B, A], None),
    "not utf-8": (b'{"stream":"\xff\xe2\x82"}\n', [{"stream": "��"}], None),
    "tail": (LINE_A + b"\n" + LINE_B[:-1], [A], StreamError),
    "tail in a character": (LINE_A + b'{"a":"\xe2\x82', [A], StreamError),
    "half a character": (LINE_A + b"\xe2\x82", [A], FormatError),
    "tail of lines": (json.dumps(B, indent=1).encode()[:-2], [], StreamError),
    "a list": (LINE_A + b"\n[1]\n" + LINE_B, [A], FormatError),
    "a number": (b"7\n", [], FormatError),
    "null": (LINE_A + b"null", [A], FormatError),
    "html": (b"<html>\n</html>", [], FormatError),
    "a broken line": (LINE_A + b'\n{"a": nope}\n' + LINE_B, [A], FormatError),
    "a raw newline in a string": (b'{"a":"\n"}\n', [], FormatError),
    "an endless integer": (b'{"a":' + b"9" * 5000 + b"}\n", None, None),
}


@pytest.mark.parametrize("name", STREAMS)
def test_cut_at_every_position(name: str) -> None:
    data, expected, error = STREAMS[name]
    if expected is None:  # Python 3.11 began to refuse it
        expected, error = drain([data])  # type: ignore[assignment]
        assert error in (None, FormatError)
        cuts: t.Iterable[int] = (0, 5, 100, len(data) - 1)
    else:
        assert drain([data]) == (expected, error)
        assert drain(data[i : i + 1] for i in range(len(data))) == (expected, error)
        cuts = range(len(data) + 1)
    for cut in cuts:
        assert drain([data[:cut], data[cut:]]) == (expected, error), cut
        assert drain([data[:cut], b"", data[cut : cut + 1], data[cut + 1 :]]) == (expected, error), cut


@pytest.mark.parametrize("indent", [None, 2])
def test_a_record_without_its_end_is_never_called_foreign(indent: int | None) -> None:
    """Wherever the bytes end, the error is that they ended; in all versions of the parser."""
    text = json.dumps({"a": [1.5e3, True, None, {"b": "\\u00e9 \u20ac"}], "": {}, "c": [], "d": -1}, indent=indent)
    for cut in range(1, len(text)):
        assert drain([text[:cut].encode()]) == ([], StreamError), text[:cut]
        assert drain([text[:cut].encode() + b"\n"])[0] == [], text[:cut]


TEXT = st.text('ab{}[]",:\\\n\r é€😀', max_size=6)
VALUES = st.recursive(TEXT | st.integers() | st.none(), lambda v: st.lists(v) | st.dictionaries(TEXT, v), max_leaves=4)
RECORDS = st.dictionaries(TEXT, VALUES, max_size=3)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(RECORDS, st.sampled_from(["", "\n", "\r\n", "\n\n"]), st.sampled_from([None, 1]))),
    st.lists(st.integers(1, 40)),
)
def test_what_was_encoded_is_decoded(written: list[t.Any], sizes: list[int]) -> None:
    data = "".join(json.dumps(r, ensure_ascii=False, indent=i) + end for r, end, i in written).encode()
    blocks = []
    for size in sizes:
        blocks.append(data[:size])
        data = data[size:]
    assert list(decode([*blocks, data])) == [record for record, _line, _end in written]


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
@pytest.mark.parametrize("size", [1, 7, 64])
def test_a_record_is_given_before_the_next_block_is_asked_for(size: int, end: bytes) -> None:
    asked: list[int] = []
    data = (LINE_A + end) * 3

    def blocks() -> t.Iterator[bytes]:
        for start in range(0, len(data), size):
            asked.append(min(start + size, len(data)))
            yield data[start : start + size]

    for number, _record in enumerate(decode(blocks()), start=1):
        last_byte = number * len(LINE_A) + (number - 1) * len(end)
        assert asked[-1] - size < last_byte + len(end)


def test_a_long_record_in_small_blocks_is_not_tried_at_each(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []
    take = records._take

    def counted(text: str) -> t.Any:
        tried.append(len(text))
        return take(text)

    monkeypatch.setattr(records, "_take", counted)
    long: dict[str, t.Any] = {"a": [{"b": {}}] * 100_000}
    for data in (json.dumps(long).encode(), json.dumps(long, indent=1).encode()):
        tried.clear()
        blocks = [data[i : i + 4096] for i in range(0, len(data), 4096)]
        assert list(decode(blocks)) == [long]
        assert sum(n for n in tried if n >= records.EAGER) <= 4 * len(data)


def test_a_record_may_not_grow_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "LIMIT", 1000)
    assert drain([b'{"a":"', *[b"x" * 100] * 50]) == ([], FormatError)
    assert drain([b'{"a":"' + b"x" * 500 + b'"}\n'] * 50)[1] is None


def test_nesting_without_end_is_refused() -> None:
    assert drain([b'{"a":' + b"[" * 200_000 + b"\n"]) == ([], FormatError)
