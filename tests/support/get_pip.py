# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for the get-pip.py that ansible-test downloads: the pip that Python carries brings the one asked for.

`ansible-test sanity` makes virtual environments of its own and fetches this file from ansible's server, which a
machine with only a package index cannot reach. `sanity.sh` lays it where ansible-test looks first. Arguments are those
of get-pip.py: requirements (`pip==24.2`), pip's own options and two that only get-pip.py knows.
"""

from __future__ import annotations

import runpy
import subprocess
import sys

# In a process of its own, because it switches pip's configuration off for the one it runs in.
subprocess.run([sys.executable, "-m", "ensurepip"], check=True, stdout=subprocess.DEVNULL)
sys.argv[1:] = ["install", *(word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel"))]
runpy.run_module("pip", run_name="__main__", alter_sys=True)
