# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.slipway.images.plugins.module_utils.engine.retry import LONGEST, persistently
from ansible_collections.slipway.images.plugins.module_utils.errors import Denied, SlipwayError, TransportError

PASSING, LASTING = TransportError("connection reset"), Denied("denied", said="denied", status=403)


class Attempts:
    """Fails in these ways, then succeeds."""

    def __init__(self, *errors: SlipwayError) -> None:
        self.errors = list(errors)
        self.pauses: list[float] = []

    def __call__(self) -> str:
        if self.errors:
            raise self.errors.pop(0)
        return "done"

    def run(self, retries: int) -> str:
        return persistently(self, retries, self.pauses.append)


def test_at_once() -> None:
    attempts = Attempts()
    assert (attempts.run(3), attempts.pauses) == ("done", [])


def test_what_passes_is_waited_for_ever_longer() -> None:
    attempts = Attempts(*[PASSING] * 8)
    assert attempts.run(8) == "done"
    assert attempts.pauses == [1, 2, 4, 8, 16, LONGEST, LONGEST, LONGEST]


@pytest.mark.parametrize("retries", [0, 2])
def test_it_gives_up(retries: int) -> None:
    attempts = Attempts(*[PASSING] * 3)
    with pytest.raises(TransportError):
        attempts.run(retries)
    assert len(attempts.pauses) == retries


def test_what_lasts_is_raised_at_once() -> None:
    attempts = Attempts(PASSING, LASTING)
    with pytest.raises(Denied):
        attempts.run(5)
    assert attempts.pauses == [1]


def test_a_bug_is_not_tried_again() -> None:
    def bug() -> t.NoReturn:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        persistently(bug, 5, lambda seconds: pytest.fail("waited"))
