# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.slipway.images.plugins.module_utils.registry.challenge import Challenge, parse
from hypothesis import given, settings
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("header", "challenges"),
    [
        ("", ()),
        ('Basic realm="Registry"', (Challenge("basic", {"realm": "Registry"}),)),
        ("BASIC", (Challenge("basic"),)),
        (
            'Bearer realm="https://a.example/token",service="a.example",scope="repository:x/y:pull,push"',
            (
                Challenge(
                    "bearer",
                    {"realm": "https://a.example/token", "service": "a.example", "scope": "repository:x/y:pull,push"},
                ),
            ),
        ),
        # RFC 9110's own example: two challenges in one header, a scheme without parameters between.
        (
            'Basic realm="simple", Negotiate, Newauth realm=apps , type=1, title="Login to \\"apps\\""',
            (
                Challenge("basic", {"realm": "simple"}),
                Challenge("negotiate"),
                Challenge("newauth", {"realm": "apps", "type": "1", "title": 'Login to "apps"'}),
            ),
        ),
        ('Bearer Realm="x" , scope="" ', (Challenge("bearer", {"realm": "x", "scope": ""}),)),
        ('Bearer realm="never closed', (Challenge("bearer"),)),
        ("=", ()),
    ],
)
def test_challenges(header: str, challenges: tuple[Challenge, ...]) -> None:
    assert parse(header) == challenges


WORDS = st.text("abcdefgh-", min_size=1, max_size=5)
QUOTED = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=8)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(WORDS, st.dictionaries(WORDS, QUOTED, min_size=1, max_size=3)), max_size=3))
def test_what_is_written_is_read(challenges: list[tuple[str, dict[str, str]]]) -> None:
    def quote(value: str) -> str:
        return '"%s"' % value.replace("\\", "\\\\").replace('"', '\\"')

    header = ", ".join(
        "%s %s" % (scheme, ", ".join("%s=%s" % (name, quote(value)) for name, value in parameters.items()))
        for scheme, parameters in challenges
    )
    assert parse(header) == tuple(Challenge(*challenge) for challenge in challenges)


@settings(max_examples=200, deadline=None)
@given(st.text('abc ="\\,', max_size=40))
def test_nothing_is_too_strange(header: str) -> None:
    parse(header)
