# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the timer runs: the module image_prune, on a host by itself.

    python3 retention.pyz ARGUMENTS [REPORT]

ARGUMENTS is a file with the module's options as JSON. What went, what stayed and why is said in plain lines, and goes
to the file REPORT too when something went or that is not there yet. Ends with 1 when the module failed.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from pathlib import Path

from ansible.module_utils import basic
from ansible_collections.slipway.images.plugins.module_utils.image import report
from ansible_collections.slipway.images.plugins.modules import image_prune


def prune(arguments: Path) -> dict[str, object]:
    """What the module returned. Ansible hands it its options by these two names."""
    basic._ANSIBLE_ARGS = json.dumps({"ANSIBLE_MODULE_ARGS": json.loads(arguments.read_text())}).encode()
    basic._ANSIBLE_PROFILE = "legacy"
    with contextlib.redirect_stdout(io.StringIO()) as said, contextlib.suppress(SystemExit):
        image_prune.main()
    result: dict[str, object] = json.loads(said.getvalue())
    return result


def write(text: str, target: Path) -> None:
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    beside.write_text(text)
    beside.chmod(0o644)
    beside.replace(target)


def main() -> int:
    arguments, *target = map(Path, sys.argv[1:])
    result = prune(arguments)
    text = "".join(f"{line}\n" for line in report.lines(result))
    sys.stdout.write(text)
    for path in target:
        if result.get("changed") or not path.exists():
            write(text, path)
    return 1 if result.get("failed") else 0


if __name__ == "__main__":
    sys.exit(main())
