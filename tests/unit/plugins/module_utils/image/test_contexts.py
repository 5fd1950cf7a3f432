# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError
from ansible_collections.slipway.images.plugins.module_utils.image import contexts

GIVEN = {
    "src": "/srv/src",
    "base": "docker-image://alpine:3.20",
    "git": "https://example.com/x.git#main",
    "ssh": "git@example.com:x.git",
    "alpine:3": "rel/dir",
}


def test_what_they_are() -> None:
    named = contexts.parse(GIVEN)
    assert list(named) == sorted(GIVEN)
    assert contexts.directories(named) == {"src": "/srv/src", "alpine:3": "rel/dir"}
    assert contexts.images(named) == ["alpine:3.20"]
    assert contexts.query(named) == {
        "context:src": "local:src",
        "context:alpine:3": "local:alpine:3",
        "context:base": GIVEN["base"],
        "context:git": GIVEN["git"],
        "context:ssh": GIVEN["ssh"],
    }


@pytest.mark.parametrize(
    "given", [{"": "/x"}, {"context": "/x"}, {"dockerfile": "/x"}, {"a b": "/x"}, {"a": 1}, {"a": ""}]
)
def test_what_they_are_not(given: dict[str, t.Any]) -> None:
    with pytest.raises(UsageError, match="contexts: "):
        contexts.parse(given)
