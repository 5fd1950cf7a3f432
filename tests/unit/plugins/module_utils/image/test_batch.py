# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.slipway.images.plugins.module_utils.errors import Denied, NotFound, UsageError
from ansible_collections.slipway.images.plugins.module_utils.image import batch
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference

DIGEST = "sha256:" + "0" * 64


def test_what_names_mean() -> None:
    names = ["app", "app:1", "app@" + DIGEST, "app"]
    read = batch.references(names, "2", all_tags=False)
    assert {text: str(one) for text, one in read.items()} == {"app": "app:2", "app:1": "app:1", names[2]: names[2]}


def test_repositories() -> None:
    assert batch.references(["host:5000/app"], "latest", all_tags=True) == {
        "host:5000/app": Reference.parse("host:5000/app")
    }
    for text in ("app:1", "app@" + DIGEST):
        with pytest.raises(UsageError, match="all_tags is for a repository: leave out what follows its name in app"):
            batch.references([text], "latest", all_tags=True)


def test_one_registry() -> None:
    batch.check_one_registry([])
    batch.check_one_registry(map(Reference.parse, ("a.example/x", "a.example/y")))
    with pytest.raises(UsageError, match=r"of 2 \(a.example, docker.io\): use a task for each"):
        batch.check_one_registry(map(Reference.parse, ("a.example/x", "y", "z")))


def test_failures_are_one_error_of_the_first_kind() -> None:
    gone, denied = NotFound("no such", status=404), Denied("not you")
    assert batch.gathered({}, 3, "failed") is None
    assert batch.gathered({"a": gone}, 1, "failed") is gone
    error = batch.gathered({"a": gone, "b": denied}, 3, "did not come")
    assert isinstance(error, NotFound)
    assert str(error) == "2 of 3 images did not come: a (no such); b (not you)"
    assert error.facts == {"failed": {"a": "no such", "b": "not you"}}
