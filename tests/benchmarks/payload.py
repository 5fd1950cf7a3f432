# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A module as a target gets it: Ansible's own payload (AnsiballZ), run by the target's Python, without a controller."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import sys
import typing as t
from dataclasses import dataclass
from pathlib import Path

import meter


@dataclass(frozen=True)
class Payload:
    """`home` is the process's home, cache and place for temporary files; nothing else is in its environment."""

    module: str
    file: Path
    home: Path

    def run(self) -> meter.Cost:
        return self.result()[0]

    def result(self) -> tuple[meter.Cost, dict[str, t.Any]]:
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.home), "TMPDIR": str(self.home)}
        cost, output = meter.run([sys.executable, str(self.file)], environment)
        result = json.loads(output)
        if result.get("failed"):
            raise RuntimeError(f"{self.module} failed: {result['msg']}")
        return cost, result


def build(module: str, arguments: t.Mapping[str, t.Any], scratch: Path) -> Payload:
    """`module` is a full name; collections are looked for in `ANSIBLE_COLLECTIONS_PATH`."""
    from ansible.executor.module_common import modify_module
    from ansible.parsing.dataloader import DataLoader
    from ansible.plugins.loader import module_loader
    from ansible.release import __version__
    from ansible.template import Templar

    _loader()
    found = module_loader.find_plugin_with_context(module)
    built = modify_module(
        module_name=module,
        module_path=found.plugin_resolved_path,
        module_args={**arguments, "_ansible_version": __version__, "_ansible_module_name": module},
        templar=Templar(DataLoader(), variables={}),
        task_vars={"ansible_python_interpreter": sys.executable},
        module_compression="ZIP_DEFLATED",
    )
    home = scratch / f"{module}-{hashlib.sha256(json.dumps(arguments).encode()).hexdigest()[:12]}"
    home.mkdir()
    file = home / "AnsiballZ.py"
    file.write_bytes(built.b_module_data)
    return Payload(module, file, home)


@functools.cache
def _loader() -> None:
    from ansible.plugins.loader import init_plugin_loader

    init_plugin_loader()
