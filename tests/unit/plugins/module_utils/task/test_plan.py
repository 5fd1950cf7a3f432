# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.slipway.images.plugins.module_utils.task.plan import Outcome, Plan

PLAN = Plan({"a:1": "old"}, {"a:1": "new"}, ("act",), {"a:1": {"Id": "new"}}, {"deleted": []}, ("hear",))


def test_foretold() -> None:
    assert PLAN.foretold() == Outcome({"a:1": "new"}, ("act",), {"a:1": {"Id": "new"}}, {"deleted": []})


def test_untouched_is_as_before() -> None:
    assert PLAN.untouched() == Outcome({"a:1": "old"})


def test_plans_are_values() -> None:
    assert Plan({}, {}) == Plan({}, {}, (), {}, {}, (), None)
