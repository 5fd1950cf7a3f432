# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""It tells the truth, whatever came before: random lives of an engine, and the law of every module at each step.

`SLIPWAY_TRUTH_STEPS` is how many tasks to hold to it; `make truth` takes thousands, and other ones each time.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import tarfile
import typing as t
from collections import Counter
from pathlib import Path

import pytest
from ansible_collections.slipway.images.tests.support.law import keep
from ansible_collections.slipway.images.tests.support.store import Store
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

STEPS = int(os.environ.get("SLIPWAY_TRUTH_STEPS", "300"))
LENGTH = 50  # steps of a life

NAMES = ["a:1", "a:2", "b:1", "b:latest", "c/d:1"]
TEXTS = ["one", "two", "three"]
DOCKERFILES = {
    "all": "FROM scratch\nCOPY . /\n",
    "some": "FROM scratch\nCOPY src/x /x\nLABEL l=1\n",
    "stages": "FROM scratch AS one\nCOPY src /\nFROM scratch\nCOPY --from=one /x /y\nCOPY README /\n",
    "args": "ARG V=0\nFROM scratch\nARG V\nLABEL v=$V\nCOPY src/y /\n",
    "on another": "FROM c/d:1\nCOPY src/x /z\n",
}
names = st.sampled_from(NAMES)
choices = st.integers(0, 11)


class Life(RuleBasedStateMachine):
    """Edits, tasks, and another hand that does as it likes with the engine.

    What is drawn hangs on nothing that a life has left behind: Hypothesis lives some of them again.
    """

    store: t.ClassVar[Store]
    registry: t.ClassVar[str]
    scratch: t.ClassVar[Path]
    kept: t.ClassVar[Counter[str]] = Counter()
    lives = itertools.count()

    @initialize()
    def begin(self) -> None:
        self.store.clear()
        shutil.rmtree(self.scratch / "cache", ignore_errors=True)
        self.life = "life%d" % next(self.lives)
        self.home = self.scratch / self.life
        self.pushed: set[str] = set()
        self.context = self.home / "context"
        (self.context / "src").mkdir(parents=True)
        for path in ("src/x", "src/y", "README"):
            (self.context / path).write_text("one")
        (self.context / "Dockerfile").write_text(DOCKERFILES["some"])
        self.law("image_build", name="c/d:1", path=str(self.context), builder="classic")

    def teardown(self) -> None:
        if hasattr(self, "home"):
            shutil.rmtree(self.home)

    def law(self, module: str, **options: t.Any) -> None:
        result = keep(self.store, module, **{key: value for key, value in options.items() if value is not None})
        self.kept[module, "failed" if result.get("failed") else "changed" if result["changed"] else "ok"] += 1

    def forget(self, name: str) -> None:
        """Another hand: the engine refuses what is needed or gone."""
        with contextlib.suppress(AssertionError):
            self.store.call("DELETE", "/images/%s" % name, force=1)

    def here(self) -> list[str]:
        return sorted(itertools.chain(*self.store.images().values()))

    def some(self, choice: int) -> str:
        """A name: mostly one that is here."""
        here = [name for name in self.here() if name in NAMES]
        return here[choice % len(here)] if here and choice < 10 else NAMES[choice % len(NAMES)]

    def archives(self) -> list[Path]:
        return sorted(self.home.glob("*.tar"))

    def published(self, name: str) -> str:
        return "%s/%s/%s" % (self.registry, self.life, name)

    # What goes into a build

    @rule(path=st.sampled_from(["src/x", "src/y", "src/new", "README", "junk.log"]), text=st.sampled_from(TEXTS))
    def edit(self, path: str, text: str) -> None:
        (self.context / path).write_text(text)

    @rule(path=st.sampled_from(["src/x", "README"]), mode=st.sampled_from([0o644, 0o600, 0o755]))
    def chmod(self, path: str, mode: int) -> None:
        (self.context / path).chmod(mode)

    @rule(path=st.sampled_from(["src/x", "src/y", "README"]), age=st.integers(0, 3))
    def touch(self, path: str, age: int) -> None:
        os.utime(self.context / path, (1_600_000_000 + age, 1_600_000_000 + age))

    @rule(which=st.sampled_from(sorted(DOCKERFILES)))
    def rewrite(self, which: str) -> None:
        (self.context / "Dockerfile").write_text(DOCKERFILES[which])

    @rule(text=st.sampled_from(["", "*.log", "src/new", "README"]))
    def ignore(self, text: str) -> None:
        (self.context / ".dockerignore").write_text(text)

    # Tasks

    @rule(
        name=names,
        more=st.lists(names, max_size=1),
        builder=st.sampled_from(["classic", "buildkit", "auto"]),
        value=st.sampled_from([None, "1", "2"]),
        rebuild=st.sampled_from(["changed", "changed", "changed", "never"]),
    )
    def build(self, name: str, more: list[str], builder: str, value: str | None, rebuild: str) -> None:
        if "FROM c/d:1" in (self.context / "Dockerfile").read_text():
            if "c/d:1" in (name, *more):
                return  # on itself: each build makes another base of it, and there is no end to that
            if "c/d:1" not in self.here():
                return  # whether a registry has it only the builder finds out
        args = {} if value is None else {"V": value}
        path = str(self.context)
        self.law("image_build", name=name, tags=more, path=path, builder=builder, args=args, rebuild=rebuild)

    @rule(
        choice=choices,
        to=st.lists(names, min_size=1, max_size=2),
        existing=st.sampled_from(["overwrite", "keep", "fail"]),
    )
    def tag(self, choice: int, to: list[str], existing: str) -> None:
        self.law("image_tag", name=self.some(choice), targets=to, existing=existing)

    @rule(choice=choices, force=st.booleans())
    def remove(self, choice: int, force: bool) -> None:
        self.law("image_remove", name=self.some(choice), force=force)

    @rule(pattern=st.sampled_from(["a:*", "b", "*:1"]))
    def remove_pattern(self, pattern: str) -> None:
        self.law("image_remove", names=[pattern])

    @rule(choice=choices, to=names)
    def push(self, choice: int, to: str) -> None:
        name = self.some(choice)
        if name in self.here():
            self.store.tag(name, self.published(to))
            self.pushed.add(self.published(to))
        self.law("image_push", name=self.published(to))

    @rule(choice=choices, pull=st.sampled_from(["missing", "always", "always", "never"]))
    def pull(self, choice: int, pull: str) -> None:
        there = sorted(self.pushed) if choice < 10 else []
        name = there[choice % len(there)] if there else self.published(NAMES[choice % len(NAMES)])
        self.law("image_pull", name=name, pull=pull)

    @rule(choice=choices)
    def lose_what_was_pushed(self, choice: int) -> None:
        if self.pushed:
            self.forget(sorted(self.pushed)[choice % len(self.pushed)])

    @rule(which=st.lists(choices, min_size=1, max_size=2, unique=True), file=st.integers(0, 2), gz=st.booleans())
    def save(self, which: list[int], file: int, gz: bool) -> None:
        path = str(self.home / ("%d.tar" % file))
        self.law(
            "image_save",
            names=sorted({self.some(choice) for choice in which}),
            path=path,
            compression="gz" if gz else "none",
        )

    @rule(choice=choices)
    def load(self, choice: int) -> None:
        if archives := self.archives():
            self.law("image_load", path=str(archives[choice % len(archives)]))

    @rule(
        dangling=st.sampled_from([True, False]),
        keep_last=st.sampled_from([None, None, 1, 2]),
        protect=st.lists(st.sampled_from(["a:*", "b:latest"]), max_size=1),
    )
    def prune(self, dangling: bool, keep_last: int | None, protect: list[str]) -> None:
        self.law("image_prune", dangling=None if keep_last else dangling, keep_last=keep_last, protect=protect)

    @rule(name=names, text=st.sampled_from(TEXTS))
    def import_(self, name: str, text: str) -> None:
        rootfs = self.home / "rootfs.bin"
        (self.home / "file").write_text(text)
        with tarfile.open(rootfs, "w") as tar:
            member = tar.gettarinfo(str(self.home / "file"), "file")
            member.mtime = 0
            with (self.home / "file").open("rb") as file:
                tar.addfile(member, file)
        self.law("image_import", name=name, path=str(rootfs))

    @rule(name=names)
    def info(self, name: str) -> None:
        self.law("image_info", name=[name])

    # Another hand

    @rule(choice=choices)
    def use(self, choice: int) -> None:
        if (name := self.some(choice)) in self.here():
            self.store.container(name)

    @rule()
    def stop_using(self) -> None:
        for container in self.store.containers():
            self.store.call("DELETE", "/containers/%s" % container, force=1)

    @rule(name=names)
    def lose(self, name: str) -> None:
        self.forget(name)

    @rule(choice=choices, to=names)
    def move(self, choice: int, to: str) -> None:
        if (name := self.some(choice)) in self.here():
            self.store.tag(name, to)

    @rule(choice=choices, left=st.integers(0, 200))
    def spoil_a_record(self, choice: int, left: int) -> None:
        if records := sorted(self.scratch.glob("cache/slipway-images/**/*.*")):
            record = records[choice % len(records)]
            record.write_bytes(record.read_bytes()[:left])


def test_it_tells_the_truth(
    fresh_engine: t.Callable[..., str],
    registry: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    Life.store, Life.registry, Life.scratch = Store(fresh_engine()), registry, tmp_path
    chosen = settings(
        max_examples=-(-STEPS // LENGTH) + 2,
        stateful_step_count=LENGTH,
        deadline=None,
        derandomize="SLIPWAY_TRUTH_STEPS" not in os.environ,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    while Life.kept.total() < STEPS:
        run_state_machine_as_test(Life, settings=chosen)
    print("tasks held to the law: %d %s" % (Life.kept.total(), dict(Life.kept)))
