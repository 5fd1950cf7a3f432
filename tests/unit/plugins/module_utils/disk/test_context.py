# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import io
import os
import tarfile
import tracemalloc
import typing as t
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.disk import stamps
from ansible_collections.slipway.images.plugins.module_utils.disk.context import Context, Tally
from ansible_collections.slipway.images.plugins.module_utils.disk.stamps import Stamps
from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError, UsageError


def plant(root: Path, **files: str) -> Path:
    """`files`: name -> text; `__` in a name is a slash, `_` a dot."""
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def tar_of(context: Context) -> dict[str, str]:
    """Path -> text of the files, `/` for directories."""
    with tarfile.open(fileobj=io.BytesIO(b"".join(context.blocks(Tally())))) as tar:
        files = {member.name: tar.extractfile(member) for member in tar}
        assert len(files) == len(tar.getnames()), "a name twice"
        return {name: file.read().decode() if file else "/" for name, file in files.items()}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return plant(tmp_path / "context", Dockerfile="FROM scratch", a="A", d__b="B")


ALL = {"Dockerfile": "FROM scratch", "a": "A", "d": "/", "d/b": "B"}


def test_the_tar_is_the_walk(root: Path) -> None:
    context = Context.open(str(root))
    assert (context.dockerfile_name, context.dockerfile) == ("Dockerfile", b"FROM scratch")
    assert tar_of(context) == ALL


def test_a_kept_ignore_file_is_sent_as_it_is(root: Path) -> None:
    plant(root, _dockerignore="a\n")
    assert tar_of(Context.open(str(root))) == {
        "Dockerfile": "FROM scratch",
        ".dockerignore": "a\n",
        "d": "/",
        "d/b": "B",
    }


def test_an_excluded_dockerfile_comes_with_an_order_to_drop_it(root: Path) -> None:
    plant(root, _dockerignore="*\n!a\n")
    assert tar_of(Context.open(str(root))) == {"Dockerfile": "FROM scratch", ".dockerignore": "**\n", "a": "A"}


def test_an_excluded_ignore_file_is_not_sent(root: Path) -> None:
    plant(root, _dockerignore=".dockerignore\n")
    assert tar_of(Context.open(str(root))) == ALL


def test_the_own_ignore_file_rules_and_the_other_is_put_right(root: Path) -> None:
    plant(root, Dockerfile_dockerignore="a\n", _dockerignore="D*\n*ignore\n")
    found = tar_of(Context.open(str(root)))
    assert "a" not in found
    assert found[".dockerignore"] == "D*\n*ignore\n\n!.dockerignore\n!Dockerfile\n"


@pytest.mark.parametrize("options", [{"dockerfile": "../Outside"}, {"dockerfile_inline": "FROM x"}])
def test_a_dockerfile_from_elsewhere_has_a_name_of_its_own(root: Path, options: dict[str, str]) -> None:
    plant(root.parent, Outside="FROM x")
    context = Context.open(str(root), **options)
    name = context.dockerfile_name
    assert name.startswith(".dockerfile.")
    assert tar_of(context) == {**ALL, name: "FROM x", ".dockerignore": "**\n"}
    plant(root, _dockerignore="a")
    assert tar_of(Context.open(str(root), **options))[".dockerignore"] == f"a\n{name}\n"


def test_the_generated_name_depends_on_the_content_alone(root: Path) -> None:
    names = [Context.open(str(root), dockerfile_inline=text).dockerfile_name for text in ("FROM x", "FROM x", "FROM y")]
    assert names[0] == names[1] != names[2]


@pytest.mark.parametrize("name", ["d/Dockerfile", "n" * 101, os.fsdecode(b"stra\xdfe")])
def test_a_dockerfile_that_cannot_go_by_its_own_name(root: Path, name: str) -> None:
    (root / name).write_text("FROM x")
    (root / ".dockerignore").write_text("d\n.dockerignore")
    context = Context.open(str(root), dockerfile=name)
    found = tar_of(context)
    assert "d" not in found
    assert found[context.dockerfile_name] == "FROM x"
    assert context.dockerfile_name.startswith(".dockerfile.")


def test_a_link_to_the_dockerfile_is_followed(root: Path) -> None:
    (root / "link").symlink_to("Dockerfile")
    context = Context.open(str(root), dockerfile=str(root / "link"))
    assert context.dockerfile_name == "Dockerfile"


def test_the_first_header_is_plain_whatever_the_first_entry_is(root: Path) -> None:
    (root / ("!" * 120)).touch()
    block = next(Context.open(str(root)).blocks(Tally()))
    assert tarfile.TarInfo.frombuf(block[:512], "utf-8", "strict").name == "Dockerfile"


def test_lower_case_will_do_when_there_is_nothing_else(root: Path) -> None:
    (root / "Dockerfile").rename(root / "dockerfile")
    assert Context.open(str(root)).dockerfile_name == "dockerfile"


@pytest.mark.parametrize(
    ("path", "options", "said"),
    [
        ("nowhere", {}, "^there is no build context directory .*/nowhere$"),
        ("context/a", {}, "^there is no build context directory .*/a$"),
        ("context", {"dockerfile": "d"}, "^cannot read the Dockerfile .*/d: Is a directory$"),
        ("context", {"dockerfile": "Nofile"}, "^there is no Dockerfile .*/context/Nofile$"),
        ("context/d", {}, "^there is no Dockerfile .*/context/d/Dockerfile$"),
    ],
)
def test_what_cannot_be_opened_is_named(root: Path, path: str, options: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Context.open(str(root.parent / path), **options)


def test_bad_ignore_files(root: Path) -> None:
    (root / "Dockerfile.dockerignore").write_text("a\n[\n")
    with pytest.raises(FormatError, match=r"bad pattern \[ in line 2 of .*/Dockerfile\.dockerignore"):
        Context.open(str(root))
    (root / "Dockerfile.dockerignore").unlink()
    (root / ".dockerignore").mkdir()
    with pytest.raises(UsageError, match=r"^cannot read the ignore file .*/\.dockerignore: Is a directory"):
        Context.open(str(root))


# ---- the stamps ------------------------------------------------------------------------------------------------------


def went_in(root: Path, **options: str) -> Stamps:
    context = Context.open(str(root), **options)
    tally = Tally()
    for _block in context.blocks(tally):
        pass
    assert context.look(tally.stamps) == tally.stamps
    return tally.stamps


def changes(before: Stamps, root: Path) -> list[str]:
    return stamps.differences(before, Context.open(str(root)).look(before))


def test_without_hashing_the_tar_is_the_same(root: Path) -> None:
    context, told, untold = Context.open(str(root)), Tally(), Tally(hashing=False)
    assert b"".join(context.blocks(told)) == b"".join(context.blocks(untold))
    assert (told.files, told.bytes) == (untold.files, untold.bytes)
    assert told.stamps and not untold.stamps


def test_the_tally_counts(root: Path) -> None:
    tally = Tally()
    list(Context.open(str(root)).blocks(tally))
    assert (tally.files, tally.bytes) == (3, 14)


CHANGES: dict[str, tuple[t.Callable[[Path], object], list[str]]] = {
    "content": (lambda root: (root / "a").write_text("X"), ["a modified"]),
    "size": (lambda root: (root / "a").write_text("AA"), ["a modified"]),
    "mode": (lambda root: (root / "a").chmod(0o755), ["a mode 0644 -> 0755"]),
    "mode of a directory": (lambda root: (root / "d").chmod(0o711), ["d mode 0755 -> 0711"]),
    "name": (lambda root: (root / "a").rename(root / "c"), ["a removed", "c added"]),
    "empty directory": (lambda root: (root / "e").mkdir(), ["e added"]),
    "target": (lambda root: os.replace(root.parent / "link", root / "l"), ["l modified"]),
    "type": (lambda root: os.replace(root.parent / "file", root / "l"), ["l modified"]),
    "hard link": (lambda root: os.link(root / "a", root / "h"), ["h added"]),
    "Dockerfile": (lambda root: (root / "Dockerfile").write_text("FROM x"), ["Dockerfile modified"]),
    "rules": (
        lambda root: (root / "Dockerfile.dockerignore").write_text("a"),
        ["Dockerfile.dockerignore added", "a removed"],
    ),
}


@pytest.mark.parametrize(("change", "said"), CHANGES.values(), ids=CHANGES)
def test_a_change_shows(root: Path, change: t.Callable[[Path], object], said: list[str]) -> None:
    (root / "l").symlink_to("a")
    (root.parent / "link").symlink_to("d")
    (root.parent / "file").write_text("a")
    (root / "d").chmod(0o755)
    (root / "a").chmod(0o644)
    before = went_in(root)
    change(root)
    assert changes(before, root) == said


def test_what_an_image_does_not_keep_does_not_show(root: Path) -> None:
    plant(root, _dockerignore=".dockerignore\nx*\n")
    before = went_in(root)
    os.utime(root / "a", (1, 1))
    plant(root, x1="new")
    assert changes(before, root) == []
    copy = plant(root.parent / "copy", d__b="B", a="A", Dockerfile="FROM scratch", _dockerignore="x*\n.dockerignore\n")
    assert changes(before, copy) == []


def test_memory_does_not_grow_with_the_context(tmp_path: Path) -> None:
    plant(tmp_path, Dockerfile="FROM scratch")
    with open(tmp_path / "big", "wb") as file:
        file.truncate(64 << 20)
    tracemalloc.start()
    try:
        size = sum(map(len, Context.open(str(tmp_path)).blocks(Tally())))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size > 64 << 20
    assert peak < 6 << 20
