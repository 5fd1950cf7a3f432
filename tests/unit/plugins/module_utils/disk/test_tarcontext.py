# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from ansible_collections.slipway.images.plugins.module_utils.disk.context import Tally
from ansible_collections.slipway.images.plugins.module_utils.disk.stamps import differences
from ansible_collections.slipway.images.plugins.module_utils.disk.tarcontext import LoneDockerfile, TarContext
from ansible_collections.slipway.images.plugins.module_utils.errors import FormatError, UsageError
from ansible_collections.slipway.images.tests.support import archives
from ansible_collections.slipway.images.tests.support.archives import Members

MEMBERS: Members = {
    "./app/main.py": b"print()",
    "./Dockerfile": b"FROM scratch\n",
    "docker/Prod": b"FROM prod\n",
    "after": b"x" * 3000000,
}


NAMED = """
import sys
from ansible_collections.slipway.images.plugins.module_utils.disk.tarcontext import TarContext
name = "Rezept f\\xfcr \\xd6l"
print(TarContext.open(sys.argv[1], name).dockerfile_name == name)
"""


def written(tmp_path: Path, members: Members, compression: str = "none") -> str:
    path = tmp_path / "context.tar"
    path.write_bytes(archives.COMPRESSIONS[compression](archives.tar(members)))
    return str(path)


@pytest.mark.parametrize("compression", archives.COMPRESSIONS)
def test_the_plain_tar_is_sent(tmp_path: Path, compression: str) -> None:
    context = TarContext.open(written(tmp_path, MEMBERS, compression))
    assert (context.dockerfile, context.dockerfile_name) == (b"FROM scratch\n", "Dockerfile")
    tally = Tally()
    blocks = list(context.blocks(tally))
    assert b"".join(blocks) == archives.tar(MEMBERS)
    assert max(map(len, blocks)) == 1 << 20
    assert context.look(tally.stamps) == tally.stamps
    assert not differences(tally.stamps, TarContext.open(written(tmp_path, MEMBERS)).look(tally.stamps))


@pytest.mark.parametrize(
    ("asked", "name", "text"),
    [
        ("docker/Prod", "docker/Prod", b"FROM prod\n"),
        ("./docker//Prod", "docker/Prod", b"FROM prod\n"),
        ("./Dockerfile", "Dockerfile", b"FROM scratch\n"),
    ],
)
def test_which_dockerfile(tmp_path: Path, asked: str, name: str, text: bytes) -> None:
    context = TarContext.open(written(tmp_path, MEMBERS), asked)
    assert (context.dockerfile_name, context.dockerfile) == (name, text)


def test_an_engine_sees_by_1024_bytes_that_it_is_a_tar(tmp_path: Path) -> None:
    path, dockerfile = tmp_path / "context.tar", tarfile.TarInfo("Dockerfile")
    dockerfile.mtime, dockerfile.size = 1.5, 12  # half a second is told in a header of its own
    with tarfile.open(path, "w") as tar:
        tar.addfile(dockerfile, io.BytesIO(b"FROM scratch"))
    context, tally = TarContext.open(str(path)), Tally()
    sent = b"".join(context.blocks(tally))
    assert (
        tarfile.TarInfo.frombuf(sent[:512], "utf-8", "strict").name == "Dockerfile" and sent[512:524] == b"FROM scratch"
    )
    assert sent[1024:] == path.read_bytes() and context.look(tally.stamps) == tally.stamps


@pytest.mark.parametrize("format", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_a_dockerfile_of_any_name_in_any_locale(tmp_path: Path, format: int) -> None:
    with tarfile.open(tmp_path / "context.tar", "w", format=format, encoding="utf-8") as tar:
        tar.addfile(tarfile.TarInfo("Rezept für Öl"))
    done = subprocess.run(
        [sys.executable, "-c", NAMED, str(tmp_path / "context.tar")],
        env={**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "True\n", done.stderr


@pytest.mark.parametrize(
    ("after", "said"),
    [(b"y", ["the archive modified"]), (b"y" * 3000000, ["the archive modified"]), (MEMBERS["after"], [])],
)
def test_another_tar_is_a_change_and_its_permissions_are_none(tmp_path: Path, after: bytes, said: list[str]) -> None:
    context, tally = TarContext.open(written(tmp_path, MEMBERS)), Tally()
    list(context.blocks(tally))
    Path(written(tmp_path, {**MEMBERS, "after": after})).chmod(0o600)
    assert differences(tally.stamps, context.look(tally.stamps)) == said
    assert differences({}, context.look({})) == ["the archive added"]


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("Dockerfile", "docker/Prod"),
        ("docker/Dockerfile", "Prod"),
        ("docker/Dockerfile", "../docker/../../docker/Prod"),
        ("docker/Dockerfile", "/docker/Prod"),
    ],
)
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_a_dockerfile_that_is_a_link(tmp_path: Path, link: str, target: str, first: bool, compression: str) -> None:
    linked: Members = {link: target}
    rest: Members = {"docker/Prod": b"FROM prod\n"}
    members = {**linked, **rest} if first else {**rest, **linked}
    context = TarContext.open(written(tmp_path, members, compression), link)
    assert (context.dockerfile_name, context.dockerfile) == (link, b"FROM prod\n")


def test_a_dockerfile_that_is_a_hard_link(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        first = tarfile.TarInfo("docker/Prod")
        first.size = 4
        tar.addfile(first, io.BytesIO(b"FROM"))
        second = tarfile.TarInfo("Dockerfile")
        second.type, second.linkname = tarfile.LNKTYPE, "docker/Prod"
        tar.addfile(second)
    assert TarContext.open(str(tmp_path / "x.tar")).dockerfile == b"FROM"


@pytest.mark.parametrize(
    "members", [{"Dockerfile": "Dockerfile"}, {"Dockerfile": "b", "b": "Dockerfile"}, {"Dockerfile": "nowhere"}, {}]
)
def test_there_is_no_dockerfile(tmp_path: Path, members: Members) -> None:
    with pytest.raises(UsageError, match=r"there is no Dockerfile in the archive .*context\.tar: name the"):
        TarContext.open(written(tmp_path, members))


def test_a_directory_is_no_dockerfile(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").mkdir()
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        tar.add(tmp_path / "Dockerfile", "Dockerfile")
    with pytest.raises(UsageError, match="there is no Dockerfile"):
        TarContext.open(str(tmp_path / "x.tar"))


@pytest.mark.parametrize("data", [b"", b"text", b"\x1f\x8b\x08 and no more", b"BZh91AY&SY"])
def test_what_is_no_tar(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.tar").write_bytes(data)
    with pytest.raises(FormatError, match=r"x\.tar is "):
        TarContext.open(str(tmp_path / "x.tar"))


def test_cut_anywhere_it_is_whole_or_an_error(tmp_path: Path) -> None:
    members: Members = {"a": b"a" * 600, "Dockerfile": b"FROM scratch\n" * 60}
    whole = archives.tar(members)
    path = tmp_path / "x.tar"
    for cut in range(0, len(whole), 128):
        path.write_bytes(whole[:cut])
        try:
            assert TarContext.open(str(path)).dockerfile == members["Dockerfile"]
        except (FormatError, UsageError) as error:
            assert "\n" not in str(error)


def test_there_is_no_archive(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        TarContext.open(str(tmp_path / "none.tar"))


def test_a_dockerfile_alone() -> None:
    context = LoneDockerfile(b"FROM scratch\n")
    tally = Tally()
    sent = b"".join(context.blocks(tally))
    with tarfile.open(fileobj=io.BytesIO(sent)) as tar:
        (member,) = tar.getmembers()
        found = tar.extractfile(member)
        assert found and found.read() == b"FROM scratch\n"
    assert (member.name, member.uid, member.gid, member.mode) == ("Dockerfile", 0, 0, 0o644)
    assert sent.endswith(bytes(1024)) and len(sent) % 512 == 0
    assert tally.stamps == context.look({}) == {}


def test_without_hashing_the_same_is_sent(tmp_path: Path) -> None:
    context, told, untold = TarContext.open(written(tmp_path, MEMBERS)), Tally(), Tally(hashing=False)
    assert b"".join(context.blocks(told)) == b"".join(context.blocks(untold))
    assert told.stamps and not untold.stamps
    assert (told.files, told.bytes) == (untold.files, untold.bytes)
