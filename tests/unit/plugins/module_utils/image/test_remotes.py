# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.slipway.images.plugins.module_utils.image.dockerfile import Dockerfile
from ansible_collections.slipway.images.plugins.module_utils.image.remotes import unpinned

COMMIT = "0123456789" * 4


@pytest.mark.parametrize(
    ("line", "fetches"),
    [
        ("ADD https://example.com/a.tar /", True),
        ("add --chmod=755 http://example.com/a /a", True),
        ('ADD ["https://example.com/a b", "/"]', True),
        ("ADD here https://example.com/a /", True),
        ("ADD git@example.com:a/b.git#main /", True),
        ("ADD https://example.com/a/b.git#v1:sub /", True),
        ("ADD https://example.com/a/b.git#%s:sub /" % COMMIT, False),
        ("ADD git@example.com:a/b.git#%s /" % COMMIT, False),
        ("ADD --checksum=sha256:%s https://example.com/a /" % ("0" * 64), False),
        ("ADD $GIVEN /", True),
        ("ADD ${BASE}/a /", True),
        ("ADD $HERE $UNKNOWN /", False),
        ("ADD a https://example.com/", False),  # where to
        ("ADD <<END /a\nADD https://example.com/a /\nEND", False),
        ("RUN wget https://example.com/a", False),  # no builder looks there again
        ("COPY https /", False),
    ],
)
def test_what_an_add_fetches(line: str, fetches: bool) -> None:
    head = 'FROM scratch\nARG GIVEN=a HERE=b\nENV HOST=example.com BASE="http://$HOST"\n'
    given = {"GIVEN": "https://example.com/a", "BASE": "no matter"}
    assert unpinned(Dockerfile.parse(head + line), given, {}) == (("line 4 of the Dockerfile",) if fetches else ())


def test_stages_beyond_the_target_do_not_count() -> None:
    dockerfile = Dockerfile.parse("FROM scratch AS one\nCOPY a /\nFROM one\nADD https://example.com/a /\n")
    assert unpinned(dockerfile, {}, {}) == ("line 4 of the Dockerfile",)
    assert unpinned(dockerfile, {}, {}, "one") == ()


def test_contexts() -> None:
    named = {
        "tools": "https://example.com/tools.git#v2",
        "pinned": "https://example.com/tools.git#" + COMMIT,
        "base": "docker-image://busybox",
        "here": "/srv",
    }
    assert unpinned(Dockerfile.parse("FROM scratch"), {}, named) == ("context tools",)
