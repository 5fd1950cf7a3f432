# Copyright: (c) 2026, the slipway.images authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is foretold of `changes` against what a real engine makes of them, over instructions put together at random."""

from __future__ import annotations

import json
import random
import typing as t

import pytest
from ansible_collections.slipway.images.plugins.module_utils.engine import archives, images
from ansible_collections.slipway.images.plugins.module_utils.engine.client import Engine
from ansible_collections.slipway.images.plugins.module_utils.errors import EngineError, UsageError
from ansible_collections.slipway.images.plugins.module_utils.image import changes
from ansible_collections.slipway.images.plugins.module_utils.image.reference import Reference
from ansible_collections.slipway.images.plugins.module_utils.task.connect import connect
from ansible_collections.slipway.images.plugins.modules.image_import import SPEC
from ansible_collections.slipway.images.tests.support.fake import params

NAME = Reference.parse("changes/oracle:1")
EMPTY = bytes(1024)
ROUNDS = 60
ATOMS = [
    *("a", "b c", "'q w'", '"d $A e"', "$A", "${A}", "${B:-x}", "${A:+y}", "\\ ", "\\$A", "/p", "..", '"x\\"y"'),
    *("'s\\t'", "=", "$", "é", "x\\", '"\\a"', "a'b'\"c\"", "$$", "#", "80", "[", "]", ",", "{}", "${A", "'", '"'),
]
KINDS = [
    *("CMD", "ENTRYPOINT", "ENV", "ENV", "ENV", "LABEL", "LABEL", "EXPOSE"),
    *("VOLUME", "USER", "WORKDIR", "WORKDIR", "ONBUILD", "HEALTHCHECK"),
]
PORTS = ["80", "90/udp", "1-3", "5-6/TCP", "8080:81", "$P", "70000", "x"]
CHECKS = ["NONE", "CMD a", '--interval=1m30s --retries=2 CMD ["a"]', "--timeout=1.5s --start-period=100ms CMD x", "x"]


class Chance(random.Random):
    def word(self) -> str:
        return "".join(self.choice(ATOMS) for _turn in range(self.randint(1, 3))).strip() or "a"

    def change(self) -> str:
        kind = self.choice(KINDS)
        return "%s %s" % (kind, self.rest(kind))

    def rest(self, kind: str) -> str:
        if kind in ("ENV", "LABEL") and self.random() < 0.8:
            keys = ["A", "B", "C", "'k k'", "$A"]
            return " ".join("%s=%s" % (self.choice(keys), self.word()) for _turn in range(self.randint(1, 3)))
        if kind in ("CMD", "ENTRYPOINT", "VOLUME") and self.random() < 0.5:
            return json.dumps([self.word() for _turn in range(self.randint(1, 3))])
        tables: dict[str, t.Callable[[], str]] = {
            "ENV": lambda: "A " + self.word(),
            "LABEL": lambda: "B " + self.word(),
            "EXPOSE": lambda: "%s %s" % (self.choice(PORTS), self.choice(PORTS)),
            "HEALTHCHECK": lambda: self.choice(CHECKS),
            "ONBUILD": lambda: "RUN a" + self.word().replace("\\", ""),
        }
        return tables.get(kind, self.word)()


@pytest.fixture(scope="module")
def engine(docker_host: str) -> t.Iterator[Engine]:
    with connect(params(SPEC, docker_host=docker_host), []) as engine:
        yield engine


@pytest.mark.parametrize("seed", range(3))
def test_changes(engine: Engine, seed: int) -> None:
    chance = Chance(seed)
    agreed = 0
    for _round in range(ROUNDS):
        given = [chance.change() for _turn in range(chance.randint(1, 4))]
        try:
            list(archives.create(engine, NAME, [EMPTY], given))
        except EngineError:
            with pytest.raises(UsageError):
                pytest.fail("the engine refuses %s, and yet we make %s of it" % (given, changes.config(given)))
            continue
        made, attrs = changes.config(given), images.inspect(engine, str(NAME))
        assert changes.same(made, attrs), "%s: %s, but the engine has %s" % (given, made, attrs["Config"])
        agreed += 1
    assert agreed > ROUNDS / 4
