# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is packed runs where there is neither Ansible nor this collection."""

from __future__ import annotations

import json
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
import requests
from ansible_collections.slipway.images.plugins.lookup import zipapp

RETENTION = zipapp.ROOTS["ansible_collections.slipway.images"] / "roles/retention/files/retention.py"
Program = t.Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Runs what was packed, isolated: it sees the standard library, and `requests` where it stands alone."""

    def run(source: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        zipapp.write(zipapp.packed(source), tmp_path / "program.pyz")
        libraries = tmp_path / "libraries"
        libraries.mkdir()
        site = Path(requests.__file__).parents[1]
        for name in ("requests", "urllib3", "certifi", "idna", "charset_normalizer", "chardet"):
            if (site / name).exists():
                (libraries / name).symlink_to(site / name)
        command = [sys.executable, "-S", str(tmp_path / "program.pyz"), *arguments]
        environment = {"PYTHONPATH": str(libraries), "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(command, cwd="/", env=environment, capture_output=True, text=True, check=False)

    return run


def test_the_same_sources_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        zipapp.write(zipapp.packed(RETENTION), tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_it_packs_what_is_reached_and_no_more() -> None:
    places = zipapp.packed(RETENTION).keys()
    house = "ansible_collections/slipway/images/plugins/"
    assert {"ansible/module_utils/basic.py", f"{house}modules/image_prune.py"} < places
    assert [place for place in places if "buildkit" in place or "ansible/plugins" in place] == []
    assert {f"{parent}/__init__.py" for place in places for parent in Path(place).parents if parent != Path()} <= places


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import a.b", {"a.b"}),
        ("from a import b as c", {"a", "a.b"}),
        ("from . import d", {"p.q", "p.q.d"}),
        ("from ..r import d", {"p.r", "p.r.d"}),
        ("def f():\n    import late", {"late"}),
    ],
)
def test_imports(source: str, found: set[str]) -> None:
    assert set(zipapp._imported(source.encode(), "p.q")) == found


def test_it_says_what_went_wrong(program: Program, tmp_path: Path) -> None:
    (tmp_path / "options.json").write_text(json.dumps({"docker_host": f"unix://{tmp_path}/nobody", "keep_last": None}))
    ended = program(RETENTION, str(tmp_path / "options.json"), str(tmp_path / "report"))
    assert (ended.returncode, ended.stderr) == (1, "")
    assert ended.stdout.startswith("failed: ") and f"{tmp_path}/nobody" in ended.stdout
    assert (tmp_path / "report").read_text() == ended.stdout


def test_options_that_are_wrong_are_a_failure_too(program: Program, tmp_path: Path) -> None:
    (tmp_path / "options.json").write_text(json.dumps({"keep_lost": 1}))
    ended = program(RETENTION, str(tmp_path / "options.json"))
    assert ended.returncode == 1 and "keep_lost" in ended.stdout
