# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a build is made of, on a real engine: what counts as a change, and that what is built is what is there."""

from __future__ import annotations

import os
import threading
import typing as t
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from ansible_collections.slipway.images.tests.support import engine as support
from ansible_collections.slipway.images.tests.support.module import play

NAME = "inputs/app:1"
Result = dict[str, t.Any]


@dataclass(frozen=True)
class Project:
    """A context, and the tasks that build it."""

    root: Path
    docker_host: str
    cache: Path
    builder: str

    def put(self, **files: str) -> None:
        """name -> text; `__` in a name is a slash, `_` a dot."""
        for name, text in files.items():
            path = self.root / name.replace("__", "/").replace("_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def rewrite(self, name: str, text: str) -> None:
        """Other bytes, and no trace of that but a ctime."""
        path = self.root / name
        before = path.stat()
        path.write_text(text)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    def play(self, check: bool = False, **options: t.Any) -> Result:
        given = {"name": NAME, "path": str(self.root), "docker_host": self.docker_host, "builder": self.builder}
        given["network"] = "none"  # an engine may have no bridge
        return play("image_build", check=check, environment={"XDG_CACHE_HOME": str(self.cache)}, **{**given, **options})

    def build(self, **options: t.Any) -> Result:
        """The result; check mode foretold it, and there is nothing to do afterwards."""
        check, run, again = (self.play(turn, nocache=True, **options) for turn in (True, False, True))
        for result in (check, run, again):
            assert not result.get("failed"), result
        assert (check["changed"], check["actions"]) == (run["changed"], run["actions"])
        assert check["diff"].get("prepared") == run["diff"].get("prepared")
        assert (again["changed"], again["actions"]) == (False, [])
        return run

    def told(self, **options: t.Any) -> list[str]:
        """What changed, line by line; a build puts that right."""
        check = self.play(True, **options)
        lines = str(check["diff"].get("prepared", "")).splitlines()
        assert bool(check["actions"]) == bool(lines)
        if lines:
            assert not self.play(**options).get("failed")
        return lines

    def shown(self, **options: t.Any) -> list[str]:
        """What the last step of a build that was due said."""
        return list(self.build(**options)["build"]["steps"][-1]["output"])

    @property
    def records(self) -> list[Path]:
        return sorted((self.cache / "slipway-images/builds").glob("*.build"))


@pytest.fixture
def buildkit(tmp_path: Path, docker_host: str, busybox_image: str) -> t.Iterator[Project]:
    root = tmp_path / "context"
    root.mkdir()
    made = Project(root, docker_host, tmp_path / "cache", "buildkit")
    made.put(Dockerfile=f"FROM {busybox_image}\nCOPY src /src\nRUN cat /src/a\n", src__a="one", README="r")
    yield made
    support.request(docker_host, "DELETE", f"/images/{NAME}?force=1")


@pytest.fixture(params=["buildkit", "classic"])
def project(request: pytest.FixtureRequest, buildkit: Project) -> Project:
    return replace(buildkit, builder=request.param)


def test_what_the_dockerfile_never_copies_is_no_change_to_buildkit(project: Project) -> None:
    project.build()
    project.put(README="changed", docs__new="n")
    others = ["README modified", "docs added", "docs/new added"]
    assert project.told() == ([] if project.builder == "buildkit" else others)
    project.put(src__b="b")
    (project.root / "src/a").chmod(0o755)
    assert project.told() == ["src/a mode 0644 -> 0755", "src/b added"]
    project.put(src__a="two")
    os.utime(project.root / "src/b")
    assert project.told() == ["src/a modified"]


@pytest.mark.parametrize(
    ("dockerfile", "used", "unused"),
    [
        ("FROM scratch\nCOPY s?c/*.c [d]ir /x/\n", ["src/a.c", "dir/f"], ["src/a.h", "other"]),
        ("FROM scratch\nADD link/f /\n", ["real/f"], ["real/g", "other"]),
        ("FROM %s\nRUN --mount=type=bind,source=src,target=/s cat /s/a.c\n", ["src/a.c", "src/a.h"], ["other"]),
        ("FROM %s\nRUN --mount=type=bind,target=/s cat /s/other\n", ["other", "src/a.h"], ["ignored"]),
        ("FROM scratch AS not\nCOPY other /\nFROM scratch AS one\nCOPY src/a.c /\n", ["src/a.c"], ["other"]),
        ("FROM scratch AS one\nCOPY other /\nFROM scratch\nCOPY --from=one /other /x\n", ["other"], ["src/a.c"]),
        ("FROM scratch\nARG WHICH=other\nCOPY $WHICH /\n", ["other"], ["src/a.c"]),
        ("FROM scratch\nCOPY . /\n", ["other", "Dockerfile.md"], ["ignored"]),
        ("FROM scratch\nCOPY .dockerignore /\n", [".dockerignore"], ["other"]),
        ("FROM scratch\nLABEL a=b\n", [], ["other", "src/a.c"]),
    ],
)
def test_what_counts(
    buildkit: Project, busybox_image: str, dockerfile: str, used: list[str], unused: list[str]
) -> None:
    project = buildkit
    project.put(src__a_c="a", src__a_h="h", dir__f="f", real__f="f", real__g="g", other="o", ignored="i")
    project.put(_dockerignore="ignored\n", Dockerfile_md="d")
    (project.root / "link").symlink_to("real")
    project.put(Dockerfile=dockerfile.replace("%s", busybox_image))
    assert project.play()["changed"]
    for name in unused:
        (project.root / name).write_text("another")
    assert project.told() == []
    for name in used:
        with open(project.root / name, "a") as file:
            file.write("\n# more")
        assert project.told() == [f"{name} modified"]


def test_the_dockerfile_and_what_it_selects(buildkit: Project) -> None:
    project = buildkit
    project.put(src__b="b")
    project.put(Dockerfile="FROM scratch\nARG WHICH=a\nCOPY src/$WHICH /\n")
    project.build()
    assert project.told(args={"WHICH": "b"}) == ["argument WHICH absent -> b"]
    project.put(src__a="unused now")
    assert project.told(args={"WHICH": "b"}) == []
    project.put(src__b="used now")
    assert project.told(args={"WHICH": "b"}) == ["src/b modified"]
    project.put(Dockerfile="FROM scratch\nCOPY src /\n")
    assert project.told() == ["Dockerfile modified", "argument WHICH b -> absent"]
    project.put(Dockerfile_dockerignore="src/b\n")
    assert project.told() == ["src/b removed"]


def test_the_same_size_and_time_and_other_bytes(project: Project) -> None:
    """The engine's own comparison misses that."""
    assert project.shown() == ["one"]
    project.rewrite("src/a", "two")
    assert project.shown() == ["two"]
    project.rewrite("src/a", "one")
    assert project.shown() == ["one"]


def test_who_always_asks_gets_what_is_there_too(buildkit: Project) -> None:
    for text in ("one", "two", "six"):
        buildkit.rewrite("src/a", text)
        assert buildkit.play(rebuild="always", nocache=True)["build"]["steps"][-1]["output"] == [text]
        assert buildkit.records == []


def test_after_a_build_that_failed(project: Project) -> None:
    project.build()
    good = (project.root / "Dockerfile").read_text()
    project.put(Dockerfile=good + "RUN false\n", src__b="b")
    assert project.play()["failed"]
    project.put(Dockerfile=good.replace("src/a", "src/a /src/b"))
    project.rewrite("src/b", "c")
    assert project.shown() == ["onec"]
    project.put(Dockerfile=good + "RUN false\n")
    assert project.play()["failed"]
    (project.root / "src/b").unlink()
    project.put(Dockerfile=good)
    assert project.shown() == ["one"]


def test_only_touched(project: Project) -> None:
    project.build()
    for name in ("src/a", "README", "Dockerfile"):
        os.utime(project.root / name)
    assert project.told() == []


def test_records_that_are_lost_or_cut_in_half(project: Project) -> None:
    project.build()
    for damage in (lambda data: data[: len(data) // 2], lambda data: b""):
        for file in (project.cache / "slipway-images/builds").iterdir():
            file.write_bytes(damage(file.read_bytes()))
        project.rewrite("src/a", "two")
        check, run = project.play(True), project.play(nocache=True)
        assert check["actions"] == run["actions"] == [f"build {NAME} (no record of what it was built of)"]
        assert run["build"]["steps"][-1]["output"] == ["two"]
        assert project.play()["actions"] == []


def test_the_images_are_pruned_by_another_hand(project: Project) -> None:
    project.build()
    support.request(project.docker_host, "DELETE", f"/images/{NAME}?force=1")
    assert project.build()["actions"] == [f"build {NAME} (it is not there yet)"]


def test_two_plays_at_once(project: Project) -> None:
    project.put(src__more="x" * 100_000)
    for text in ("one", "two"):
        project.put(src__a=text)
        with ThreadPoolExecutor(3) as plays:
            results = list(plays.map(lambda _play: project.play(), range(3)))
        assert not [result["msg"] for result in results if result.get("failed")]
        # Without a cache to share, each has made an image of its own; the name is the last one's.
        project.play()
        assert project.play()["actions"] == []


def test_a_clock_that_is_set_back(project: Project) -> None:
    """All that is there comes from the future then."""
    project.build()
    ahead = 4102444800  # 2100
    for name in ("src/a", "README"):
        os.utime(project.root / name, (ahead, ahead))
    assert project.told() == []
    project.rewrite("src/a", "two")
    assert project.shown() == ["two"]


def test_no_place_for_records(project: Project) -> None:
    project.cache.write_text("in the way")
    first, second = project.play(), project.play()
    assert first["changed"] and not second["changed"]
    for result in (first, second):
        assert "cannot keep a record of this build" in str(result["warnings"])


def test_proxies_are_no_input(project: Project) -> None:
    project.build()
    config = project.root.parent / "docker"
    config.mkdir()
    (config / "config.json").write_text('{"proxies": {"default": {"httpProxy": "http://127.0.0.1:9"}}}')
    assert project.told(docker_config=str(config)) == []


@pytest.fixture
def shelf(tmp_path: Path) -> t.Iterator[tuple[Path, str]]:
    """A directory, and the URL under which it is served, dates and all."""
    (tmp_path / "shelf").mkdir()
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "shelf"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield tmp_path / "shelf", "http://127.0.0.1:%d" % server.server_port
        server.shutdown()


def test_what_an_add_fetches_is_for_the_builder_to_compare(project: Project, shelf: tuple[Path, str]) -> None:
    """It asks the server each time. Check mode cannot, and says so."""
    directory, url = shelf
    (directory / "f").write_text("one")
    project.put(Dockerfile="FROM scratch\nARG FROM\nADD $FROM/f /f\nCOPY src /src\n")
    fetching = ["build %s (what is fetched by line 3 of the Dockerfile may have changed)" % NAME]

    def built() -> tuple[bool, str]:
        check = project.play(True, args={"FROM": url})
        run = project.play(args={"FROM": url})
        assert not run.get("failed"), run
        assert check["actions"] == run["actions"] and check["diff"]["after"] == {NAME: "(known after build)"}
        return run["changed"], run["actions"]

    assert built()[0] and built() == (False, fetching)
    (directory / "f").write_text("two")
    os.utime(directory / "f", (1_700_000_000, 1_700_000_000))  # the server tells whole seconds
    assert built() == (True, fetching) and built() == (False, fetching)
    (project.root / "src/a").write_text("another")
    assert built() == (True, fetching)
    project.put(Dockerfile="FROM scratch\nCOPY src /src\n")
    project.build()  # there is a record again
