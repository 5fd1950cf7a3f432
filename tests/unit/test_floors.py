# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The floor plan: who may import whom, who may speak of Ansible, and how large a room may grow."""

from __future__ import annotations

import ast
import re
import sys
import typing as t
from pathlib import Path

import pytest

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
HOUSE = "ansible_collections.slipway.images.plugins."
ROOMS = HOUSE + "module_utils."
PLUGIN_UTILS = HOUSE + "plugin_utils."

# Floor -> the floors it may import beside itself, and the foreign packages it may.
FLOORS: dict[str, tuple[set[str], set[str]]] = {
    "errors": (set(), set()),
    "startup": (set(), set()),
    "image": ({"errors"}, set()),
    "grpc": ({"errors"}, {"h2"}),
    "wire": ({"errors"}, {"requests", "urllib3"}),
    "disk": ({"errors", "image"}, {"compression", "zstandard"}),
    "registry": ({"errors", "image", "wire"}, set()),
    "engine": ({"errors", "image", "wire", "registry"}, set()),
    "buildkit": ({"errors", "image", "grpc", "disk"}, set()),
    "building": ({"errors", "image", "disk", "registry", "engine", "buildkit"}, set()),
    "task": ({"errors", "wire", "disk", "engine"}, {"ansible.module_utils"}),
    "modules": ({"errors", "startup", "image", "disk", "registry", "engine", "task"}, set()),
    "doc_fragments": (set(), set()),
    # On the controller, in its Python.
    "plugin_utils": (set(), {"ansible"}),
    "action": ({"plugin_utils"}, set()),
    "filter": ({"errors", "image"}, set()),
    "lookup": (set(), {"ansible"}),
}
# A module may reach one floor more than its kind.
FURTHER = {"modules/image_build.py": {"building", "buildkit"}}
# No bytes come or go here, and no clock is read.
PURE = {"image"}
IMPURE = {
    "http",
    "io",
    "os",
    "pathlib",
    "requests",
    "shutil",
    "socket",
    "ssl",
    "subprocess",
    "tempfile",
    "time",
    "urllib.request",
}
# Bytes come and go here by being handed over only.
SOCKETLESS = {"grpc"}
SOCKETS = {"asyncio", "http", "requests", "select", "socket", "ssl"}

# Said in one file, the runner's, and in its counterpart on the controller.
RUNNERS_WORDS = re.compile(r"\b(check_mode|fail_json|exit_json|_diff)\b")
RUNNER = "module_utils/task/run.py"
COUNTERPART = "plugin_utils/chain.py"
DOCUMENTS = {"DOCUMENTATION", "EXAMPLES", "RETURN"}

# The modules that tell what they would do, to an engine of which a real run never hears.
FORETELLING = ("build", "import", "load", "prune", "pull", "push", "remove", "tag")

# An AnsibleModule ships what is imported under `if TYPE_CHECKING:` or in a function, too: it only hides the plan. But
# each room costs a task a millisecond to compile: what most tasks have no use for is imported where it is used.
HIDDEN_ON_PURPOSE = {
    (f"module_utils/{importer}.py" if "/" in importer else f"modules/{importer}.py", f"{ROOMS}{imported}")
    for importer, imported in (
        ("building/build", "engine.transfer"),
        ("building/build", "image.buildlog"),
        ("building/buildkit", "building"),
        ("building/buildkit", "building.caches"),
        ("building/buildkit", "buildkit"),
        ("building/buildkit", "buildkit.offer"),
        ("building/buildkit", "disk.credentials"),
        ("building/buildkit", "engine.transfer"),
        ("building/buildkit", "image.buildlog"),
        ("building/caches", "engine.transfer"),
        ("building/classic", "image.buildahlog"),
        ("building/inputs", "engine.registries"),
        ("building/outrun", "image.buildlog"),
        ("building/solving", "buildkit"),
        ("building/solving", "buildkit.carriage"),
        ("building/solving", "buildkit.control"),
        ("building/solving", "engine.transfer"),
        ("building/source", "disk"),
        ("building/source", "disk.tarcontext"),
        ("buildkit/auth", "disk.credentials"),
        ("buildkit/messages", "disk.delivery"),
        ("buildkit/offer", "buildkit"),
        ("buildkit/offer", "disk.credentials"),
        ("buildkit/offer", "disk.tarcontext"),
        ("buildkit/offer", "grpc.call"),
        ("buildkit/session", "buildkit.carriage"),
        ("buildkit/session", "grpc.call"),
        ("buildkit/session", "grpc.server"),
        ("buildkit/sources", "disk.tarcontext"),
        ("engine/builder", "engine.transfer"),
        ("engine/client", "image.progress"),
        ("engine/client", "wire.pipeline"),
        ("engine/registries", "image.manifest"),
        ("engine/registries", "registry.client"),
        ("engine/registries", "registry.contents"),
        ("engine/registries", "wire.tls"),
        ("engine/retry", "image.progress"),
        ("image/buildrequest", "image.platform"),
        ("task/connect", "disk.credentials"),
        ("task/connect", "wire.tls"),
        ("task/endpoint", "disk.config"),
        ("task/endpoint", "disk.dockercontext"),
        ("task/run", "task.chain"),
        ("task/run", "task.imports"),
        ("wire/answer", "wire.records"),
        ("wire/transport", "wire.breakdown"),
        ("wire/transport", "wire.remote"),
        ("wire/transport", "wire.ssh"),
        ("wire/transport", "wire.tls"),
        ("wire/upgrade", "wire.tlsstream"),
        ("image_build", "building"),
        ("image_build", "building.foretold"),
        ("image_build", "image.buildlog"),
        ("image_build", "image.export"),
        ("image_info", "engine.layers"),
        ("image_info", "engine.parallel"),
        ("image_info", "image"),
        ("image_info", "image.filters"),
        ("image_info", "image.weight"),
        ("image_load", "image.progress"),
        ("image_pull", "image.progress"),
        ("image_pull", "registry.contents"),
        ("image_push", "engine"),
        ("image_push", "engine.transfer"),
        ("image_push", "image"),
        ("image_push", "image.platform"),
        ("image_push", "image.progress"),
        *((f"image_{verb}", "engine.foretelling") for verb in FORETELLING),
    )
}

LONGEST_ROOM = 220  # lines

Offences = t.Iterator[str]


class Room:
    """One file of plugins/: where it stands, and its syntax tree."""

    def __init__(self, plugins: Path, path: Path) -> None:
        self.plugins = plugins
        self.name = path.relative_to(plugins).as_posix()
        first, *rest = path.relative_to(plugins).with_suffix("").parts
        self.floor = rest[0] if first == "module_utils" and rest else first
        self.text = path.read_text(encoding="utf-8")
        self.tree = ast.parse(self.text, self.name)

    def imports(self) -> t.Iterator[tuple[str, ast.AST]]:
        """Each imported thing by its full dotted name; relative ones begin with dots."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((alias.name, node) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                source = "." * node.level + (node.module or "")
                yield from ((f"{source}.{alias.name}", node) for alias in node.names)

    def is_file(self, dotted: str) -> bool:
        return (self.plugins / dotted.replace(".", "/")).with_suffix(".py").is_file()


def imports_out_of_plan(room: Room) -> Offences:
    if room.floor not in FLOORS:
        yield f"{room.name}: no floor of that name is in the plan"
        return
    floors, foreign = FLOORS[room.floor]
    allowed = floors | {room.floor} | FURTHER.get(room.name, set())
    for imported, _node in room.imports():
        top = imported.split(".")[0]
        if imported.startswith("."):
            yield f"{room.name}: relative import {imported}"
        elif imported.startswith(ROOMS):
            floor = imported[len(ROOMS) :].split(".")[0]
            if floor not in allowed:
                yield f"{room.name}: {room.floor} may not import {floor} ({imported})"
            inside = imported[len(HOUSE) :]
            if not room.is_file(inside) and not room.is_file(inside.rpartition(".")[0]):
                yield f"{room.name}: imports a package or nothing at all, not a room ({imported})"
        elif imported.startswith(PLUGIN_UTILS) and "plugin_utils" in allowed:
            continue
        elif top == "ansible_collections" or (
            top not in sys.stdlib_module_names and not any(f"{imported}.".startswith(f"{name}.") for name in foreign)
        ):
            yield f"{room.name}: {room.floor} may not import {imported}"


def io_in_pure_rooms(room: Room) -> Offences:
    forbidden = IMPURE if room.floor in PURE else SOCKETS if room.floor in SOCKETLESS else set()
    for imported, _node in room.imports():
        if any(f"{imported}.".startswith(f"{name}.") for name in forbidden):
            yield f"{room.name}: imports {imported}, and does no I/O"
    for node in ast.walk(room.tree):
        if room.floor in PURE | SOCKETLESS and isinstance(node, ast.Name) and node.id in ("open", "print", "input"):
            yield f"{room.name}:{node.lineno}: calls {node.id}(), and does no I/O"


def hidden_imports(room: Room) -> Offences:
    shown = {id(node) for top in room.tree.body for node in _without_hiding(top)}
    for imported, node in room.imports():
        on_purpose = (room.name, imported.rpartition(".")[0]) in HIDDEN_ON_PURPOSE
        if imported.startswith(HOUSE) and id(node) not in shown and not on_purpose:
            yield f"{room.name}: {imported} is imported under TYPE_CHECKING or in a function"


def _without_hiding(node: ast.AST) -> t.Iterator[ast.AST]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        return
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _without_hiding(child)


def runners_words_elsewhere(room: Room) -> Offences:
    if room.name in (RUNNER, COUNTERPART) or room.floor == "doc_fragments":
        return
    prose = set()
    for node in ast.walk(room.tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            prose.add(id(body[0].value))  # a docstring
        if isinstance(node, ast.Assign) and any(isinstance(n, ast.Name) and n.id in DOCUMENTS for n in node.targets):
            prose.add(id(node.value))
    for node in ast.walk(room.tree):
        if id(node) not in prose:
            for said in _words(node):
                if found := RUNNERS_WORDS.search(said):
                    yield f"{room.name}:{getattr(node, 'lineno', '?')}: {found.group()} belongs in {RUNNER}"


def _words(node: ast.AST) -> t.Iterator[str]:
    for field in ("id", "attr", "arg", "name", "value"):
        said = getattr(node, field, None)
        if isinstance(said, str):
            yield said


def rooms_too_large(room: Room) -> Offences:
    lines = len(room.text.splitlines())
    if room.name.startswith("module_utils/") and lines > LONGEST_ROOM:
        yield f"{room.name}: {lines} lines; a room of more than {LONGEST_ROOM} holds two nouns"


def package_files(room: Room) -> Offences:
    if room.name.endswith("__init__.py"):
        yield f"{room.name}: packages here are namespaces; every module would ship this file"


def startup_too_late(room: Room) -> Offences:
    first = next((imported for imported, _node in room.imports() if imported.startswith(HOUSE)), None)
    if room.floor == "modules" and first != f"{ROOMS}startup":
        yield f"{room.name}: the first of its rooms is not {ROOMS}startup, so those before it are compiled twice"


RULES = [
    imports_out_of_plan,
    io_in_pure_rooms,
    hidden_imports,
    runners_words_elsewhere,
    rooms_too_large,
    package_files,
    startup_too_late,
]


def offences(plugins: Path, rule: t.Callable[[Room], Offences]) -> list[str]:
    return [offence for path in sorted(plugins.rglob("*.py")) for offence in rule(Room(plugins, path))]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_stands(rule: t.Callable[[Room], Offences]) -> None:
    found = offences(PLUGINS, rule)
    assert not found, "\n".join(["", *found])


BAD = [
    (imports_out_of_plan, "module_utils/image/a.py", f"from {ROOMS}engine.client import get"),
    (imports_out_of_plan, "module_utils/wire/a.py", f"from {ROOMS}image import reference"),
    (imports_out_of_plan, "module_utils/engine/a.py", f"import {ROOMS}disk.context"),
    (imports_out_of_plan, "module_utils/task/a.py", f"from {ROOMS}buildkit.session import Session"),
    (imports_out_of_plan, "module_utils/disk/a.py", "from ..image import reference"),
    (imports_out_of_plan, "module_utils/disk/a.py", "import requests"),
    (imports_out_of_plan, "module_utils/wire/a.py", "def f():\n    from ansible.module_utils import basic"),
    (imports_out_of_plan, "module_utils/task/a.py", "from ansible.utils import display"),
    (imports_out_of_plan, "module_utils/disk/a.py", f"from {ROOMS}image import nowhere"),
    (imports_out_of_plan, "module_utils/engine/a.py", f"from {ROOMS} import image".replace(". ", " ")),
    (imports_out_of_plan, "module_utils/helpers/a.py", ""),
    (imports_out_of_plan, "modules/image_pull.py", f"from {ROOMS}buildkit.session import Session"),
    (imports_out_of_plan, "modules/image_pull.py", "from ansible.module_utils.basic import AnsibleModule"),
    (imports_out_of_plan, "modules/image_pull.py", f"from {HOUSE}modules.image_build import SPEC"),
    (
        imports_out_of_plan,
        "modules/image_pull.py",
        "import ansible_collections.community.docker.plugins.x",
    ),
    (imports_out_of_plan, "module_utils/task/a.py", f"from {PLUGIN_UTILS}chain import ActionModule"),
    (imports_out_of_plan, "plugin_utils/a.py", f"from {ROOMS}errors import UsageError"),
    (imports_out_of_plan, "action/image_pull.py", "from ansible.plugins.action import ActionBase"),
    (io_in_pure_rooms, "module_utils/image/a.py", "import os.path"),
    (io_in_pure_rooms, "module_utils/image/a.py", "from time import time"),
    (io_in_pure_rooms, "module_utils/image/a.py", "def f(p):\n    return open(p)"),
    (io_in_pure_rooms, "module_utils/grpc/a.py", "from socket import socket"),
    (hidden_imports, "module_utils/disk/a.py", f"def f():\n    from {ROOMS}image import reference"),
    (hidden_imports, "module_utils/disk/a.py", f"if t.TYPE_CHECKING:\n    from {ROOMS}image import reference"),
    (runners_words_elsewhere, "module_utils/engine/a.py", "def f(m): m.fail_json(msg='x')"),
    (runners_words_elsewhere, "module_utils/engine/a.py", "def f(check_mode): ..."),
    (runners_words_elsewhere, "modules/image_pull.py", "X = {'supports_check_mode': 1, 'check_mode': 2}"),
    (runners_words_elsewhere, "modules/image_pull.py", "def f(m): return m._diff"),
    (runners_words_elsewhere, "modules/image_pull.py", "g(check_mode=True)"),
    (rooms_too_large, "module_utils/image/a.py", "x = 1\n" * (LONGEST_ROOM + 1)),
    (package_files, "module_utils/image/__init__.py", ""),
    (startup_too_late, "modules/image_pull.py", ""),
    (startup_too_late, "modules/image_pull.py", f"from {ROOMS}errors import X\nimport {ROOMS}startup"),
]
GOOD = [
    (
        "module_utils/disk/a.py",
        f"import os\nfrom {ROOMS}image import reference\nfrom {ROOMS}errors import X",
    ),
    (
        "module_utils/task/run.py",
        "from ansible.module_utils import basic\ndef f(m): m.fail_json(m._diff)",
    ),
    ("module_utils/image/a.py", '"""Not in check_mode."""\nDOCUMENTATION = "check_mode"\nx_diff = "a_diff"'),
    ("module_utils/wire/a.py", "try:\n    import requests\nexcept ImportError:\n    requests = None"),
    ("plugin_utils/chain.py", "from ansible import context\ndef f(task): task.check_mode"),
    ("action/image_pull.py", f"from {PLUGIN_UTILS}chain import ActionModule"),
    ("modules/image_build.py", f"import {ROOMS}startup\nfrom {ROOMS}buildkit.session import Session"),
    ("modules/image_pull.py", f"import {ROOMS}startup\nfrom {ROOMS}image.reference import Reference"),
]


def _house(plugins: Path, name: str, text: str) -> Path:
    rooms = ("errors", "startup", "image/reference", "engine/client", "disk/context", "buildkit/session")
    for room in (*(f"module_utils/{r}.py" for r in rooms), "modules/image_build.py", name):
        (plugins / room).parent.mkdir(parents=True, exist_ok=True)
        first = f"import {ROOMS}startup\n" if room.startswith("modules/") else ""
        (plugins / room).write_text(text if room == name else first)
    return plugins


@pytest.mark.parametrize(("rule", "name", "text"), BAD)
def test_a_rule_bites(tmp_path: Path, rule: t.Callable[[Room], Offences], name: str, text: str) -> None:
    assert len(offences(_house(tmp_path, name, text), rule)) >= 1


@pytest.mark.parametrize(("name", "text"), GOOD)
def test_what_is_planned_passes(tmp_path: Path, name: str, text: str) -> None:
    assert [o for rule in RULES for o in offences(_house(tmp_path, name, text), rule)] == []
