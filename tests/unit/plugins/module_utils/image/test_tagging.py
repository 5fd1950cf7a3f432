# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference
from ansible_collections.slipway.images.plugins.module_utils.image.tagging import Tag

ID = "sha256:1d34ffeaf190" + "0" * 52


@pytest.mark.parametrize(
    ("why", "said"),
    [("", "tag 1d34ffeaf190 as app:1"), ("which is here already", "tag 1d34ffeaf190, which is here already, as app:1")],
)
def test_a_sentence(why: str, said: str) -> None:
    assert str(Tag(ID, Reference.parse("docker.io/library/app:1"), why)) == said
