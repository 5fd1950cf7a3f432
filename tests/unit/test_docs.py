# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guides: links lead somewhere, what a page names exists, and every way to fail is told of."""

from __future__ import annotations

import ast
import importlib
import re
import typing as t
from functools import cache
from pathlib import Path

import pytest
import yaml
from ansible_collections.slipway.images.plugins.module_utils import errors

COLLECTION = Path(__file__).resolve().parents[2]
HOUSE = "ansible_collections.slipway.images.plugins."
FQCN = "slipway.images."
DOCS = COLLECTION / "docs"
PAGES = sorted(
    [
        *DOCS.glob("*.md"),
        *COLLECTION.glob("roles/*/README.md"),
        COLLECTION / "README.md",
        COLLECTION / "CONTRIBUTING.md",
        COLLECTION / "SECURITY.md",
    ]
)
MOVING = sorted(DOCS.glob("moving-*.md"))
ROW = re.compile(r"^\| (.*) \|$", re.M)
CODE = re.compile(r"`([^`]+)`")

ANSIBLES = {"failed_when"}  # a word of tasks in the moving pages' second column, no option of ours

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(COLLECTION).as_posix())


@cache
def spec(module: str) -> t.Mapping[str, t.Any]:
    return t.cast("t.Mapping[str, t.Any]", importlib.import_module(f"{HOUSE}modules.{module}").SPEC.options)


def known(module: str) -> set[str]:
    """Options, their aliases, and the options inside of them."""
    options = spec(module)
    inside = {name for option in options.values() for name in option.get("options", ())}
    return {*options, *inside, *(alias for option in options.values() for alias in option.get("aliases", ()))}


MODULES = {path.stem for path in (COLLECTION / "plugins" / "modules").glob("*.py")}


def prose(page: Path) -> str:
    """Without blocks of code, which have neither links nor headings."""
    return re.sub(r"^( *)```.*?^\1```$", "", page.read_text(), flags=re.M | re.S)


@cache
def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    found = re.findall(r"^#+ (.+)$", prose(page), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def dead_links(page: Path) -> t.Iterator[str]:
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _hash, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            yield link


@every_page
def test_links_lead_somewhere(page: Path) -> None:
    assert list(dead_links(page)) == []


def test_a_dead_link_is_found(tmp_path: Path) -> None:
    page, other = tmp_path / "page.md", tmp_path / "other.md"
    other.write_text("# What's `new`, now?\n")
    links = "[a](other.md#whats-new-now) [b](other.md#old) [c](none.md) [d](#e) [f](https://example.com)\n"
    page.write_text(links + "```\n[g](gone.md)\n```\n")
    assert list(dead_links(page)) == ["other.md#old", "none.md", "#e"]


def test_the_index_knows_every_page() -> None:
    listed = set(re.findall(r"\]\((\w[\w.-]*\.md)", (DOCS / "index.md").read_text()))
    assert listed == {page.name for page in DOCS.glob("*.md")} - {"index.md"}


def strange(value: t.Any) -> t.Iterator[str]:
    """Tasks in an example that name a module or an option which does not exist."""
    if isinstance(value, list):
        for part in value:
            yield from strange(part)
    elif isinstance(value, dict):
        for key, part in value.items():
            module = str(key).removeprefix(FQCN)
            if module == key or key.startswith("group/"):
                yield from strange(part)
            elif module not in MODULES:
                yield str(key)
            else:
                yield from (f"{module}: {name}" for name in (part or {}).keys() - known(module))


@every_page
def test_examples_name_what_exists(page: Path) -> None:
    for indent, block in re.findall(r"^( *)```yaml\n(.*?)^\1```$", page.read_text(), re.M | re.S):
        assert list(strange(yaml.safe_load(re.sub(rf"^{indent}", "", block, flags=re.M)))) == []


def kinds(root: type[errors.SlipwayError] = errors.SlipwayError) -> t.Iterator[str]:
    for error in root.__subclasses__():
        if error.__module__ == errors.__name__:
            yield error.kind
            yield from kinds(error)


TROUBLE = (DOCS / "troubleshooting.md").read_text()


def test_every_kind_has_its_row_and_its_chapter() -> None:
    assert sorted(re.findall(r"^\| \[`([\w.]+)`\]", TROUBLE, re.M)) == sorted(kinds())
    assert sorted(re.findall(r"^## (.+)$", TROUBLE, re.M)) == sorted(kinds())


@cache
def code() -> t.Sequence[ast.Module]:
    return [ast.parse(path.read_text()) for path in (COLLECTION / "plugins").rglob("*.py")]


@cache
def literals() -> str:
    """Every text in the code, one a line; what is formatted into it is gone."""
    nodes = (node for tree in code() for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return "\n".join(node.value for node in nodes if isinstance(node.value, str))


class Made(ast.NodeVisitor):
    """Names that stand where a value comes from; `except`, `isinstance`, annotations and bases merely look at one."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def visit_Name(self, node: ast.Name) -> None:
        self.names.add(node.id)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        for statement in node.body:
            self.visit(statement)

    def visit_Call(self, node: ast.Call) -> None:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name not in ("isinstance", "issubclass", "suppress"):
            self.generic_visit(node)

    def generic_visit(self, node: ast.AST) -> None:
        for field, value in ast.iter_fields(node):
            if field not in ("annotation", "returns", "bases"):
                for part in value if isinstance(value, list) else [value]:
                    if isinstance(part, ast.AST):
                        self.visit(part)


def test_every_kind_is_raised_and_no_other() -> None:
    made = Made()
    for tree in code():
        made.visit(tree)
    assert sorted(kinds()) == sorted(kind for name in made.names if (kind := kind_of(name)))


def kind_of(name: str) -> str:
    error = getattr(errors, name, None)
    return error.kind if isinstance(error, type) and issubclass(error, errors.SlipwayError) else ""


def returned(module: str) -> t.Mapping[str, t.Any]:
    source = importlib.import_module(f"{HOUSE}modules.{module}").RETURN
    return t.cast("t.Mapping[str, t.Any]", yaml.safe_load(source))


def test_the_results_page_has_every_key() -> None:
    rows = [row.split(" | ")[0] for row in ROW.findall((DOCS / "results.md").read_text())]
    told = {quoted.partition(".")[0] for row in rows for quoted in CODE.findall(row)}
    assert told == set().union(*map(returned, MODULES))


def test_facts_of_errors_exist() -> None:
    """`error.line` and the like: of pages, and of what modules return."""
    keywords = {node.arg for tree in code() for node in ast.walk(tree) if isinstance(node, ast.keyword)}
    named = {name for page in PAGES for name in re.findall(r"`error\.([a-z_]+)", page.read_text())}
    named |= {name for module in MODULES for name in returned(module)["error"]["contains"]}
    assert sorted(named - keywords - set(literals().splitlines())) == []


MESSAGES = [(TROUBLE, kind) for kind in kinds()]
MESSAGES.append(((DOCS / "connections.md").read_text(), "When it does not work"))


@pytest.mark.parametrize(("page", "chapter"), MESSAGES, ids=[chapter for _page, chapter in MESSAGES])
def test_quoted_messages_are_ours(page: str, chapter: str) -> None:
    """What stands in backticks in the first column; what others say stands in quotation marks."""
    text = page.partition(f"\n## {chapter}\n")[2].partition("\n## ")[0]
    rows = [row.split(" | ")[0] for row in ROW.findall(text)[1:]]
    assert rows
    pieces = [piece.strip() for row in rows for quoted in CODE.findall(row) for piece in quoted.split("…")]
    assert [piece for piece in pieces if piece not in literals()] == []


def options_of_cells(page: Path) -> t.Iterator[tuple[str, str]]:
    """Module (`""`: any) and option, as the second column names them in chapters about one module or method; `→` points
    to results."""
    header = ""
    for line in prose(page).partition("\n### ")[2].splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")] if line.startswith("|") else []
        if len(cells) < 3:
            header = ""
            continue
        module = header = header or cells[1]
        for quoted in CODE.findall(cells[1].partition("→")[0]):
            word = re.split(r":(?: |$)|=", quoted)[0]
            if word in MODULES:
                module = word
            elif re.fullmatch(r"[a-z_]+", word):
                module = module.strip("`")
                yield module if module in MODULES else "", word


@pytest.mark.parametrize("page", MOVING, ids=lambda page: page.stem)
def test_options_to_move_to_exist(page: Path) -> None:
    named = [(module, option) for module, option in options_of_cells(page) if option not in ANSIBLES]
    assert len(named) > 50
    anywhere = set().union(*map(known, MODULES))
    assert [f"{m} {option}" for m, option in named if option not in (known(m) if m else anywhere)] == []
