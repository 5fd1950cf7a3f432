# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In a Python of its own, which tells how often it compiled what, and where it believes that to be."""

from __future__ import annotations

import collections
import json
import subprocess
import sys
import typing as t
import zipfile
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils import startup

HOUSE = "ansible_collections.slipway.images.plugins.module_utils"
ELSEWHERE = "ansible_collections.other.one"
RUN = f"""
import gc, json, sys
sys.path.insert(0, sys.argv[1])
compiled = []
sys.addaudithook(lambda event, args: compiled.append(str(args[1])) if event == "compile" else None)
if sys.argv[2:]:
    import {HOUSE}.startup
import {HOUSE}.room.door
import {ELSEWHERE}
ours = [(name, module) for name, module in sys.modules.items() if name.startswith("ansible_collections.")]
files = {{name: [module.__file__, module.__spec__.origin] for name, module in ours}}
try:
    {HOUSE}.room.door.fall()
except KeyError as exc:
    import linecache
    code = exc.__traceback__.tb_next
    line = linecache.getline(code.tb_frame.f_code.co_filename, code.tb_lineno, code.tb_frame.f_globals)
try:
    import {HOUSE}.room.nowhere
except ModuleNotFoundError as exc:
    print(json.dumps([compiled, files, line, exc.name, gc.get_threshold()[0]]))
"""


class Told(t.NamedTuple):
    compiled: dict[str, int]
    files: dict[str, t.Any]
    line: str
    missing: str
    objects: int


@pytest.fixture(scope="module")
def tell(tmp_path_factory: pytest.TempPathFactory) -> t.Callable[[bool], Told]:
    path = tmp_path_factory.mktemp("target") / "payload.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for package in (f"{HOUSE}.room", ELSEWHERE):
            parts = package.split(".")
            for depth in range(1, len(parts) + 1):
                name = "/".join(parts[:depth]) + "/__init__.py"
                if name not in archive.namelist():
                    archive.writestr(name, "")
        inside = HOUSE.replace(".", "/")
        archive.writestr(f"{inside}/room/door.py", "def fall():\n    raise KeyError  # here\n")
        archive.write(startup.__file__, f"{inside}/startup.py")

    def run(with_it: bool) -> Told:
        command = [sys.executable, "-I", "-c", RUN, str(path), *["with it"] * with_it]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, cwd=Path("/"))
        compiled, *rest = json.loads(done.stdout)
        return Told(
            collections.Counter(Path(file).relative_to(path).as_posix() for file in compiled if str(path) in file),
            *rest,
        )

    return run


ROOM = HOUSE.replace(".", "/") + "/room/"
OTHER = ELSEWHERE.replace(".", "/") + "/__init__.py"


def test_a_room_is_compiled_once(tell: t.Callable[[bool], Told]) -> None:
    with_it, without = tell(True).compiled, tell(False).compiled
    assert with_it[ROOM + "door.py"] == 1
    assert without[ROOM + "door.py"] == 2, "this Python does not compile twice any more: Importer can go"
    assert with_it[OTHER] == without[OTHER], "what is not ours is left alone"


def test_the_objects_of_imports_are_not_looked_through_again_and_again(tell: t.Callable[[bool], Told]) -> None:
    assert tell(True).objects >= 10 * tell(False).objects


def test_all_else_is_as_it_would_be(tell: t.Callable[[bool], Told]) -> None:
    with_it, without = tell(True), tell(False)
    del with_it.files[f"{HOUSE}.startup"]
    common = {name: files for name, files in with_it.files.items() if name in without.files}
    assert common[f"{HOUSE}.room.door"][0].endswith("payload.zip/" + ROOM + "door.py")
    assert common == without.files
    assert with_it.line == without.line == "    raise KeyError  # here\n"
    assert with_it.missing == without.missing == f"{HOUSE}.room.nowhere"
