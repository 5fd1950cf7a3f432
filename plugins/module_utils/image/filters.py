# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What users write to choose images by age and label, with the meaning that the engine gives it."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from ansible_collections.slipway.images.plugins.module_utils.errors import UsageError

_SECONDS = {"h": 3600, "m": 60, "s": 1, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9}
_AMOUNT = r"([0-9]+\.?[0-9]*|\.[0-9]+)(h|ms|m|s|us|µs|μs|ns)"
_DURATION = re.compile("(?:%s)+" % _AMOUNT)
_UNIX_TIME = re.compile(r"([0-9]{1,12})(?:\.[0-9]+)?")
_MOMENT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[T ]([0-9]{2})(?::([0-9]{2})(?::([0-9]{2})(?:\.[0-9]+)?)?)?)?"
    r"(?:([Zz])|([+-])([0-9]{2}):([0-9]{2}))?"
)


def until(text: str, now: float, utc_offset: int = 0) -> int:
    """The Unix second that `text` means; what was created after it stays.

    A Go duration (`24h`, `1h30m`) counts back from `now`; then there are dates and times, with a zone or without, and
    Unix times. An engine reads a time without a zone in the zone of its own machine, with the offset of this moment
    also for a day in another season: `utc_offset` is that, in seconds east of UTC. To be of one mind with the engine,
    send it this second and not the text. Fractions of a second are dropped. A space may stand for the `T`, because
    that is what an unquoted time in YAML becomes. `UsageError` for anything else.
    """
    if _DURATION.fullmatch(text):
        return int(now - sum(float(amount) * _SECONDS[unit] for amount, unit in re.findall(_AMOUNT, text)))
    unix_time = _UNIX_TIME.fullmatch(text)
    if unix_time:
        return int(unix_time.group(1))
    moment = _MOMENT.fullmatch(text)
    if not moment:
        raise _bad_time(text, "write a duration such as 24h or 1h30m, a date such as 2026-01-31, or a Unix time")
    *numbers, utc, sign, hours, minutes = moment.groups()
    offset = 0 if utc else utc_offset
    if sign:
        offset = (int(hours) * 3600 + int(minutes) * 60) * (-1 if sign == "-" else 1)
    year, month, day, hour, minute, second = (int(number or 0) for number in numbers)
    try:
        zone = timezone(timedelta(seconds=offset))
        return int(datetime(year, month, day, hour, minute, second, tzinfo=zone).timestamp())
    except ValueError as error:
        raise _bad_time(text, "there is no such time (%s)" % error) from error


@dataclass(frozen=True)
class Label:
    """`key`, `key=value`, or either with `!` before it. `value` is `None` when any will do."""

    key: str
    value: str | None = None
    negated: bool = False

    @classmethod
    def parse(cls, text: str) -> Label:
        """`UsageError` when there is no key."""
        key, equals, value = text.removeprefix("!").partition("=")
        if not key:
            raise UsageError("%r is not a label filter: write key, key=value, !key or !key=value" % text, label=text)
        return cls(key, value if equals else None, text.startswith("!"))

    def __str__(self) -> str:
        return "!" * self.negated + self.key + ("" if self.value is None else "=%s" % self.value)

    def matches(self, labels: t.Mapping[str, str] | None) -> bool:
        """Do these labels of an image (`Config.Labels`, `null` when it has none) pass?"""
        there = self.key in (labels or {}) and (self.value is None or (labels or {})[self.key] == self.value)
        return there is not self.negated


def passes(filters: t.Iterable[Label], labels: t.Mapping[str, str] | None) -> bool:
    """Do the labels of an image pass all filters?

    With two negated filters or more an engine's prune means something else: `!a` and `!b` spare, there, only what has
    both labels, where here (and to the reader) they spare what has either.
    """
    return all(label.matches(labels) for label in filters)


def _bad_time(text: str, reason: str) -> UsageError:
    return UsageError("%r is not a time: %s" % (text, reason), until=text)
