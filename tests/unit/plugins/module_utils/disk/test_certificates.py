# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

from ansible_collections.slipway.images.plugins.module_utils.disk.certificates import Certificates, of_registry


def test_certificates(tmp_path: Path) -> None:
    first, second = tmp_path / "docker", tmp_path / "containers"
    for path in ("ca.crt", "more.crt", "us.cert", "us.key", "lone.cert", "notes.txt"):
        (second / "r.example:5000").mkdir(parents=True, exist_ok=True)
        (second / "r.example:5000" / path).write_text("")
    here = str(second / "r.example:5000")
    folders = (str(first), str(second))
    found = of_registry("r.example:5000", folders)
    assert found == Certificates((here + "/ca.crt", here + "/more.crt"), here + "/us.cert", here + "/us.key")
    assert of_registry("r.example", folders) == Certificates()
    (first / "r.example:5000").mkdir(parents=True)
    assert of_registry("r.example:5000", folders) == Certificates()  # the first that is there counts


def test_without_a_certificate_of_ours(tmp_path: Path) -> None:
    (tmp_path / "r.example").mkdir()
    (tmp_path / "r.example" / "ca.crt").write_text("")
    found = of_registry("r.example", [str(tmp_path)])
    assert found == Certificates((str(tmp_path / "r.example" / "ca.crt"),))
