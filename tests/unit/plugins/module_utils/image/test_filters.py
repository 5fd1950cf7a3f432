# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError
from ansible_collections.slipway.images.plugins.module_utils.image import filters
from ansible_collections.slipway.images.plugins.module_utils.image.filters import Label

NOW = 1_800_000_000.75
DAY = 1_769_817_600  # 2026-01-31T00:00:00Z

TIMES = {
    "24h": 1_800_000_000 - 86400,
    "1h30m": 1_800_000_000 - 5400,
    "1.5h": 1_800_000_000 - 5400,
    "0s": 1_800_000_000,
    "1500ms": 1_799_999_999,
    "1us2ns": 1_800_000_000,
    "0": 0,
    "24": 24,
    "1769860800": 1_769_860_800,
    "1769860800.999999999": 1_769_860_800,
    "2026-01-31": DAY,
    "2026-01-31Z": DAY,
    "2026-01-31T12": DAY + 43200,
    "2026-01-31T12:30": DAY + 45000,
    "2026-01-31T12:30:01": DAY + 45001,
    "2026-01-31T12:30:01.5": DAY + 45001,
    "2026-01-31 12:30:01": DAY + 45001,
    "2026-01-31T12:30:01Z": DAY + 45001,
    "2026-01-31 12:30:01+00:00": DAY + 45001,
    "2026-01-31T12:30:01+02:00": DAY + 45001 - 7200,
    "2026-01-31T12:30:01.25-05:30": DAY + 45001 + 19800,
    "2026-01-31+02:00": DAY - 7200,
}


@pytest.mark.parametrize("text", TIMES)
def test_until(text: str) -> None:
    assert filters.until(text, NOW) == TIMES[text]


@pytest.mark.parametrize(("text", "moved"), [("2026-01-31", 3600), ("2026-01-31Z", 0), ("2026-01-31+02:00", 0)])
def test_only_a_time_without_zone_moves_with_the_engine(text: str, moved: int) -> None:
    assert filters.until(text, NOW) - filters.until(text, NOW, utc_offset=3600) == moved


@pytest.mark.parametrize(
    "text", ["", "7d", "-24h", "h", "2026-02-30", "2026-01-31T25", "2026-1-31", "yesterday", "24h ", "٢٤h"]
)
def test_until_refuses(text: str) -> None:
    with pytest.raises(UsageError, match="is not a time") as caught:
        filters.until(text, NOW)
    assert caught.value.facts == {"until": text}


LABELS = {
    "key": Label("key"),
    "key=value": Label("key", "value"),
    "key=": Label("key", ""),
    "key=a=b": Label("key", "a=b"),
    "!key": Label("key", None, True),
    "!key=value": Label("key", "value", True),
}


@pytest.mark.parametrize("text", LABELS)
def test_labels(text: str) -> None:
    assert Label.parse(text) == LABELS[text]
    assert str(LABELS[text]) == text


@pytest.mark.parametrize("text", ["", "!", "=value", "!=value"])
def test_a_label_needs_a_key(text: str) -> None:
    with pytest.raises(UsageError, match="is not a label filter"):
        Label.parse(text)


@pytest.mark.parametrize(
    ("labels", "passing"),
    [
        (None, {"!key", "!key=value"}),
        ({}, {"!key", "!key=value"}),
        ({"other": "value"}, {"!key", "!key=value"}),
        ({"key": "value"}, {"key", "key=value"}),
        ({"key": ""}, {"key", "key=", "!key=value"}),
        ({"key": "a=b"}, {"key", "key=a=b", "!key=value"}),
    ],
)
def test_matches(labels: dict[str, str] | None, passing: set[str]) -> None:
    assert {text for text, label in LABELS.items() if label.matches(labels)} == passing


@pytest.mark.parametrize(
    ("texts", "labels", "passing"),
    [
        ([], None, True),
        (["a", "b=1"], {"a": "", "b": "1"}, True),
        (["a", "b=1"], {"a": "", "b": "2"}, False),
        (["!a", "!b"], {}, True),
        (["!a", "!b"], {"b": ""}, False),  # to the engine's own prune, true
    ],
)
def test_passes(texts: list[str], labels: dict[str, str] | None, passing: bool) -> None:
    assert filters.passes(map(Label.parse, texts), labels) is passing
