# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every module owes its users: documentation that is its spec, examples that could run, and tests."""

from __future__ import annotations

import importlib.util
import re
import sys
import typing as t
from pathlib import Path
from types import ModuleType

import pytest
import yaml

COLLECTION = Path(__file__).resolve().parents[2]
FQCN = "slipway.images."

Options = t.Mapping[str, t.Mapping[str, t.Any]]
Offences = t.Iterator[str]

# What the runner returns, whatever the module.
RETURNED = {"actions", "ansible_facts", "diff", "error", "image", "images"}
ATTRIBUTES = {"check_mode", "diff_mode", "idempotent"}
SECRET = re.compile(r"password|passphrase|secret|token")
# Words of a task that are not a module.
TASK_WORDS = {
    *("always", "args", "become", "block", "changed_when", "check_mode", "delay", "delegate_to", "diff", "environment"),
    *("failed_when", "ignore_errors", "loop", "loop_control", "module_defaults", "name", "notify", "register"),
    *("rescue", "retries", "run_once", "tags", "until", "vars", "when"),
}


class Module:
    """One module: its code, loaded, and its documentation, with the fragments laid under it."""

    def __init__(self, collection: Path, path: Path) -> None:
        self.collection, self.name = collection, path.stem
        self.code = _load(path)
        self.doc = yaml.safe_load(self.code.DOCUMENTATION)
        self.options: dict[str, t.Any] = {}
        self.attributes: dict[str, t.Any] = {}
        for text in (*self._fragments(), self.code.DOCUMENTATION):
            part = yaml.safe_load(text)
            self.options.update(part.get("options") or {})
            self.attributes.update(part.get("attributes") or {})

    def _fragments(self) -> t.Iterator[str]:
        for name in self.doc.get("extends_documentation_fragment") or ():
            file, _dot, section = name[len(FQCN) :].partition(".")
            fragment = _load(self.collection / "plugins" / "doc_fragments" / f"{file}.py").ModuleDocFragment
            yield getattr(fragment, section.upper() or "DOCUMENTATION")


def _load(path: Path) -> ModuleType:
    name = f"contract_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec and spec.loader
    code = importlib.util.module_from_spec(spec)
    sys.modules[name] = code  # where dataclasses look for it
    spec.loader.exec_module(code)
    return code


def documentation_is_the_spec(module: Module) -> Offences:
    yield from _compare(module.options, module.code.SPEC.options, "")


def _compare(documented: Options, spec: Options, path: str) -> Offences:
    for name in sorted(documented.keys() ^ spec.keys()):
        yield f"option {path}{name} is in {'the documentation' if name in documented else 'SPEC'} alone"
    for name in sorted(documented.keys() & spec.keys()):
        said, real = documented[name], spec[name]
        for key, absent in (("type", "str"), ("elements", None), ("required", False), ("default", None)):
            if said.get(key, absent) != real.get(key, absent):
                yield f"option {path}{name}: {key} is {said.get(key)!r} in the documentation, {real.get(key)!r} in SPEC"
        for key in ("choices", "aliases"):
            if sorted(said.get(key) or ()) != sorted(real.get(key) or ()):
                yield f"option {path}{name}: {key} are {said.get(key)} in the documentation, {real.get(key)} in SPEC"
        if real.get("type") == "list" and not real.get("elements"):
            yield f"option {path}{name}: a list of what? (elements)"
        description = str(said.get("description"))
        for source in real.get("fallback", (None, ()))[1]:
            if source not in description:
                yield f"option {path}{name} falls back on {source}, which its description keeps to itself"
        if SECRET.search(name) and real.get("no_log") is None:
            yield f"option {path}{name} sounds like a secret: say no_log"
        yield from _compare(said.get("suboptions") or {}, real.get("options") or {}, f"{path}{name}.")


def rules_name_options(module: Module) -> Offences:
    spec = module.code.SPEC
    for rule, entries in spec.rules.items():
        for entry in entries.items() if isinstance(entries, dict) else entries:
            if rule == "required_if":
                names = {entry[0], *entry[2]}
            elif rule == "required_by":
                names = {entry[0], *([entry[1]] if isinstance(entry[1], str) else entry[1])}
            else:
                names = set(entry)
            if strange := names - spec.options.keys():
                yield f"{rule} names {sorted(strange)}, which are no options"


def attributes_are_said(module: Module) -> Offences:
    if missing := ATTRIBUTES - module.attributes.keys():
        yield f"attributes not documented: {sorted(missing)}"
    if not module.doc.get("version_added"):
        yield "no version_added"


def results_are_documented(module: Module) -> Offences:
    returned = yaml.safe_load(module.code.RETURN) or {}
    if missing := RETURNED - returned.keys():
        yield f"RETURN does not tell of {sorted(missing)}"


def examples_could_run(module: Module) -> Offences:
    used = 0
    for task in _tasks(yaml.safe_load(module.code.EXAMPLES)):
        for word in task.keys() - TASK_WORDS:
            if "." not in word:
                yield f"example {task.get('name')!r}: {word} is no full name of a module"
            if word == FQCN + module.name:
                used += 1
                yield from _uses(module, task[word] or {}, task.get("name"))
    if not used:
        yield "no example uses it"


def _uses(module: Module, given: t.Mapping[str, t.Any], example: object) -> Offences:
    spec = module.code.SPEC.options
    known = {*spec, *(alias for option in spec.values() for alias in option.get("aliases", ()))}
    if strange := given.keys() - known:
        yield f"example {example!r}: no such options: {sorted(strange)}"
    if missing := {name for name, option in spec.items() if option.get("required")} - given.keys():
        yield f"example {example!r}: required options are missing: {sorted(missing)}"


def _tasks(tasks: list[dict[str, t.Any]]) -> t.Iterator[dict[str, t.Any]]:
    for task in tasks:
        for section in ("block", "rescue", "always"):
            yield from _tasks(task.get(section) or [])
        if "block" not in task:
            yield task


def it_has_its_place(module: Module) -> Offences:
    runtime = yaml.safe_load((module.collection / "meta" / "runtime.yml").read_text())
    if module.name not in runtime["action_groups"]["slipway"]:
        yield "not in the action group slipway of meta/runtime.yml"
    twin = f"tests/unit/plugins/modules/test_{module.name}.py"
    target = f"tests/integration/targets/{module.name}/tasks/main.yml"
    for path in (twin, target):
        if not (module.collection / path).is_file():
            yield f"no {path}"


RULES = [
    documentation_is_the_spec,
    rules_name_options,
    attributes_are_said,
    results_are_documented,
    examples_could_run,
    it_has_its_place,
]


def modules(collection: Path) -> list[Path]:
    return sorted((collection / "plugins" / "modules").glob("*.py"))


@pytest.mark.parametrize("path", modules(COLLECTION), ids=lambda path: path.stem)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_module_keeps_its_word(path: Path, rule: t.Callable[[Module], Offences]) -> None:
    found = list(rule(Module(COLLECTION, path)))
    assert not found, "\n".join(["", *found])


def test_the_action_group_names_modules() -> None:
    runtime = yaml.safe_load((COLLECTION / "meta" / "runtime.yml").read_text())
    assert sorted(runtime["action_groups"]["slipway"]) == [path.stem for path in modules(COLLECTION)]


GOOD = '''
from types import SimpleNamespace

DOCUMENTATION = """
version_added: 0.1.0
extends_documentation_fragment: [slipway.images.engine]
options:
  name: {description: The image., required: true, aliases: [image]}
  pull: {description: When., choices: [always, never], default: always}
  limits:
    description: How much.
    type: dict
    suboptions: {memory: {description: Bytes., type: int}}
"""
EXAMPLES = """
- name: Pull
  slipway.images.image_x: {image: a, name: a}
- block: [{slipway.images.image_x: {name: a}}]
"""
RETURN = "{actions: {}, ansible_facts: {}, diff: {}, error: {}, image: {}, images: {}}"
SPEC = SimpleNamespace(
    options={
        "docker_host": {"type": "str", "fallback": (None, ["DOCKER_HOST"])},
        "name": {"type": "str", "required": True, "aliases": ["image"]},
        "pull": {"type": "str", "choices": ["always", "never"], "default": "always"},
        "limits": {"type": "dict", "options": {"memory": {"type": "int"}}},
    },
    rules={"mutually_exclusive": [["name", "pull"]], "required_if": [["pull", "never", ["name"]]],
           "required_by": {"pull": ["limits"]}},
)
'''
FRAGMENT = '''
class ModuleDocFragment:
    DOCUMENTATION = """
options: {docker_host: {description: "Where. E(DOCKER_HOST) counts."}}
attributes: {check_mode: {}, diff_mode: {}, idempotent: {}}
"""
'''
BAD = [
    (documentation_is_the_spec, "  pull: {", "  push: {"),
    (documentation_is_the_spec, "always, never], default: always", "always], default: always"),
    (documentation_is_the_spec, "default: always", "default: never"),
    (documentation_is_the_spec, "required: true", "required: false"),
    (documentation_is_the_spec, "aliases: [image]", "aliases: [repo]"),
    (documentation_is_the_spec, "type: int", "type: str"),
    (documentation_is_the_spec, "{memory: {", "{memswap: {"),
    (documentation_is_the_spec, '["DOCKER_HOST"]', '["DOCKER_URL"]'),
    (documentation_is_the_spec, '"type": "dict", "options"', '"type": "list", "options"'),
    (documentation_is_the_spec, "memory", "registry_token"),
    (rules_name_options, '"never", ["name"]', '"never", ["nane"]'),
    (rules_name_options, '[["name", "pull"]]', '[["name", "push"]]'),
    (rules_name_options, '{"pull": ["limits"]}', '{"pull": ["limit"]}'),
    (attributes_are_said, "version_added", "added"),
    (attributes_are_said, "[slipway.images.engine]", "[]"),
    (results_are_documented, "actions: {}, ", ""),
    (examples_could_run, "{name: a}", "{nane: a, name: a}"),
    (examples_could_run, "{name: a}", "{}"),
    (examples_could_run, "- block: [{slipway.images.", "- block: [{"),
    (examples_could_run, "slipway.images.image_x", "slipway.images.image_y"),
]


def _collection(root: Path, text: str, name: str = "image_x") -> Module:
    files = {
        f"plugins/modules/{name}.py": text,
        "plugins/doc_fragments/engine.py": FRAGMENT,
        "meta/runtime.yml": "action_groups: {slipway: [image_x]}",
        "tests/unit/plugins/modules/test_image_x.py": "",
        "tests/integration/targets/image_x/tasks/main.yml": "",
    }
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content)
    return Module(root, root / "plugins" / "modules" / f"{name}.py")


@pytest.mark.parametrize(("rule", "good", "bad"), BAD)
def test_a_rule_bites(tmp_path: Path, rule: t.Callable[[Module], Offences], good: str, bad: str) -> None:
    assert good in GOOD
    assert list(rule(_collection(tmp_path, GOOD.replace(good, bad))))


def test_a_module_without_a_place_is_found(tmp_path: Path) -> None:
    assert len(list(it_has_its_place(_collection(tmp_path, GOOD, "image_y")))) == 3


def test_a_good_module_passes(tmp_path: Path) -> None:
    module = _collection(tmp_path, GOOD)
    assert [offence for rule in RULES for offence in rule(module)] == []
