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
def literals() -> str:
    """Every text in the code, one a line; what is formatted into it is gone."""
    trees = (ast.parse(path.read_text()) for path in (COLLECTION / "plugins").rglob("*.py"))
    nodes = (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return "\n".join(node.value for node in nodes if isinstance(node.value, str))


@pytest.mark.parametrize("kind", kinds())
def test_quoted_messages_are_ours(kind: str) -> None:
    """What stands in backticks in the first column; what others say stands in quotation marks."""
    chapter = TROUBLE.partition(f"\n## {kind}\n")[2].partition("\n## ")[0]
    rows = [row.split(" | ")[0] for row in ROW.findall(chapter)[1:]]
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
