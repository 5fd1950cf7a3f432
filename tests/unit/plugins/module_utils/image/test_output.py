# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from unittest import mock

import pytest
from ansible_collections.slipway.images.plugins.module_utils.image import output
from ansible_collections.slipway.images.plugins.module_utils.image.output import Secrets, Tail, clip, drawn
from hypothesis import example, given, settings
from hypothesis import strategies as st

NOTHING = Secrets([])


def tail(pieces, limit=100, secrets=NOTHING):
    kept = Tail(limit, secrets)
    for piece in pieces:
        kept.feed(piece)
    return kept.lines()


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("plain", "plain"),
        ("caf\u00e9 \ufffd", "caf\u00e9 \ufffd"),
        ("a\tb", "a\tb"),
        ("crlf\r", "crlf"),
        ("10%\r20%\r100%", "100%"),
        ("10%\r\x1b[K", "10%"),
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b(Bx\x1b=y\x1bMz", "xyz"),
        ("\x1b[?25lhidden", "hidden"),
        ("a\x00b\x07c\x1b", "abc"),
        ("\ud800x", "\ufffdx"),
    ],
)
def test_drawn(line, shown):
    assert drawn(line) == shown


@pytest.mark.parametrize(
    ("text", "limit", "lines", "truncated"),
    [
        ("", 5, (), 0),
        ("a", 5, ("a",), 0),
        ("a\n", 5, ("a",), 0),
        ("a\n\x1b[0m", 5, ("a",), 0),
        ("a\n\nb", 5, ("a", "", "b"), 0),
        ("a\nb\nc\n", 2, ("b", "c"), 1),
        ("a\nb\nc", 2, ("b", "c"), 1),
        ("a\nb\nc\n", 0, (), 3),
        ("x" * 2001, 5, ("x" * 1999 + "…",), 0),
        ("x" * 2000, 5, ("x" * 2000,), 0),
    ],
)
def test_the_last_lines_are_kept_and_the_others_counted(text, limit, lines, truncated):
    assert tail([text], limit) == (lines, truncated)


def test_memory_is_bounded_without_a_single_newline():
    kept = Tail(10, NOTHING)
    for _turn in range(100):
        kept.feed("x" * 10_000)
    assert len(kept._begun) + kept._size < 1 << 17
    assert kept.lines() == (("x" * 1999 + "…",), 0)


@pytest.mark.parametrize(
    ("values", "text", "hidden"),
    [
        ([], "a", "a"),
        ([""], "a", "a"),
        (["abc", "abcdef"], "abcdef abc", "*** ***"),
        (["a.c"], "abc a.c", "abc ***"),
        (["BEGIN\nkey1\n{\nEND.\n"], "key1 { END. BEGIN", "*** { *** ***"),
    ],
)
def test_secrets_are_hidden(values, text, hidden):
    assert Secrets(values).hide(text) == hidden


def test_a_secret_is_hidden_however_it_is_cut_and_clipped():
    line = "x" * 1998 + "s3cret"
    for cut in range(len(line)):
        (shown,), _dropped = tail([line[:cut], line[cut:]], secrets=Secrets(["s3cret"]))
        assert shown == "x" * 1998 + "*…"


def test_clip():
    assert [clip("abc", n) for n in (4, 3, 2)] == ["abc", "abc", "a…"]


PIECES = st.lists(
    st.sampled_from([*"\n\n\r\r\x1b[]m0;\x07\\x", "\x1b[31m", "\x1b[", "\x1b]0;", "abcdefghij", "s3cret", "s3c", "ret"])
)


@given(PIECES, st.lists(st.integers(0, 300)), st.integers(0, 3))
@example(["s3cret"] * 30 + ["\n"], list(range(0, 300, 7)), 3)
@example(["abcdefghij"] * 3 + ["s3c", "ret", "\r", "\x1b[31", "mx"], list(range(100)), 3)
@settings(max_examples=200, deadline=None)
def test_however_it_is_cut_the_lines_are_the_same(pieces, cuts, limit):
    text, secrets = "".join(pieces), Secrets(["s3cret"])
    edges = [0, *sorted(cut for cut in cuts if cut < len(text)), len(text)]
    with mock.patch.object(output, "LINE", 12):
        whole = tail([text], limit, secrets)
        with mock.patch.object(output, "_BATCH", 5):
            assert tail([text[a:b] for a, b in zip(edges, edges[1:])], limit, secrets) == whole
