# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError
from ansible_collections.slipway.images.plugins.module_utils.image import buildcaching


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("a:1", {"Type": "registry", "Attrs": {"ref": "a:1"}}),
        ("type=registry,ref=h:5000/a:1", {"Type": "registry", "Attrs": {"ref": "h:5000/a:1"}}),
        ("type=local,src=/x", {"Type": "local", "Attrs": {"src": "/x"}}),
        ("type=local,src=/x,tag=y", {"Type": "local", "Attrs": {"src": "/x", "tag": "y"}}),
    ],
)
def test_where_it_comes_from(text: str, kind: buildcaching.Kind) -> None:
    assert buildcaching.source(text) == kind


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("inline", {"Type": "inline", "Attrs": {}}),
        ("type=inline", {"Type": "inline", "Attrs": {}}),
        ("h/a:c", {"Type": "registry", "Attrs": {"ref": "h/a:c"}}),
        ("type=local,dest=/x,mode=max", {"Type": "local", "Attrs": {"dest": "/x", "mode": "max"}}),
        ("type=registry,ref=a:c,mode=max", {"Type": "registry", "Attrs": {"ref": "a:c", "mode": "max"}}),
    ],
)
def test_where_it_goes(text: str, kind: buildcaching.Kind) -> None:
    assert buildcaching.kind(text) == kind


@pytest.mark.parametrize("text", ["type=local", "type=local,dest=x", "ref=a", "type=registry,ref", "=", "type=,ref=a"])
def test_what_is_neither(text: str) -> None:
    with pytest.raises(UsageError, match="cache_to"):
        buildcaching.kind(text)


@pytest.mark.parametrize(
    "text", ["type=local", "type=local,src=x", "type=local,src=/x,a=b", "type=registry", "type=gha,ref=x", "a=1,b"]
)
def test_what_engines_cannot_import(text: str) -> None:
    with pytest.raises(UsageError, match="cache_from"):
        buildcaching.source(text)
