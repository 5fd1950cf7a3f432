# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.disk.filename import native, told

OPENED = """
import sys
from ansible_collections.slipway.images.plugins.module_utils.disk.filename import native, told
name = sys.argv[1].encode("ascii").decode("unicode-escape")
print(sys.getfilesystemencoding(), open(native(name)).read(), told(native(name)) == name == told(name))
"""


@pytest.mark.parametrize("name", ["", "/srv/app", "grüße", os.fsdecode(b"stra\xdfe")])
def test_where_the_locale_is_utf_8_it_is_the_same(name: str) -> None:
    assert sys.getfilesystemencoding() == "utf-8" and native(name) == name


def test_where_it_is_not_the_file_is_found(tmp_path: Path) -> None:
    (tmp_path / "grüße").write_text("found")
    done = subprocess.run(
        [sys.executable, "-c", OPENED, f"{tmp_path}/gr\\xfc\\xdfe"],
        env={**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "ascii found True\n", done.stderr


def test_what_is_told_is_utf_8() -> None:
    name = os.fsdecode(b"stra\xdfe")
    assert told({"gr\xfc\xdfe": [name, ("a", None, 1, True)], name: "x"}) == {
        "gr\xfc\xdfe": ["stra\\xdfe", ["a", None, 1, True]],
        "stra\\xdfe": "x",
    }
