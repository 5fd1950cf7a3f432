# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError
from ansible_collections.slipway.images.plugins.module_utils.image.pattern import Pattern
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference

DIGEST = "@sha256:" + "d" * 64


@pytest.mark.parametrize(
    ("text", "name", "covers", "matches"),
    [
        ("shop/app", "shop/app:1", True, True),
        ("shop/*", "shop/app:1", True, True),
        ("shop/*", "shop/a/b:1", True, True),
        ("shop/*", "other/app:1", False, False),
        ("app", "shop/app:1", False, False),
        ("*", "shop/app" + DIGEST, True, True),
        ("*:stable", "shop/app:stable", False, True),
        ("*:stable", "shop/app:stable-1", False, False),
        ("shop/app:1.?", "shop/app:1.2", False, True),
        ("shop/app:[ab]", "shop/app:b", False, True),
        ("shop/app@sha256:d*", "shop/app" + DIGEST, False, True),
        ("localhost:*", "localhost:5000/app:1", True, True),
        ("localhost:5000/*", "localhost:5000/app:1", True, True),
        ("SHOP/*", "shop/app:1", False, False),
        # Docker Hub's names, in each spelling that says so.
        ("busybox", "docker.io/library/busybox:1", True, True),
        ("docker.io/library/*", "busybox:1", True, True),
        ("docker.io/busybox:1", "busybox:1", False, True),
        ("docker.io/*", "bitnami/redis:7", True, True),
        ("library/*", "busybox:1", True, True),
        ("library/*", "bitnami/redis:7", False, False),
        ("library/*", "quay.io/library/x:7", False, False),
        ("docker.io/*", "quay.io/x:7", False, False),
        ("*/*", "busybox:1", False, False),
    ],
)
def test_matches(text: str, name: str, covers: bool, matches: bool) -> None:
    pattern, reference = Pattern(text), Reference.parse(name)
    assert (pattern.covers(reference), pattern.matches(reference)) == (covers, matches)


@pytest.mark.parametrize(
    "text", ["*", "**", "shop/*", "*/app", "shop/app-?", "[a-z]*", "app.*", "localhost:*", "h:5000/x"]
)
def test_repositories(text: str) -> None:
    assert Pattern.of_repositories(text, "repositories") == Pattern.of_names(text, "protect") == Pattern(text)
    assert str(Pattern(text)) == text


@pytest.mark.parametrize("text", ["*:stable", "shop/app:1", "shop/app:v*", "*@sha256:12*", "*:*", "shop/app:[0-9]*"])
def test_names_have_tags_and_repositories_have_none(text: str) -> None:
    assert Pattern.of_names(text, "protect") == Pattern(text)
    with pytest.raises(UsageError, match="in repositories can match nothing: a repository has neither tag nor digest"):
        Pattern.of_repositories(text, "repositories")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("@sha256:12*", "empty"),
        ("Shop/*", "lower-case"),
        ("shop/ *", "white space"),
        ("https://h/*", "leave out https://"),
        ("/shop/*", "each part"),
        ("shop/*/", "each part"),
        ("shop//*", "each part"),
        ("shop/-*", "each part"),
        ("*:", "tag after ':' is empty"),
        ("sha256:" + "a" * 64, "image id"),
    ],
)
def test_what_can_match_nothing(text: str, reason: str) -> None:
    for parse, option in ((Pattern.of_names, "protect"), (Pattern.of_repositories, "repositories")):
        with pytest.raises(UsageError, match=reason) as caught:
            parse(text, option)
        assert str(caught.value).startswith("%r in %s can match nothing: " % (text, option))
        assert "\n" not in str(caught.value)
        assert caught.value.facts == {"option": option, "pattern": text}
