# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's part of a run in check mode: it carries what one task foretold to the tasks that come after it.

It lies in the directory that Ansible makes for each run, on the controller, and takes away at its end: no fact cache
and no later run can come by it, while tasks of all forks, items of one loop and other plays of the run do. What the
events say is the modules' business (`module_utils/task/chain.py`). Outside of `ansible-playbook --check` nothing of
this happens.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import typing as t
from base64 import b64decode, b64encode
from contextlib import suppress

from ansible import constants, context
from ansible.plugins.action.normal import ActionModule as Normal

TOLD = "_foretold"
"""The runner's hidden argument, and the key of its result."""

Result = dict[str, t.Any]
Events = list[t.Any]


class ActionModule(Normal):
    """Runs the module as Ansible does without us, with that argument in a run in check mode."""

    def _execute_module(
        self, module_name: str | None = None, module_args: t.Mapping[str, t.Any] | None = None, **how: t.Any
    ) -> Result:
        if not context.CLIARGS.get("check"):
            return super()._execute_module(module_name, module_args, **how)
        tale = Tale(self._task.delegate_to or how["task_vars"]["inventory_hostname"])
        if how.get("wrap_async"):  # what it did comes to us by another task, if at all
            tale.forget()
            return super()._execute_module(module_name, module_args, **how)
        told = b64encode(json.dumps(tale.told()).encode()).decode()
        given = self._task.args if module_args is None else module_args
        result: Result = super()._execute_module(module_name, {**given, TOLD: told}, **how)
        result.get("invocation", {}).get("module_args", {}).pop(TOLD, None)
        try:
            tale.add(json.loads(b64decode(result.pop(TOLD, ""))))
        except ValueError:  # it did not come so far as to tell
            if not self._task.check_mode:  # and has really done nobody knows what
                tale.forget()
        return result


class Tale:
    """What was foretold so far: two files of JSON lines, one for what `host` reaches and one for all hosts."""

    def __init__(self, host: str) -> None:
        self._directory = os.path.join(constants.DEFAULT_LOCAL_TMP, "slipway-images")
        key = hashlib.sha256(host.encode("utf-8", "surrogateescape")).hexdigest()
        self._files = {"host": "host-%s" % key[:32], "registries": "registries"}

    def told(self) -> dict[str, Events]:
        return {part: self._read(name) for part, name in self._files.items()}

    def add(self, news: t.Mapping[str, Events]) -> None:
        os.makedirs(self._directory, mode=0o700, exist_ok=True)
        for part, name in self._files.items():
            if news[part]:
                with open(self._path(name), "a", encoding="utf-8") as file:
                    fcntl.flock(file, fcntl.LOCK_EX)
                    file.write("".join(json.dumps(event) + "\n" for event in news[part]))

    def forget(self) -> None:
        """All of it: without it a task tells what is, which is never wrong."""
        for name in self._files.values():
            with suppress(FileNotFoundError):
                os.truncate(self._path(name), 0)

    def _read(self, name: str) -> Events:
        try:
            with open(self._path(name), encoding="utf-8") as file:
                fcntl.flock(file, fcntl.LOCK_SH)
                return [json.loads(line) for line in file]
        except FileNotFoundError:
            return []

    def _path(self, name: str) -> str:
        return os.path.join(self._directory, name)
