# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError
from ansible_collections.slipway.images.plugins.module_utils.image import digest

CONFIG = "sha256:" + "c" * 64


def test_check_gives_a_digest_back() -> None:
    for good in (CONFIG, "(known after push of app:1)", "sha384:" + "0" * 96, "sha512:" + "0" * 128):
        assert digest.check(good) == good


@pytest.mark.parametrize(
    "bad", ["", "sha256", "sha256:", "sha256:0", "sha256:" + "C" * 64, "sha1:" + "0" * 40, CONFIG + "\n"]
)
def test_check_refuses(bad: str) -> None:
    with pytest.raises(UsageError, match="is not a digest") as caught:
        digest.check(bad)
    assert caught.value.facts == {"digest": bad}


def test_short() -> None:
    assert digest.short("sha256:0123456789abcdef") == digest.short("0123456789abcdef") == "0123456789ab"
    assert digest.short("(known after build of app:1)") == "(known after build of app:1)"
