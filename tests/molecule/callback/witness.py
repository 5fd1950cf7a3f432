# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes down which tasks of a playbook said `changed`: a line of JSON for each playbook, to `SLIPWAY_WITNESS`."""

from __future__ import annotations

import json
import os
import typing as t
from pathlib import Path

from ansible import context
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: witness
type: aggregate
short_description: Writes down which tasks of a playbook changed something
description:
  - For C(tests/molecule/test_roles.py), which compares what check mode foretold with what came true.
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "witness"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_start(self, playbook: t.Any) -> None:
        self.playbook = Path(playbook._file_name).name
        self.changed: list[str] = []

    def v2_runner_on_ok(self, result: t.Any) -> None:
        if result.is_changed():
            self.changed.append(result._task.get_name())

    def v2_playbook_on_stats(self, stats: t.Any) -> None:
        said = {"playbook": self.playbook, "check": context.CLIARGS["check"], "changed": self.changed}
        with open(os.environ["SLIPWAY_WITNESS"], "a", encoding="utf-8") as out:
            out.write(json.dumps(said) + "\n")
