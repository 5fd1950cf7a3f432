# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A program and what it imports of Ansible's and of this collection's, in one file that needs Python alone."""

from __future__ import annotations

DOCUMENTATION = r"""
name: zipapp
short_description: A Python program, packed with those parts of Ansible and of this collection that it imports
version_added: 0.1.0
author: the slipway.images authors (@slipway-images)
description:
  - Packs a program into a zip that Python runs as it is (C(python3 program.pyz)), on hosts where neither Ansible nor
    this collection is installed.
  - Follows the program's imports of C(ansible.module_utils) and C(ansible_collections.slipway.images), as Ansible does
    when it sends a module to a host. What else it imports, such as C(requests), the host must have.
  - Returns the path of the zip on the control node. It is gone when the run of Ansible ends. The same sources give the
    same bytes.
options:
  _terms:
    description: Paths of programs on the control node.
    required: true
"""

EXAMPLES = r"""
- name: A program that this host can run by itself
  ansible.builtin.copy:
    src: "{{ lookup('slipway.images.zipapp', role_path ~ '/files/retention.py') }}"
    dest: /usr/local/lib/slipway-images/retention.pyz
    mode: "0755"
"""

RETURN = r"""
_raw:
  description: The path of each zip.
  type: list
  elements: str
"""

import ast
import hashlib
import os
import tempfile
import typing as t
import zipfile
from pathlib import Path

from ansible import constants, module_utils
from ansible.plugins.lookup import LookupBase
from ansible.release import __version__

ROOTS = {
    "ansible.module_utils": Path(module_utils.__path__[0]),
    "ansible_collections.slipway.images": Path(__file__).resolve().parents[2],
}
# What `ansible.module_utils.basic` loads by name: how modules are spoken to, and answer (ansible-core 2.19 and newer).
BY_NAME = "ansible.module_utils._internal._json._profiles."
PROFILES = (BY_NAME + "_module_legacy_c2m", BY_NAME + "_module_legacy_m2c")
EPOCH = (1980, 1, 1, 0, 0, 0)  # the oldest that a zip can tell

Sources = dict[str, bytes]
"""Path in the zip -> content."""


def packed(program: Path) -> Sources:
    """`program` as `__main__.py`, with all that it leads to."""
    sources: Sources = {
        "__main__.py": program.read_bytes(),
        "ansible/__init__.py": f"__version__ = {__version__!r}\n".encode(),
    }
    ahead = [*_imported(sources["__main__.py"], ""), *PROFILES]
    seen: set[str] = set()
    while ahead:
        name = ahead.pop()
        if name in seen:
            continue
        seen.add(name)
        for module, path in _files(name):
            package = module if path.name == "__init__.py" else module.rpartition(".")[0]
            place = module.replace(".", "/") + ("/__init__.py" if package == module else ".py")
            if place not in sources:
                sources[place] = path.read_bytes()
                ahead.extend(_imported(sources[place], package))
    return {**_packages(sources), **sources}


def _imported(source: bytes, package: str) -> t.Iterator[str]:
    """Names of modules, and of what may be one."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *filter(None, [node.module])])
            yield from (base, *("%s.%s" % (base, alias.name) for alias in node.names))


def _files(name: str) -> t.Iterator[tuple[str, Path]]:
    """The module, as far as it is one of ours to pack, and the packages above it."""
    for root, directory in ROOTS.items():
        if name != root and not name.startswith(root + "."):
            continue
        inside = name[len(root) + 1 :].split(".") if name != root else []
        for depth in range(len(inside) + 1):
            path = directory.joinpath(*inside[:depth])
            module = ".".join([root, *inside[:depth]])
            for candidate in (path / "__init__.py", path.with_suffix(".py")):
                if candidate.is_file():
                    yield module, candidate
                    break


def _packages(sources: t.Iterable[str]) -> Sources:
    """An `__init__.py` for each directory: not every Python finds packages without one in a zip."""
    parents = {str(parent) for place in sources for parent in Path(place).parents if parent != Path()}
    return dict.fromkeys(("%s/__init__.py" % parent for parent in parents), b"")


def write(sources: Sources, target: Path) -> None:
    """The same sources give the same bytes. Whoever reads `target` finds all of it, or nothing."""
    handle, beside = tempfile.mkstemp(dir=target.parent)
    with os.fdopen(handle, "wb") as file, zipfile.ZipFile(file, "w") as archive:
        for place in sorted(sources):
            member = zipfile.ZipInfo(place, EPOCH)
            member.external_attr = 0o100644 << 16
            archive.writestr(member, sources[place], zipfile.ZIP_DEFLATED)
    os.replace(beside, target)


class LookupModule(LookupBase):  # type: ignore[misc]
    def run(self, terms: list[str], variables: t.Any = None, **options: t.Any) -> list[str]:
        return [self._zipped(Path(term)) for term in terms]

    def _zipped(self, program: Path) -> str:
        """All forks of a run share it."""
        key = hashlib.sha256(os.fsencode(program)).hexdigest()[:16]
        target = Path(constants.DEFAULT_LOCAL_TMP, "slipway-%s.pyz" % key)
        if not target.exists():
            write(packed(program), target)
        return str(target)
